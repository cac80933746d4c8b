"""A loopback HTTP server whose answers a test writes: no gateway, only a peer to talk to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

HEAD_BYTES_MAX = 1_000_000

Answer = Callable[[bytes, bytes], bytes]
"""(head, body) of a request → the bytes of the reply."""


def reply(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    """A whole HTTP reply."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def loopback(answer: Answer) -> AsyncIterator[str]:
    """Serves one request per connection and yields the URL."""
    server = await asyncio.start_server(_serving(answer), "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _serving(answer: Answer) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await _read_head(reader)
            writer.write(answer(head, await _read_body(reader, head)))
            await writer.drain()
            writer.write_eof()
            await reader.read(
                -1
            )  # until the client closes: closing first, with bytes unread, would reset its reply away
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return serve


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    """Up to the empty line, or what has come when there is none: an attack may be no HTTP at all."""
    try:
        async with asyncio.timeout(0.3):
            return await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        return await reader.read(HEAD_BYTES_MAX)


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """What the length promises; nothing when it promises too much, as a server that refuses would."""
    lines = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    text = lines[0].split(b":")[1].strip() if len(lines) == 1 else b"0"
    length = int(text) if text.isdigit() else 0
    return await reader.readexactly(length) if length <= 200_000 else b""
