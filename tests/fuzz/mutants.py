"""Requests made from good ones by what goes wrong on purpose: the closer to valid, the further in they get."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from deliveries import ALL_SOURCES, Signed, new_id, payment_of, signed
from hypothesis import strategies as st

NASTY = st.sampled_from(
    [
        *(b"\x00", b"\r\n", b"\r\n\r\n", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"%00", b"../", b"{{7*7}}"),
        *(b"$gt", b"__proto__", b"1e999", b"-0", b"NaN", b"[" * 500, b"9" * 400, b"${jndi:ldap://x}", b"\x1b[2J"),
    ]
)
BYTES = NASTY | st.binary(min_size=1, max_size=24)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["", "-1", "1e400", "NaN", "9" * 60, "\x00", "\ud800", "USD", "JPY", "1.005"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$ne", "id", "a.b", ""]), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = st.sampled_from(
    ["tx_id", "amount", "currency", "type", "event", "id", "data", "object", "payload", "kind", "created", "$set"]
)
NAMES = st.sampled_from(
    [
        *(
            "Content-Length",
            "Transfer-Encoding",
            "Content-Type",
            "Content-Encoding",
            "Expect",
            "Prefer",
            "Upgrade",
            "Host",
        ),
        *(
            "X-Timestamp",
            "X-Signature",
            "Stripe-Signature",
            "webhook-id",
            "webhook-timestamp",
            "X-Forwarded-For",
            "Cookie",
        ),
        *("Connection", "X-API-Key", "Authorization", "X-HTTP-Method-Override", "Trailer", "TE", "Range"),
    ]
).map(str.encode)
LINES = st.tuples(
    NAMES | BYTES, BYTES | st.sampled_from([b"chunked", b"0", b"100-continue", b"wait=1", b"gzip", b"close"])
)
PATHS = st.sampled_from(
    [b"/metrics", b"/mcp", b"/transaction/", b"/wallets/", b"/events/", b"/health", b"/webhooks/", b"*", b"//"]
)

Change = Callable[[Any], Any]


def _with_json(change: Change) -> Change:
    return lambda body: json.dumps(change(json.loads(body))).encode()


def _put(key: str, value: Any) -> Change:
    return _with_json(lambda event: {**event, key: value})


def _inside(key: str, value: Any) -> Change:
    """The same, one or two levels down, where providers keep the payment."""

    def change(event: dict[str, Any]) -> dict[str, Any]:
        for name in ("data", "payload"):
            if isinstance(event.get(name), dict):
                return {**event, name: {inner: {**thing, key: value} if isinstance(thing, dict) else thing
                                        for inner, thing in event[name].items()} | {key: value}}  # fmt: skip
        return {**event, key: value}

    return _with_json(change)


def _spliced(at: int, piece: bytes, gone: int) -> Change:
    return lambda body: (lambda start: body[:start] + piece + body[start + gone :])(at % (len(body) + 1))


BODY_CHANGES = (
    st.builds(_put, KEYS, VALUES)
    | st.builds(_inside, KEYS, VALUES)
    | st.builds(_spliced, st.integers(0, 5_000), BYTES, st.integers(0, 3))
    | st.just(lambda body: body)
)


@st.composite
def deliveries(draw: st.DrawFn) -> Signed:
    """Of any source; with a signature over what the body became, or over what it was."""
    source = draw(st.sampled_from(ALL_SOURCES))
    good = signed(source, payment_of(source, wallet=new_id("w")))
    body = draw(BODY_CHANGES)(good.body)
    return signed(source, body) if draw(st.booleans()) else replace(good, body=body)


@st.composite
def requests(draw: st.DrawFn) -> list[bytes]:
    """What goes over the wire, in pieces."""
    delivery = draw(deliveries())
    lines = [(name.encode(), value.encode("latin-1", "replace")) for name, value in delivery.headers.items()]
    lines += [(b"Host", b"gateway"), (b"Connection", b"close"), (b"Content-Length", b"%d" % len(delivery.body))]
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        line = draw(LINES)
        at = draw(st.integers(0, len(lines)))
        lines[at : at + draw(st.integers(0, 1))] = [line] * draw(st.sampled_from([1, 1, 1, 2, 130]))
    method = draw(st.sampled_from([b"POST"] * 9 + [b"GET", b"DELETE", b"PATCH"]))
    path = draw(PATHS) + draw(BYTES) if not draw(st.integers(0, 5)) else delivery.path.encode()
    version = draw(st.sampled_from([b"HTTP/1.1"] * 9 + [b"HTTP/1.0", b"HTTP/2.0", b"ICY"]))
    wire = b"%s %s %s\r\n" % (method, path, version)
    wire += b"".join(b"%s: %s\r\n" % line for line in lines) + b"\r\n" + delivery.body
    if not draw(st.integers(0, 7)):
        wire = _spliced(draw(st.integers(0, 5_000)), draw(BYTES), draw(st.integers(0, 4)))(wire)
    cuts = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=3)))
    return [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
