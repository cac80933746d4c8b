"""The real application on the seeded store, served by a real uvicorn on a loopback port, with a key for each need."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from seeded_store import NOW, seed
from starlette.types import ASGIApp

from gateway.access.keys import create_key
from gateway.app import build_app
from gateway.mongo import connect
from gateway.queries.reading import Database
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Served:
    """Where it listens, the store behind it, and how to get a key."""

    url: str
    database: Database

    async def key(self, *scopes: str) -> str:
        return await create_key(self.database, name="test", scopes=scopes, now=NOW)


@asynccontextmanager
async def unreachable_store() -> AsyncIterator[Database]:
    """A store at an address where nobody listens.

    It is closed between two attempts to connect: PyMongo 4.20 forgets the socket of one that it cancels (a
    ResourceWarning), and it tries every half second, which is when a timeout of whole seconds ends, too.
    """
    async with connect("mongodb://127.0.0.1:1", Settings(_env_file=None, mongo_timeout_ms=200)) as client:
        try:
            yield client["autopay"]
        finally:
            await asyncio.sleep(0.1)


InGateway = Callable[..., Any]
"""`in_gateway(work, **settings)` runs `await work(served)` while the gateway serves."""


def gateway_on(mongo_uri: str, database_name: str) -> InGateway:
    """For a fixture: one gateway per call, on this database."""

    def run(work: Callable[[Served], Awaitable[Any]], **fields: Any) -> Any:
        fields = {"mongo_timeout_ms": 20_000, "mongo_database": database_name} | fields
        return asyncio.run(_main(work, mongo_uri, Settings(_env_file=None, **fields)))

    return run


async def _main(work: Callable[[Served], Awaitable[Any]], mongo_uri: str, settings: Settings) -> Any:
    async with connect(mongo_uri, settings) as client:
        database = client[settings.mongo_database]
        await seed(database)
        app = build_app(settings, mongo_uri, clock=NOW.timestamp)
        async with serving(app) as url:
            return await work(Served(url, database))


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The application on a free port, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_level="warning", log_config=None))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            if task.done():
                await task
                raise AssertionError("the server ended before it started")
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
