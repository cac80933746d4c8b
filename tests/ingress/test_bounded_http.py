"""The parser's bounds in time, on a server of the test's own; those in memory are tested on the real process."""

import asyncio
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.ingress.bounded_http import BoundedHttp

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HEAD_TIMEOUT_S = 0.3
ANSWER_S = 0.6
REQUEST = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}"


class _Hasty(BoundedHttp):
    head_bytes_max = 1_000
    head_timeout_s = HEAD_TIMEOUT_S


async def _slow_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers after longer than a head may take."""
    await receive()
    await asyncio.sleep(ANSWER_S)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def _hurried_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without waiting for a body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def _with_peer(story: Callable[[Peer], Awaitable[None]], application: ASGIApp = _slow_application) -> None:
    async def run() -> None:
        config = uvicorn.Config(application, http=_Hasty, ws="none", lifespan="off", port=0, log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        peer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(5):
                await story(peer)
        finally:
            peer[1].close()
            server.should_exit = True
            await serving

    asyncio.run(run())


async def _seconds_until_closed(peer: Peer) -> float:
    began_at = asyncio.get_running_loop().time()
    assert await peer[0].read() == b""
    return asyncio.get_running_loop().time() - began_at


def test_a_connection_that_says_nothing_is_closed() -> None:
    """It cannot hold one of the gateway's places for ever."""

    async def story(peer: Peer) -> None:
        assert await _seconds_until_closed(peer) < HEAD_TIMEOUT_S * 2

    _with_peer(story)


def test_half_a_head_is_given_up() -> None:
    """However steadily it trickles: the time is for the whole head."""

    async def story(peer: Peer) -> None:
        async def trickle() -> None:
            peer[1].write(b"POST / HTTP/1.1\r\nX-Half: ")
            while True:
                peer[1].write(b"a")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        try:
            assert await _seconds_until_closed(peer) < HEAD_TIMEOUT_S * 2
        except ConnectionResetError:
            pass  # what was still being sent met a closed connection
        finally:
            trickling.cancel()

    _with_peer(story)


def test_half_a_second_head_is_given_up() -> None:
    """A connection that was good once has no more patience than a new one."""

    async def story(peer: Peer) -> None:
        peer[1].write(REQUEST)
        assert (await peer[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        peer[1].write(b"POST / HTTP/1.1\r\n")
        assert await _seconds_until_closed(peer) < HEAD_TIMEOUT_S * 2

    _with_peer(story)


def test_an_answer_may_take_longer_than_a_head() -> None:
    """Only heads are in a hurry: a request that is being answered is not cut, also with stray bytes after it."""

    async def story(peer: Peer) -> None:
        for request in (REQUEST, REQUEST + b"\r\n"):
            peer[1].write(request)
            assert (await peer[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    _with_peer(story)


def test_a_body_in_many_pieces_is_no_head() -> None:
    """Pieces of a body and chunks are progress, also when all of them together pass the head's bound."""

    async def story(peer: Peer) -> None:
        peer[1].write(b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(300):
            peer[1].write(b"A\r\n0123456789\r\n")
            await peer[1].drain()
        peer[1].write(b"0\r\n\r\n")
        assert (await peer[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    _with_peer(story)


def test_too_large_a_head_is_answered_400() -> None:
    """With a sentence, where the peer listens."""

    async def story(peer: Peer) -> None:
        peer[1].write(b"POST / HTTP/1.1\r\nX-Long: ")
        await asyncio.sleep(0.05)
        peer[1].write(b"a" * 1_100)
        answer = await peer[0].read()
        assert answer.startswith(b"HTTP/1.1 400")

    _with_peer(story)


def test_a_body_that_was_not_waited_for_does_not_keep_the_connection() -> None:
    """One stray byte after the answer, then silence: the place is free again after the time that a head may take."""

    async def story(peer: Peer) -> None:
        peer[1].write(b"GET / HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\n\r\n")
        answer = await peer[0].readuntil(b"ok")
        assert answer.startswith(b"HTTP/1.1 200")
        peer[1].write(b"x")
        assert await _seconds_until_closed(peer) < 4 * HEAD_TIMEOUT_S

    _with_peer(story, _hurried_application)
