"""An answer in one write is, byte for byte, the answer that the server alone would give in two."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.ingress.at_once import BODY_IS_HERE
from gateway.ingress.bounded_http import BoundedHttp

HEAD = b"POST /x HTTP/1.1\r\nhost: a\r\n"
REQUEST = HEAD + b"content-length: 2\r\n\r\n{}"
Send = Callable[[Any], Awaitable[None]]
Message = dict[str, Any]


class Wire(asyncio.Transport):
    """Remembers what was written in which pieces, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 5), "sockname": ("192.0.2.2", 80)})
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        if data:
            self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def answer(protocol: type[HttpToolsProtocol], messages: list[Message], request: bytes = REQUEST) -> Wire:
    """What is on the wire after the application has sent these messages."""

    async def app(scope: Any, receive: Any, send: Send) -> None:
        for message in messages:
            await send(message)

    return run(protocol, app, request)


def run(protocol: type[HttpToolsProtocol], app: Any, *pieces: bytes) -> Wire:
    async def serve() -> Wire:
        config = Config(app, log_config=None, access_log=False, proxy_headers=False)
        config.load()
        state, wire = ServerState(), Wire()
        state.default_headers = [(b"date", b"today")]
        connection = protocol(config, state, {})
        connection.connection_made(wire)
        for piece in pieces:
            connection.data_received(piece)
            await asyncio.sleep(0.01)
        while state.tasks:
            await asyncio.wait_for(asyncio.gather(*state.tasks), 5)
        closed = wire.closed
        connection.connection_lost(None)
        wire.closed = closed
        return wire

    return asyncio.run(serve())


def start(status: int = 202, *headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(content: bytes = b"", **more: bool) -> Message:
    return {"type": "http.response.body", "body": content, **more}


TWO = (b"content-length", b"2")
PLAIN = [start(202, (b"Location", b"/a"), TWO), body(b"ok")]


def test_a_plain_answer_is_one_write() -> None:
    """The server alone makes two of it."""
    ours, theirs = answer(BoundedHttp, PLAIN), answer(HttpToolsProtocol, PLAIN)
    assert (len(ours.written), len(theirs.written)) == (1, 2)
    assert ours.written == [b"".join(theirs.written)]
    assert not ours.closed


@pytest.mark.parametrize(
    "messages",
    [
        PLAIN,
        [start(200, TWO), body(b"o", more_body=True), body(b"k")],
        [start(200, TWO), body(b"ok", more_body=True), body()],
        [start(200), body(b"ok")],
        [start(204), body()],
        [start(200, (b"content-length", b"0")), body()],
        [start(200, (b"Content-Length", b"2")), body(b"ok")],
        [start(200, TWO, (b"Connection", b"close")), body(b"ok")],
        [start(200, TWO, (b"transfer-encoding", b"chunked")), body(b"ok")],
    ],
)
@pytest.mark.parametrize(
    "request_bytes",
    [
        REQUEST,
        REQUEST.replace(b"POST", b"HEAD"),
        REQUEST.replace(b"1.1", b"1.0"),
        HEAD + b"connection: close\r\ncontent-length: 2\r\n\r\n{}",
        HEAD + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
def test_the_bytes_are_the_servers(
    messages: list[Message], request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the application answers with, in whatever pieces, to whatever request; and the connection ends or stays alike."""
    caplog.set_level(logging.CRITICAL)
    ours, theirs = answer(BoundedHttp, messages, request_bytes), answer(HttpToolsProtocol, messages, request_bytes)
    assert (b"".join(ours.written), ours.closed) == (b"".join(theirs.written), theirs.closed)


@pytest.mark.parametrize(
    "header", [(b"x-a", b"1\r\nx-b: 2"), (b"x-a", b"\x00"), (b"x-a\r\n", b"1"), (b"x a", b"1"), (b"x:", b"1")]
)
def test_a_header_that_would_split_the_answer_is_never_sent(header: tuple[bytes, bytes]) -> None:
    """The server's own check stands: it refuses such a header, however it got there."""
    messages = [start(200, header, TWO), body(b"ok")]
    ours, theirs = answer(BoundedHttp, messages), answer(HttpToolsProtocol, messages)
    assert header[0] + b": " not in b"".join(ours.written)
    assert (b"".join(ours.written), ours.closed) == (b"".join(theirs.written), theirs.closed)


@pytest.mark.parametrize("content", [b"o", b"oks"])
def test_a_body_of_another_length_ends_the_connection(content: bytes) -> None:
    """A peer that counts would take the next answer for the rest of this one."""
    assert answer(BoundedHttp, [start(200, TWO), body(content)]).closed


def test_a_head_without_a_body_is_no_answer() -> None:
    """500 and the end of the connection, where the server alone would have cut it off."""
    wire = answer(BoundedHttp, [start(200, TWO)])
    assert (b"".join(wire.written)[:12], wire.closed) == (b"HTTP/1.1 500", True)


def test_two_heads_are_no_answer() -> None:
    """What the server says against it, it still says."""
    wire = answer(BoundedHttp, [start(200, TWO), start(200, TWO), body(b"ok")])
    assert wire.closed
    assert b"ok" not in b"".join(wire.written)


@pytest.mark.parametrize(("pieces", "here"), [((REQUEST,), True), ((REQUEST[:-1], REQUEST[-1:]), False)])
def test_a_body_that_is_here_is_said_to_be(pieces: tuple[bytes, ...], here: bool) -> None:
    """And then the first piece is all of it; said of one that is still coming it would be read without a time limit."""
    seen: list[tuple[bool, Any]] = []

    async def app(scope: Any, receive: Any, send: Send) -> None:
        told = BODY_IS_HERE in scope.get("extensions", ())
        seen.append((told, await receive() if told else None))
        await send(start(200, TWO))
        await send(body(b"ok"))

    run(BoundedHttp, app, *pieces)
    assert seen == [(here, {"type": "http.request", "body": b"{}", "more_body": False} if here else None)]


def test_answers_on_one_connection_keep_their_order() -> None:
    """The next request is answered when this one is, as many as came together."""
    numbers = iter(range(1, 4))

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await send(start(200, (b"content-length", b"1")))
        await asyncio.sleep(0)
        await send(body(b"%d" % next(numbers)))

    wire = run(BoundedHttp, app, REQUEST * 3)
    assert [piece[-1:] for piece in wire.written] == [b"1", b"2", b"3"]
