"""Letting the doors go first inside a private mongod too: its threads that work for a background process get that one's priority.

mongod serves each connection in a thread of its own, named after it. The `nice` of a process of ours says nothing about the
thread that does most of its work over there, and a batch of the worker would be served before the sender who waits.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

from pymongo.errors import PyMongoError

from gateway.errors import CannotStart
from gateway.mongo.client import Client, application_name
from gateway.mongo.home import Home
from gateway.priority import lower
from gateway.settings import Settings

LOOK_EVERY_S: Final = 5.0
LOOK_AT_FIRST_S: Final = 0.1
"""Connections come and go with the pool, most of them at the start, and a report's first query is as heavy as any."""
LOOKS_AT_FIRST: Final = 20


@asynccontextmanager
async def giving_way(client: Client, settings: Settings, *, niceness: int) -> AsyncIterator[None]:
    """Inside, this process and what mongod does for it run at `niceness`. With a MongoDB of the operator's, only the process."""
    lower(os.getpid(), niceness)
    home = Home(settings.data_dir)
    task = asyncio.create_task(_keep(client, home, niceness))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep(client: Client, home: Home, niceness: int) -> None:
    for look in count():
        with suppress(PyMongoError, OSError, CannotStart):
            state = home.load()
            if state is not None and state.pid is not None and home.is_served_by(state.pid):
                _lower_threads(state.pid, await _own_connections(client), niceness)
        await asyncio.sleep(LOOK_EVERY_S if look >= LOOKS_AT_FIRST else LOOK_AT_FIRST_S)


async def _own_connections(client: Client) -> set[str]:
    """The names of the threads that serve this process."""
    stages: list[dict[str, Any]] = [
        {"$currentOp": {"idleConnections": True}},
        {"$match": {"appName": application_name(), "connectionId": {"$exists": True}}},
        {"$project": {"connectionId": 1}},
    ]
    return {f"conn{found['connectionId']}" async for found in await client.admin.aggregate(stages)}


def _lower_threads(mongod: int, threads: set[str], niceness: int) -> None:
    for thread in Path(f"/proc/{mongod}/task").iterdir():
        with suppress(OSError):
            if (thread / "comm").read_text().strip() in threads:
                os.setpriority(os.PRIO_PROCESS, int(thread.name), niceness)
