"""Attacks on the socket and the router: sizes, framings, methods and paths that no provider uses."""

from typing import Final

from simulators.attacks.attack import Attack, Target
from simulators.http import Header, Reply, chunked

_JSON_TYPE: Final = ("Content-Type", "application/json")


def framed(name: str, tries: str, framing: list[Header], body: bytes, *expects: int) -> Attack:
    """An unsigned post whose length headers are `framing`."""

    async def send(target: Target) -> Reply:
        return await target.request("POST", "/webhooks/payments", [_JSON_TYPE, *framing], body)

    return Attack("transport", name, tries, expects, send, ())


def routed(name: str, tries: str, method: str, path: str, *expects: int, more: Header | None = None) -> Attack:
    """A small post, or another method, to a path; `more` is a header that would change where it goes."""

    async def send(target: Target) -> Reply:
        headers = [_JSON_TYPE, ("Content-Length", "2"), *([more] if more else [])]
        return await target.request(method, path, headers, b"{}")

    return Attack("transport", name, tries, expects, send, ())


async def _declared(target: Target) -> Reply:
    headers = [_JSON_TYPE, ("Content-Length", str(target.body_bytes_max + 1))]
    return await target.request("POST", "/webhooks/payments", headers, b"{")


async def _chunks(target: Target) -> Reply:
    """Never declares a length and never ends; signed headers, so that only the size can be the objection."""
    body = b" " * (target.body_bytes_max + 65_536)
    headers = [_JSON_TYPE, ("Transfer-Encoding", "chunked"), *target.signed("payments", body)]
    return await target.request("POST", "/webhooks/payments", headers, chunked(body))


TRANSPORT_ATTACKS: Final = (
    Attack("transport", "oversized, declared", "one byte over the limit, only announced", (413,), _declared, ()),
    Attack("transport", "oversized, chunked", "no length, and no end", (413,), _chunks),
    framed("absurd length", "a petabyte announced", [("Content-Length", str(10**15))], b"{", 413),
    framed("negative length", "less than nothing", [("Content-Length", "-1")], b"{}", 400),
    framed(
        "length and chunks together",
        "request smuggling",
        [("Content-Length", "2"), ("Transfer-Encoding", "chunked")],
        b"2\r\n{}\r\n0\r\n\r\n",
        400,
    ),
    framed("two lengths", "request smuggling", [("Content-Length", "2"), ("Content-Length", "50")], b"{}", 400),
    routed("unknown source", "a provider nobody configured", "POST", "/webhooks/unknown", 404),
    routed("upper-case source", "another spelling", "POST", "/webhooks/STRIPE", 404),
    routed("path traversal", "dots between slashes", "POST", "/webhooks/../webhooks/payments", 403, 404, 408),
    routed("encoded traversal", "dots and slashes in disguise", "POST", "/webhooks/%2e%2e%2fetc%2fpasswd", 404),
    routed("NUL in the path", "ends a C string", "POST", "/webhooks/stripe%00", 404),
    routed("CRLF in the path", "would split a log line", "POST", "/webhooks/stripe%0d%0aX:%20y", 404),
    routed("not UTF-8 in the path", "a byte that starts nothing", "POST", "/webhooks/%ff", 404),
    routed("endless source", "four thousand characters", "POST", "/webhooks/" + "a" * 4_000, 400, 404, 414),
    routed("GET", "reading a webhook", "GET", "/webhooks/payments", 405),
    routed("DELETE", "another method", "DELETE", "/webhooks/razorpay", 405),
    routed("invented method", "which HTTP does not have", "BREW", "/webhooks/payments", 400, 405, 501),
    routed("dot in the path", "a folder that is itself", "POST", "/webhooks/./payments", 403, 404, 408),
    routed("two slashes", "an empty folder", "POST", "//webhooks/payments", 400, 404),
    routed("slash at the end", "another spelling of a door", "POST", "/webhooks/payments/", 404),
    routed("encoded slash", "one segment to some, two to others", "POST", "/webhooks%2fpayments", 403, 404, 408),
    routed("encoded letter", "the same door in disguise is the same door", "POST", "/webhooks/pay%6dents", 403, 408),
    routed("encoded twice", "decoded twice somewhere?", "POST", "/webhooks/%2570ayments", 404),
    routed("backslash", "a slash to some", "POST", "/webhooks\\payments", 400, 404),
    routed("path parameters", "cut off by some servers", "POST", "/webhooks/payments;x=1", 404),
    routed("blank at the end", "trimmed by some", "POST", "/webhooks/payments%20", 404),
    routed("full-width letters", "folded to ASCII somewhere?", "POST", "/webhooks/%EF%BD%90ayments", 404),
    routed("prototype as a source", "an attribute, not a source", "POST", "/webhooks/__proto__", 404),
    routed("constructor as a source", "an attribute, not a source", "POST", "/webhooks/constructor", 404),
    routed(
        "source in the query", "says another source than the path", "POST", "/webhooks/payments?source=stripe", 403, 408
    ),
    routed("fragment in the path", "cut off by some", "POST", "/webhooks/payments#/metrics", 400, 403, 404, 408),
    routed(
        "method override",
        "GET that would be POST",
        "GET",
        "/webhooks/payments",
        405,
        more=("X-HTTP-Method-Override", "POST"),
    ),
    routed(
        "original URL",
        "a path behind the path",
        "POST",
        "/webhooks/nobody",
        404,
        more=("X-Original-URL", "/webhooks/payments"),
    ),
    routed(
        "rewritten URL", "a path behind the path", "POST", "/webhooks/nobody", 404, more=("X-Rewrite-URL", "/health")
    ),
    routed("TRACE", "would echo what a proxy added", "TRACE", "/webhooks/payments", 400, 405),
)
