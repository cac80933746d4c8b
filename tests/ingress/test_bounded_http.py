"""The parser's bounds in time, on a server of the test's own; those in memory are tested on the real process."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.ingress.bounded_http import BoundedHttp

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HEAD_TIMEOUT_S = 0.3
ANSWER_S = 0.6
BODY_TIMEOUT_S = 0.5
SEND_TIMEOUT_S = 0.3
REQUEST = b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}"


class _Hasty(BoundedHttp):
    head_bytes_max = 1_000
    head_timeout_s = HEAD_TIMEOUT_S
    body_timeout_s = BODY_TIMEOUT_S
    send_timeout_s = SEND_TIMEOUT_S
    headers_max = 10
    pipelined_max = 3


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
            async with asyncio.timeout(30):
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


def test_too_large_a_head_is_answered_431() -> None:
    """With a problem document, where the peer listens; the connection is over."""

    async def story(peer: Peer) -> None:
        peer[1].write(b"POST / HTTP/1.1\r\nX-Long: ")
        await asyncio.sleep(0.05)
        peer[1].write(b"a" * 1_100)
        answer = await peer[0].read()
        assert answer.startswith(b"HTTP/1.1 431")

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


def test_a_connection_whose_body_came_after_the_answer_serves_on() -> None:
    """For longer than the rest of such a body may take: it came, so nothing is left to wait for."""

    async def story(peer: Peer) -> None:
        for _ in range(8):
            peer[1].write(REQUEST[:-2])
            assert (await peer[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            peer[1].write(REQUEST[-2:])
            await asyncio.sleep(HEAD_TIMEOUT_S / 3)
            assert not peer[0].at_eof()

    _with_peer(story, _hurried_application)


async def _patient_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Waits for the whole body, however long, and answers with the names of the headers that it saw."""
    while (await receive()).get("more_body"):
        pass
    names = b",".join(name for name, _ in scope["headers"]) + b";"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(names))]})
    await send({"type": "http.response.body", "body": names})


def test_a_body_that_never_ends_is_told_and_cut() -> None:
    """Whatever route it is for, and whoever would wait for it: 408 as a problem document, then the end."""

    async def story(peer: Peer) -> None:
        peer[1].write(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n")

        async def trickle() -> None:
            while True:
                peer[1].write(b"{")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        answer = await peer[0].readuntil(b"}")
        trickling.cancel()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"slow_body"' in answer

    _with_peer(story, _patient_application)


def test_a_body_that_takes_its_time_and_ends_is_read() -> None:
    """The clock stops with the last byte, and a further request has one of its own."""

    async def story(peer: Peer) -> None:
        for _ in range(2):
            peer[1].write(REQUEST[:-1])
            await asyncio.sleep(BODY_TIMEOUT_S / 2)
            peer[1].write(REQUEST[-1:])
            assert (await peer[0].readuntil(b";")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(BODY_TIMEOUT_S / 1.5)
            assert not peer[0].at_eof()

    _with_peer(story, _patient_application)


def test_a_trailer_is_no_header() -> None:
    """What comes after the body cannot pass for what a proxy would have checked in front of it."""

    async def story(peer: Peer) -> None:
        head = b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
        peer[1].write(head + b"2\r\n{}\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        answer = await peer[0].readuntil(b";")
        assert answer.endswith(b"\r\n\r\nhost,transfer-encoding;")

    _with_peer(story, _patient_application)


@pytest.mark.parametrize(
    "then",
    [
        b"NOT HTTP\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-More: 1\r\n" * 11 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: g\r\n\r\n" * 9,
    ],
    ids=["no HTTP", "too many headers", "too many requests"],
)
def test_what_is_broken_does_not_take_the_place_of_an_earlier_answer(then: bytes) -> None:
    """A refusal that overtook it would be read as the answer to the first request; the connection ends after that one."""

    async def story(peer: Peer) -> None:
        peer[1].write(REQUEST + then)
        answer = await peer[0].read()
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.count(b"HTTP/1.1") == 1
        assert b"connection: close" in answer

    _with_peer(story)


def test_what_is_broken_after_the_answer_gets_its_own() -> None:
    """400 as a problem document."""

    async def story(peer: Peer) -> None:
        peer[1].write(REQUEST)
        await peer[0].readuntil(b"ok")
        peer[1].write(b"NOT HTTP\r\n\r\n")
        answer = await peer[0].read()
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"application/problem+json" in answer

    _with_peer(story)


async def _talkative_application(scope: Scope, receive: Receive, send: Send) -> None:
    """More than fits into the buffers between us and a peer that does not read."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1_000):
        await send({"type": "http.response.body", "body": b"a" * 65_536, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def test_a_peer_that_does_not_read_is_cut() -> None:
    """An answer that piles up is held for a while, not for ever."""

    async def story(peer: Peer) -> None:
        peer[1].transport.pause_reading()  # type: ignore[attr-defined]
        peer[1].write(b"GET / HTTP/1.1\r\nHost: g\r\n\r\n")
        await asyncio.sleep(SEND_TIMEOUT_S * 3)
        peer[1].transport.resume_reading()  # type: ignore[attr-defined]
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await peer[0].readexactly(60_000_000)

    _with_peer(story, _talkative_application)


def test_what_follows_an_upgrade_is_no_request() -> None:
    """The parser would stop at the head, and take the body for the next request: one answer, and the connection is closed."""

    async def story(peer: Peer) -> None:
        inner = b"GET /inner HTTP/1.1\r\nHost: g\r\n\r\n"
        head = b"POST / HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n"
        peer[1].write(head % len(inner))
        await asyncio.sleep(0.05)
        peer[1].write(inner)
        told = await peer[0].read()
        assert told.startswith(b"HTTP/1.1 400 ")
        assert told.count(b"HTTP/1.1 ") == 1
        assert b"no other protocol" in told

    _with_peer(story, _hurried_application)
