"""Attacks on the parser: requests that two servers in a row would read differently, and heads without measure.

Request smuggling after RFC 9112, 6.3 and 11.2, and the obfuscations known from practice. All are unsigned, or signed and
spoiled: what is read at all must end at the wall.
"""

import asyncio
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from simulators.attacks.attack import Attack, Target
from simulators.http import Reply, chunked

_HOST: Final = "Host: gateway"
_JSON: Final = "Content-Type: application/json"
_END: Final = "Connection: close"
_TWO: Final = "Content-Length: 2"
_CHUNKED: Final = "Transfer-Encoding: chunked"
_NOTHING: Final = b"0\r\n\r\n"
_CHUNKS: Final = b"2\r\n{}\r\n" + _NOTHING
_HIDDEN: Final = b"GET /metrics HTTP/1.1\r\nHost: gateway\r\n\r\n"


def spelled(name: str, tries: str, lines: list[str], body: bytes, *expects: int, first: str = "") -> Attack:
    """A post to the native source of exactly these header lines; `first` is another request line."""
    head = "\r\n".join([first or "POST /webhooks/payments HTTP/1.1", _HOST, _JSON, _END, *lines])
    wire = head.encode("latin-1") + b"\r\n\r\n" + body

    async def send(target: Target) -> Reply:
        return await target.raw(wire)

    return Attack("framing", name, tries, expects or (400,), send, ())


def literal(name: str, tries: str, wire: bytes, *expects: int) -> Attack:
    """These very bytes."""

    async def send(target: Target) -> Reply:
        return await target.raw(wire)

    return Attack("framing", name, tries, expects or (400,), send, ())


async def _signature_in_a_trailer(target: Target) -> Reply:
    """Where a proxy that checks headers does not look."""
    body = target.event("payments").body
    trailer = "".join(f"{name}: {value}\r\n" for name, value in target.signed("payments", body))
    head = f"POST /webhooks/payments HTTP/1.1\r\n{_HOST}\r\n{_JSON}\r\n{_END}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return await target.raw(head.encode() + chunked(body) + b"0\r\n" + trailer.encode() + b"\r\n")


def beside(name: str, tries: str, half: bytes, count: int = 100) -> Attack:
    """`count` connections that each say `half` and then nothing, while somebody else asks whether the gateway lives."""

    async def send(target: Target) -> Reply:
        parts = urlsplit(target.url)
        opened = []
        try:
            for _ in range(count):
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
                    opened.append(writer)
                    writer.write(half)
            return await target.request("GET", "/health", [])
        finally:
            for writer in opened:
                writer.close()

    return Attack("framing", name, tries, (200,), send, ())


