"""Going through a batch without holding up the event loop, on which the batch before it is being written."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from time import perf_counter
from typing import Final, TypeVar

Item = TypeVar("Item")

AT_ONCE_S: Final = 0.0004
"""Without a pause each of the writer's round trips waited for a whole batch (50 ms); a pause costs some ten microseconds."""


async def unhurried(items: Sequence[Item], *, at_once_s: float = AT_ONCE_S) -> AsyncIterator[Item]:
    """The items, letting others run now and then."""
    paused_at = perf_counter()
    for item in items:
        if perf_counter() - paused_at > at_once_s:
            await asyncio.sleep(0)
            paused_at = perf_counter()
        yield item
