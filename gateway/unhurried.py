"""Going through a batch without holding up the event loop, on which the batch before it is being written."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from time import perf_counter
from typing import Final, TypeVar

Item = TypeVar("Item")

AT_ONCE_S: Final = 0.0008
"""Without a pause each of the writer's round trips waited for a whole batch (50 ms)."""
TURNS: Final = 8
"""Turns of the event loop that a pause lasts, three microseconds each. A round trip takes several of them, from the bytes that came
to the next command that leaves: with a pause of one turn it waited through as many pieces of work, and a backlog was booked at
nine tenths of the speed."""


async def unhurried(items: Sequence[Item], *, at_once_s: float = AT_ONCE_S) -> AsyncIterator[Item]:
    """The items, letting others run now and then."""
    paused_at = perf_counter()
    for item in items:
        if perf_counter() - paused_at > at_once_s:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            paused_at = perf_counter()
        yield item
