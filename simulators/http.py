"""HTTP/1.1 written by hand: an attacker sends what a well-behaved client library refuses to.

One request per connection, exactly the bytes given. Reading and writing run together, because a gateway that refuses an
oversized body answers while it is still being sent.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import orjson

REPLY_BYTES_MAX: Final = 262_144
PIECE_BYTES: Final = 65_536
TIMEOUT_S: Final = 20.0
CONNECT_TIMEOUT_S: Final = 5.0

Header = tuple[str, str]


class NoReply(Exception):
    """The connection ended, or time did, before a whole status line and header came back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def told(self) -> dict[str, object]:
        """The JSON object in the body; empty when it is none."""
        try:
            told = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return told if isinstance(told, dict) else {}


def request_bytes(method: str, target: str, headers: Iterable[Header], body: bytes = b"") -> bytes:
    """A request as it goes onto the wire; names and values are latin-1 and are not checked for sense."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    """The body in chunked transfer coding, without the chunk that would end it."""
    pieces = (body[start : start + PIECE_BYTES] for start in range(0, len(body), PIECE_BYTES))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


async def exchange(url: str, wire: bytes, *, timeout_s: float = TIMEOUT_S) -> Reply:
    """Sends `wire` to the host of `url` and gives the first reply. Raises `NoReply`, also when nobody listens."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _exchange(url, wire)
    except TimeoutError:
        raise NoReply(f"no reply within {timeout_s} s") from None
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as broken:
        raise NoReply(f"the connection broke: {type(broken).__name__}") from broken


async def is_listening(url: str) -> bool:
    """Whether a connection to the host of `url` is accepted."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(*_address(url))
    except (TimeoutError, OSError):
        return False
    writer.close()
    return True


def host_of(url: str) -> str:
    """What goes into the Host header."""
    return urlsplit(url).netloc


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


async def _exchange(url: str, wire: bytes) -> Reply:
    context = ssl.create_default_context() if urlsplit(url).scheme == "https" else None
    reader, writer = await asyncio.open_connection(*_address(url), ssl=context, limit=REPLY_BYTES_MAX)
    sending = asyncio.create_task(_send(writer, wire))
    try:
        return await _read(reader, has_body=not wire.startswith(b"HEAD "))
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await sending
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _send(writer: asyncio.StreamWriter, wire: bytes) -> None:
    """Piece by piece, so that an early reply is noticed; a peer that stops listening is not an error here."""
    with contextlib.suppress(OSError):
        for start in range(0, len(wire), PIECE_BYTES):
            writer.write(wire[start : start + PIECE_BYTES])
            await writer.drain()
            await asyncio.sleep(0)


async def _read(reader: asyncio.StreamReader, *, has_body: bool) -> Reply:
    head = await reader.readuntil(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    status = status_line.split(" ")[1:2]
    if not status or not status[0].isdecimal():
        raise NoReply("the reply has no status")
    return Reply(int(status[0]), headers, await _body(reader, headers) if has_body else b"")


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """The body, cut at `REPLY_BYTES_MAX`; one of unknown length is whatever comes until the peer closes."""
    length = headers.get("content-length", "")
    if length.isdecimal():
        return await reader.readexactly(min(int(length), REPLY_BYTES_MAX))
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    return await reader.read(REPLY_BYTES_MAX)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) < REPLY_BYTES_MAX:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0].strip() or b"0", 16)
        piece = await reader.readexactly(size + 2)
        if size == 0:
            break
        body += piece[:-2]
    return body
