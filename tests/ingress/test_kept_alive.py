"""A connection is closed when it has been idle for its time: not before, not never, however many answers it had."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from gateway.ingress.kept_alive import KeptAlive

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
KEEP_ALIVE_S = 0.3
Work = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[float]]


async def app(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.4 if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def connected(work: Work, loops: Callable[[], Any]) -> float:
    """What `work` tells of a connection to a server with this protocol."""

    async def main() -> float:
        config = Config(app, log_config=None, access_log=False, timeout_keep_alive=1)
        config.timeout_keep_alive = KEEP_ALIVE_S  # type: ignore[assignment]
        config.load()
        state, loop = ServerState(), asyncio.get_running_loop()
        server = await loop.create_server(lambda: KeptAlive(config, state, {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            async with asyncio.timeout(20):
                return await work(reader, writer)
        finally:
            writer.close()
            server.close()
            assert not state.tasks

    with asyncio.Runner(loop_factory=loops) as runner:
        return runner.run(main())


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop])
def loops(request: pytest.FixtureRequest) -> Callable[[], Any]:
    made: Callable[[], Any] = request.param
    return made


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes = REQUEST) -> None:
    writer.write(request)
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def closed_after(reader: asyncio.StreamReader) -> float:
    """Seconds until the server closes; nothing else comes."""
    began_at = asyncio.get_running_loop().time()
    assert await reader.read() == b""
    return asyncio.get_running_loop().time() - began_at


def test_an_idle_connection_is_closed(loops: Callable[[], Any]) -> None:
    """Its whole time after its last answer, though the timer was set at its first."""

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        for _ in range(4):
            await asked(reader, writer)
            await asyncio.sleep(KEEP_ALIVE_S / 2)
        await asked(reader, writer)
        return await closed_after(reader)

    assert KEEP_ALIVE_S - 0.02 <= connected(work, loops) < 5


def test_a_request_that_is_being_answered_is_not_idle(loops: Callable[[], Any]) -> None:
    """The timer is due in the midst of it and changes nothing; idle time counts from its end."""

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        await asked(reader, writer)
        await asked(reader, writer, REQUEST.replace(b"/ ", b"/slow ", 1))
        return await closed_after(reader)

    assert KEEP_ALIVE_S - 0.02 <= connected(work, loops) < 5


def test_a_head_that_has_begun_is_not_idle(loops: Callable[[], Any]) -> None:
    """It has a time limit of its own, elsewhere; finished later, it is answered."""

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        await asked(reader, writer)
        writer.write(REQUEST[:10])
        await asyncio.sleep(KEEP_ALIVE_S * 2)
        await asked(reader, writer, REQUEST[10:])
        return await closed_after(reader)

    assert KEEP_ALIVE_S - 0.02 <= connected(work, loops) < 5


def test_a_connection_that_goes_leaves_no_timer(loops: Callable[[], Any]) -> None:
    """What would hold it in memory until it is due."""

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        left: list[Any] = []
        original = KeptAlive.connection_lost

        def lost(protocol: KeptAlive, exc: Exception | None) -> None:
            left.append(protocol.timeout_keep_alive_task)
            original(protocol, exc)
            left.append(protocol.timeout_keep_alive_task)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(KeptAlive, "connection_lost", lost)
            await asked(reader, writer)
            writer.close()
            await writer.wait_closed()
            while not left:
                await asyncio.sleep(0.01)
        assert left[0].cancelled()
        assert left[1] is None
        return 0.0

    connected(work, loops)
