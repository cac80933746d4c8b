"""How long what was sent is kept: the bodies of settled events go when they are older than `RETAIN_BODIES_DAYS`.

Kept for ever, because the ledger and the door need it: the event itself (its ids, key, fingerprint, outcome and times, so that
a late copy is still recognised and a late forgery of it still refused), transactions, wallets, objects, and the chain of seals.
Never touched: events that wait or are parked, whatever their age; they are still to be read.
Removed by their age: raw bodies of events (`body` and `body_key`; `body_removed_at` says when), and, where their own settings
say so, insights of events, wallets and the business (`RETAIN_INSIGHTS_DAYS`) and incidents (`RETAIN_INCIDENTS_DAYS`) whole.
0 days, the default: for ever.

A pass goes through events in order of arrival, from where the pass before it came to. Those it has to leave behind are listed in
`retained`, and looked at again by each later pass, so a pass costs what became old since the last one, not what is stored.
Several workers may do it at once: every step says what it expects to find.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo import ASCENDING, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError, PyMongoError
from structlog import get_logger

from gateway.clock import Clock, pause, system_clock, utc
from gateway.insights.period_store import NAME
from gateway.monitoring.metrics import REMOVED
from gateway.settings import Settings

Database = AsyncDatabase[dict[str, Any]]
log = get_logger(__name__)

EVERY_S: Final = 3_600
LOOK_EVERY_S: Final = 30.0
"""Between two looks at whether a pass is due."""
BATCH: Final = 200
"""Documents changed by one statement."""
PAUSE_S: Final = 0.05
"""After each: the writer and the readers come first. 200 documents per 50 ms are some ten million an hour."""
SETTLED: Final = ("applied", "rejected", "stale", "ignored")
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that each kind is kept; 0 is for ever."""

    bodies_days: int = 0
    insights_days: int = 0
    incidents_days: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "Retention":
        return cls(settings.retain_bodies_days, settings.retain_insights_days, settings.retain_incidents_days)

    def any(self) -> bool:
        return bool(self.bodies_days or self.insights_days or self.incidents_days)


async def retain_regularly(
    database: Database, retention: Retention, stop: asyncio.Event, *, clock: Clock = system_clock
) -> None:
    """Until `stop`: a pass each hour, by one worker of several. MongoDB may go away meanwhile."""
    while not stop.is_set():
        try:
            if retention.any() and await _claim(database, now=utc(clock())):
                await remove_old(database, retention, now=utc(clock()), stop=stop)
        except PyMongoError as failed:
            log.warning("not_retained", error=type(failed).__name__)
        await pause(stop, LOOK_EVERY_S)


async def remove_old(
    database: Database, retention: Retention, *, now: datetime, stop: asyncio.Event | None = None
) -> Mapping[str, int]:
    """One pass: how many of what it removed. Ends early when `stop` is set; the next pass goes on."""
    stop = stop or asyncio.Event()
    removed = {"bodies": 0, "insights": 0, "incidents": 0}
    if retention.bodies_days:
        before = now - timedelta(days=retention.bodies_days)
        removed["bodies"] += await _look_again(database, now=now, stop=stop)
        removed["bodies"] += await _remove_bodies(database, before, now=now, stop=stop)
    if retention.insights_days:
        before = now - timedelta(days=retention.insights_days)
        removed["insights"] = await _delete(database, "insights", before, stop)
        removed["insights"] += await _delete(database, NAME, before, stop)
    if retention.incidents_days:
        before = now - timedelta(days=retention.incidents_days)
        removed["incidents"] = await _delete(database, "incidents", before, stop)
    for what, count in removed.items():
        REMOVED.labels(what).inc(count)
    if any(removed.values()):
        log.info("removed_by_age", **removed)
    return removed


async def _remove_bodies(database: Database, before: datetime, *, now: datetime, stop: asyncio.Event) -> int:
    """Everything that arrived before `before`, from where the last pass came to."""
    place = await database["leases"].find_one({"_id": "retention"}) or {}
    old = {"received_at": {"$gte": place.get("up_to", _LONG_AGO), "$lt": before}}
    found = database["events"].find(old, {"received_at": 1}, batch_size=BATCH)
    removed, batch = 0, list[dict[str, Any]]()
    async for event in found.sort("received_at", ASCENDING):
        batch.append(event)
        if len(batch) == BATCH:
            removed += await _settle(database, batch, now=now)
            batch = []
            await pause(stop, PAUSE_S)
            if stop.is_set():
                return removed
    return removed + await _settle(database, batch, now=now)


async def _settle(database: Database, batch: Sequence[dict[str, Any]], *, now: datetime) -> int:
    """Remove the bodies of those that are settled, list the others, and remember the place."""
    if not batch:
        return 0
    event_ids = [event["_id"] for event in batch]
    removed = await _unset(database, event_ids, now=now)
    if left := await _with_body(database, event_ids):
        listing = [UpdateOne({"_id": event_id}, {"$set": {"_id": event_id}}, upsert=True) for event_id in left]
        await database["retained"].bulk_write(listing, ordered=False)
    place = {"$set": {"up_to": batch[-1]["received_at"]}}
    await database["leases"].update_one({"_id": "retention"}, place, upsert=True)
    return removed


async def _look_again(database: Database, *, now: datetime, stop: asyncio.Event) -> int:
    """Those that were left behind and are settled by now. Few: what nobody could read, or what waits for another event."""
    removed = 0
    listed = [row["_id"] async for row in database["retained"].find({}, {"_id": 1})]
    for event_ids in _batches(listed):
        removed += await _unset(database, event_ids, now=now)
        left = await _with_body(database, event_ids)
        await database["retained"].delete_many({"_id": {"$in": [each for each in event_ids if each not in left]}})
        await pause(stop, PAUSE_S)
        if stop.is_set():
            break
    return removed


async def _unset(database: Database, event_ids: Sequence[str], *, now: datetime) -> int:
    settled = {
        "_id": {"$in": list(event_ids)},
        "outcome": {"$in": SETTLED},
        "body": {"$exists": True},
    }
    change = {"$unset": {"body": "", "body_key": ""}, "$set": {"body_removed_at": now}}
    return (await database["events"].update_many(settled, change)).modified_count


async def _with_body(database: Database, event_ids: Sequence[str]) -> set[str]:
    found = database["events"].find({"_id": {"$in": list(event_ids)}, "body": {"$exists": True}}, {"_id": 1})
    return {event["_id"] async for event in found}


async def _delete(database: Database, collection: str, before: datetime, stop: asyncio.Event) -> int:
    """Whole documents by their `at`, oldest first."""
    deleted = 0
    while not stop.is_set():
        oldest = database[collection].find({"at": {"$lt": before}}, {"_id": 1}).sort("at", ASCENDING).limit(BATCH)
        ids = [document["_id"] async for document in oldest]
        if not ids:
            break
        deleted += (await database[collection].delete_many({"_id": {"$in": ids}})).deleted_count
        await pause(stop, PAUSE_S)
    return deleted


async def _claim(database: Database, *, now: datetime) -> bool:
    """Whether a pass is due and ours: of several workers, one gets each. The first is due at once."""
    with suppress(DuplicateKeyError):  # every time but the first
        await database["leases"].update_one({"_id": "retention"}, {"$setOnInsert": {"next_at": now}}, upsert=True)
    due = {"_id": "retention", "next_at": {"$lte": now}}
    change = {"$set": {"next_at": now + timedelta(seconds=EVERY_S)}}
    return (await database["leases"].update_one(due, change)).modified_count == 1


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    return (list(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH))
