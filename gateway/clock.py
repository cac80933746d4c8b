"""Time as an argument: everything that needs the time takes a `Clock`, so tests can hold it still."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from time import time

Clock = Callable[[], float]
"""Gives the time now as unix seconds."""

system_clock: Clock = time


@lru_cache(maxsize=64)  # most times are asked for again at once: a batch has one, an event and what comes of it another
def utc(unix_s: float) -> datetime:
    """The aware UTC datetime of a unix time, cut to milliseconds, which is what MongoDB keeps."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `stop` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
