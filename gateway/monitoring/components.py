"""What a process knows and the others are asked for: the worker tells how the model does, health repeats it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from gateway.clock import Clock, pause, system_clock, utc

TOLD_EVERY_S: Final = 5.0
OLD_AFTER_S: Final = 30.0
"""A component that has told nothing for so long is not known to be as it said."""


async def tell(
    database: AsyncDatabase[dict[str, Any]],
    name: str,
    state: Callable[[], dict[str, Any]],
    stop: asyncio.Event,
    *,
    clock: Clock = system_clock,
) -> None:
    """Store the component's state again and again until `stop` is set; a store that is away is tried the next time."""
    while not stop.is_set():
        with suppress(PyMongoError):
            told = {"_id": name, **state(), "at": utc(clock())}
            await database["components"].replace_one({"_id": name}, told, upsert=True)
        await pause(stop, TOLD_EVERY_S)
