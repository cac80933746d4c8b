"""Going through a batch without holding up the event loop, on which the batch before it is being written."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")

PAUSE_EVERY: Final = 20
"""Items, some 2 ms of folding; without the pauses each of the writer's round trips waited for a whole batch (50 ms)."""


async def unhurried(items: Sequence[Item], *, pause_every: int = PAUSE_EVERY) -> AsyncIterator[Item]:
    """The items, letting others run now and then."""
    for number, item in enumerate(items):
        if number % pause_every == 0:
            await asyncio.sleep(0)
        yield item
