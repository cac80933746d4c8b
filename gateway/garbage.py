"""Garbage collection without pauses that are felt: what stays is not looked through again and again.

Untuned, a full collection over the writer's memory costs 0.4 s now and then, which is seen in the slowest answers.
"""

import asyncio
import gc
from collections.abc import Callable, Mapping
from typing import Final

from gateway.clock import pause

YOUNG: Final = 15_000
MIDDLE: Final = 4
LOOK_THROUGH_EVERY_S: Final = 600.0
WAIT_FOR_IDLE_S: Final = 5.0


def calm_garbage_collection() -> None:
    """What is loaded by now stays for good and is never looked through again; the young are looked through less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def set_aside_what_stays() -> None:
    """For a process that remembers much, as the writer does its profiles: what has outlived a collection of the middle
    generation is set aside too, so none looks through more than `YOUNG` × (`MIDDLE` + 1) objects and what survived them, some
    20 ms of work. Cycles that end later are garbage that nobody finds: `look_through_when_idle` does."""
    calm_garbage_collection()
    gc.set_threshold(YOUNG, MIDDLE, 1_000)
    if _set_aside not in gc.callbacks:
        gc.callbacks.append(_set_aside)


async def look_through_when_idle(is_idle: Callable[[], bool], stop: asyncio.Event) -> None:
    """Until `stop`: now and then, when nobody waits, everything is looked through after all, and what stays set aside again."""
    while not stop.is_set():
        await pause(stop, LOOK_THROUGH_EVERY_S)
        while not (stop.is_set() or is_idle()):
            await pause(stop, WAIT_FOR_IDLE_S)
        if not stop.is_set():
            look_through()


def look_through() -> None:
    """A pause of some tenths of a second."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _set_aside(phase: str, told: Mapping[str, int]) -> None:
    if phase == "stop" and told["generation"] > 0:
        gc.freeze()