FRAMING_ATTACKS: Final = (
    spelled("CL.TE", "a length for one server, chunks for the next", ["Content-Length: 6", _CHUNKED], _NOTHING + b"G"),
    spelled("TE.CL", "chunks for one server, a length for the next", [_CHUNKED, "Content-Length: 4"], _CHUNKS),
    spelled(
        "length and a hidden request",
        "read on as a request by the next server",
        [_TWO, "Content-Length: 0"],
        b"{}" + _HIDDEN,
    ),
    spelled("space before the colon", "a header for some, none for others", ["Transfer-Encoding : chunked"], _NOTHING),
    spelled(
        "folded coding",
        "a header on two lines, obsolete since 2014",
        ["Transfer-Encoding:", " chunked", _TWO],
        b"{}",
        400,
    ),
    spelled("unknown coding", "chunked to whoever searches for the word", ["Transfer-Encoding: xchunked"], _NOTHING),
    spelled("chunked is not last", "how long is it then?", ["Transfer-Encoding: chunked, identity"], _NOTHING),
    spelled("coding twice", "the first or the last?", [_CHUNKED, "Transfer-Encoding: identity"], _NOTHING),
    spelled("vertical tab in the coding", "white space to some", ["Transfer-Encoding: \x0bchunked"], _NOTHING),
    spelled("length list", "two equal lengths in one header", ["Content-Length: 2, 2"], b"{}"),
    spelled("length with a sign", "int() reads it", ["Content-Length: +2"], b"{}"),
    spelled("length in hex", "a number to some", ["Content-Length: 0x2"], b"{}"),
    spelled("length with an underscore", "int() reads it", ["Content-Length: 0_2"], b"{}"),
    spelled("length of thirty digits", "overflows a counter", ["Content-Length: " + "9" * 30], b"{}"),
    spelled("chunk size that overflows", "eighteen hex digits", [_CHUNKED], b"FFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"),
    spelled("negative chunk", "less than nothing", [_CHUNKED], b"-2\r\n{}\r\n0\r\n\r\n"),
    spelled("chunk size with 0x", "int(…, 16) reads it", [_CHUNKED], b"0x2\r\n{}\r\n0\r\n\r\n"),
    spelled("chunk longer than it says", "what is left is the next request", [_CHUNKED], b"2\r\n{}GET\r\n0\r\n\r\n"),
    spelled(
        "chunked before its time",
        "HTTP/1.0 has no chunks",
        [_CHUNKED],
        _NOTHING,
        400,
        403,
        408,
        first="POST /webhooks/payments HTTP/1.0",
    ),
    spelled("HTTP/1.0", "an old client, unsigned", [_TWO], b"{}", 403, first="POST /webhooks/payments HTTP/1.0"),
    spelled("HTTP/3.7", "a version that does not exist", [_TWO], b"{}", first="POST /webhooks/payments HTTP/3.7"),
    spelled("space in a header's name", "which name?", ["X Signature: 0", _TWO], b"{}"),
    spelled("NUL in a header", "ends a C string", ["X-Signature: 0\x00", _TWO], b"{}"),
    spelled("bare CR in a header", "a line's end to some", ["X-Note: a\rX-Signature: 0", _TWO], b"{}"),
    spelled("header without a colon", "a line that says nothing", ["X-Signature", _TWO], b"{}"),
    spelled(
        "absolute-form",
        "a proxy's request line",
        [_TWO],
        b"{}",
        403,
        first="POST http://gateway/webhooks/payments HTTP/1.1",
    ),
    spelled(
        "absolute-form of another",
        "make the gateway a proxy",
        [_TWO],
        b"{}",
        404,
        first="POST http://169.254.169.254/latest/meta-data HTTP/1.1",
    ),
    spelled("authority-form", "a tunnel, please", [], b"", 400, 404, 405, first="CONNECT 127.0.0.1:22 HTTP/1.1"),
    spelled("asterisk-form", "options of everything", [], b"", 400, 404, 405, first="OPTIONS * HTTP/1.1"),
    spelled(
        "upgrade to a WebSocket",
        "a protocol we do not speak",
        ["Upgrade: websocket", "Connection: Upgrade", _TWO],
        b"{}",
        400,
        403,
    ),
    literal("no Host", "for whom is it?", b"GET /health HTTP/1.1\r\n\r\n"),
    literal("two Hosts", "for whom is it?", b"GET /health HTTP/1.1\r\nHost: gateway\r\nHost: other\r\n\r\n"),
    literal("HTTP/0.9", "a request line and nothing else", b"GET /metrics\r\n\r\n"),
    literal("HTTP/2 preface", "prior knowledge that is wrong", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    literal("TLS in the clear", "a ClientHello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64),
    literal(
        "line ends without CR",
        "a line's end to some",
        b"POST /webhooks/payments HTTP/1.1\nHost: g\nContent-Length: 2\n\n{}",
        400,
        415,
    ),
    spelled("a thousand headers", "fills memory, or a hash table", ["X-More: 1"] * 1_000, b"", 431),
    spelled("one endless header", "two hundred kilobytes", ["X-Long: " + "a" * 200_000], b"", 431),
    spelled(
        "endless target",
        "a hundred kilobytes of path",
        [_TWO],
        b"{}",
        431,
        first="POST /webhooks/" + "a" * 100_000 + " HTTP/1.1",
    ),
    Attack("framing", "signature in a trailer", "where nobody looks", (403, 408), _signature_in_a_trailer),
    beside(
        "a hundred half heads", "slowloris: is anybody else served?", b"POST /webhooks/payments HTTP/1.1\r\nX-Slow: "
    ),
    beside(
        "a hundred half bodies",
        "slow post: is anybody else served?",
        b"POST /webhooks/payments HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    ),
    beside("a hundred silent peers", "connections that say nothing", b""),
)
