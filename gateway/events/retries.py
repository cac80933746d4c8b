"""Events parked for a fault (our code or MongoDB refused one, alone) try again by themselves a few times, then wait for a person.

    tries     how often it failed
    awaits    "time:" and when it goes back to the queue; absent when nothing but `gateway events replay` sends it there

A fault is often of the moment: a bug that the next release mends, a document that another one had locked. What an event awaits
(another object, an encryption key) is no such fault: it comes back when that is there.
"""

import asyncio
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from structlog import get_logger

from gateway.clock import Clock, pause, utc
from gateway.events.standing import BACK_TO_THE_QUEUE

FAULT: Final = "fault: "
"""How the reason of an event begins that was parked for a fault."""
RETRY_AFTER_S: Final = (60, 600, 3_600)
"""After the first failure, the second, the third; a fourth is the last by itself."""
LOOK_EVERY_S: Final = 5.0
_TIME: Final = "time:"

log = get_logger(__name__)


def failed_once_more(tries_before: int, now: float) -> dict[str, Any]:
    """What is stored with the fault; `now` in unix seconds."""
    fields: dict[str, Any] = {"tries": tries_before + 1}
    if tries_before < len(RETRY_AFTER_S):
        fields["awaits"] = _awaited(utc(now + RETRY_AFTER_S[tries_before]))
    return fields


def retry_at(awaits: str) -> str | None:
    """The time that is awaited, in ISO 8601; None for anything else that is."""
    return awaits.removeprefix(_TIME) if awaits.startswith(_TIME) else None


async def release_due(events: AsyncCollection[dict[str, Any]], *, now: datetime) -> int:
    """Send back to the queue what is due; how many."""
    due = {"queue": {"$gte": _TIME, "$lte": _awaited(now)}}
    return (await events.update_many(due, BACK_TO_THE_QUEUE)).modified_count


async def retry_failed(events: AsyncCollection[dict[str, Any]], stop: asyncio.Event, *, clock: Clock) -> None:
    """Until `stop`: what is due tries again. Harmless whoever does it; MongoDB may go away meanwhile."""
    while not stop.is_set():
        try:
            if released := await release_due(events, now=utc(clock())):
                log.info("events_released", count=released, reason="they failed a while ago")
        except PyMongoError as failed:
            log.warning("events_not_released", error=type(failed).__name__)
        await pause(stop, LOOK_EVERY_S)


def _awaited(at: datetime) -> str:
    """Sorts as the times do."""
    return f"{_TIME}{at:%Y-%m-%dT%H:%M:%SZ}"
