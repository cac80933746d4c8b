"""The stored events: append with the database deciding what is a duplicate, and the queue that the worker claims from."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any, ClassVar, NamedTuple

import pymongo
from beanie import Document
from bson import Timestamp
from pydantic import ConfigDict
from pymongo import ASCENDING, IndexModel, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.read_concern import ReadConcern

from gateway.errors import StoreUnavailable
from gateway.events.group_commit import GroupCommit
from gateway.events.progress import BEGINNING, PROMPT_S, read_progress
from gateway.events.standing import RELEASED

DUPLICATE_KEY = 11000
_BEING_STORED = "The same event is being stored right now; send it again."
_WORK_FIELDS = dict.fromkeys(
    ("source", "scheme", "type", "received_at", "queue", "body", "body_key", "body_removed_at", "tries", "replay"), 1
)
_STATE_FIELDS = {"fingerprint": 1, "outcome": 1, "reason": 1, "queue": 1}


class EventDocument(Document):
    """Declares the collection and its indexes; the hot paths read and write plain documents."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: str  # type: ignore[assignment]
    event_key: str
    source: str
    scheme: str
    account: str
    type: str
    tx_id: str
    fingerprint: str
    secret_id: str
    signed_at: float | None
    received_at: datetime
    body: bytes | None = None
    body_key: str | None = None
    body_removed_at: datetime | None = None
    queue: Timestamp | str | None = None
    outcome: str | None = None
    reason: str | None = None
    settled_at: datetime | None = None
    awaits: str | None = None
    tries: int | None = None
    replay: dict[str, Any] | None = None
    replays: list[dict[str, Any]] | None = None

    class Settings:
        name = "events"
        indexes: ClassVar = [
            IndexModel([("queue", ASCENDING)], sparse=True),
            IndexModel([("received_at", ASCENDING)]),
        ]


class Appended(NamedTuple):
    """What the store knows of an event after `append`: new, or there already in the given state."""

    created: bool
    fingerprint: str
    outcome: str | None = None
    reason: str | None = None


class EventStore:
    """The events collection. `append` returns only when the event is journaled on a majority."""

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], *, batch_max: int, waiting_max: int, timeout_ms: int
    ) -> None:
        durable = WriteConcern(w="majority", j=True, wtimeout=timeout_ms)
        self._events: AsyncCollection[dict[str, Any]] = database["events"].with_options(
            write_concern=durable, read_concern=ReadConcern("majority")
        )
        self._database = database
        self._timeout_s = timeout_ms / 1000
        self._commits = GroupCommit(self._write, batch_max=batch_max, waiting_max=waiting_max)

    async def append(self, document: dict[str, Any]) -> Appended:
        """Insert or nothing. Raises `StoreUnavailable` when it is not known to be durable; sending it again is safe."""
        return await self._commits.submit(document)

    async def drain(self) -> None:
        await self._commits.drain()

    async def state_of(self, event_id: str) -> Appended | None:
        """The event's present state, None when there is no such event. Raises `StoreUnavailable`."""
        with _answered():
            found = await self._events.find_one({"_id": event_id}, _STATE_FIELDS)
        return _appended(found) if found else None

    async def insight_of(self, event_id: str) -> dict[str, Any]:
        """`{"insight": …}` for a caller that waited, empty while there is none. Raises `StoreUnavailable`."""
        fields = {"_id": 0, "score": 1, "level": 1, "reasons": 1, "confidence": 1, "model": 1, "narrative": 1}
        with _answered():
            found = await self._database["insights"].find_one({"_id": event_id}, fields)
        return {"insight": found} if found else {}

    async def _write(self, documents: Sequence[dict[str, Any]]) -> list[Appended | Exception]:
        began_at = monotonic()
        with _answered(), pymongo.timeout(self._timeout_s):
            duplicates = await self._insert(documents)
            standing = await self._standing([documents[index]["_id"] for index in duplicates])
            slow = [] if monotonic() - began_at < PROMPT_S else [document["_id"] for document in documents]
            await self._release_passed([*(await self._documents(slow)).values(), *standing.values()])
        results: list[Appended | Exception] = [Appended(True, document["fingerprint"]) for document in documents]
        for index in duplicates:
            found = standing.get(documents[index]["_id"])
            results[index] = _appended(found) if found else StoreUnavailable(_BEING_STORED)
        return results

    async def _insert(self, documents: Sequence[dict[str, Any]]) -> list[int]:
        """Insert all that are new; the indexes of the others. Any other failure is raised: then nothing is acknowledged."""
        try:
            await self._events.insert_many(documents, ordered=False)
        except BulkWriteError as partial:
            details = partial.details
            errors = details["writeErrors"]
            if details["writeConcernErrors"] or any(error["code"] != DUPLICATE_KEY for error in errors):
                raise
            return [error["index"] for error in errors]
        return []

    async def _release_passed(self, documents: Sequence[dict[str, Any]]) -> None:
        """Of events that may have been on their way for longer than the worker reckons with: they are not told of before they are
        released where it has been."""
        waiting = [document for document in documents if "outcome" not in document and "queue" in document]
        if waiting:
            settled_to = (await read_progress(self._database)).settled_to
            late = [document["_id"] for document in waiting if document["queue"] <= settled_to]
            if late:
                there = {"_id": {"$in": late}, "queue": {"$lte": settled_to}, "outcome": None}
                await self._events.update_many(there, {"$set": {"queue": RELEASED}})

    async def _standing(self, event_ids: list[str]) -> dict[str, dict[str, Any]]:
        """The events that were there before. Read at majority: one that is not yet durable may not be confirmed as stored."""
        found: dict[str, dict[str, Any]] = {}
        if not event_ids:
            return found
        for wait_s in (0.0, 0.01, 0.05, 0.2):
            await asyncio.sleep(wait_s)
            found = await self._documents(event_ids)
            if len(found) == len(set(event_ids)):
                break
        return found

    async def _documents(self, event_ids: list[str]) -> dict[str, dict[str, Any]]:
        if not event_ids:
            return {}
        cursor = self._events.find({"_id": {"$in": event_ids}}, _STATE_FIELDS)
        return {document["_id"]: document async for document in cursor}


async def waiting(
    events: AsyncCollection[dict[str, Any]], limit: int, *, after: Timestamp = BEGINNING
) -> list[dict[str, Any]]:
    """The events that have waited longest where they came, at most `limit`, in that order; behind the place `after`."""
    return await _claimed(events, {"$gt": after, "$lt": RELEASED}, limit)


async def released(events: AsyncCollection[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """The events that may try again, at most `limit`."""
    return await _claimed(events, {"$eq": RELEASED}, limit)


async def _claimed(
    events: AsyncCollection[dict[str, Any]], place: dict[str, Timestamp], limit: int
) -> list[dict[str, Any]]:
    """Read at majority, so that nothing is booked whose storing could still be undone."""
    majority = events.with_options(read_concern=ReadConcern("majority"))
    found = majority.find({"queue": place, "outcome": None}, _WORK_FIELDS).sort("queue", ASCENDING).limit(limit)
    return await found.batch_size(limit).to_list()


async def time_of(database: AsyncDatabase[dict[str, Any]]) -> Timestamp:
    """MongoDB's time of what it has stored last; every event that it begins to store from now on has a later place."""
    answer = await database.command("ping")
    place: Timestamp = answer["operationTime"]
    return place


async def release_between(
    database: AsyncDatabase[dict[str, Any]], after: Timestamp, up_to: Timestamp, *, seen_from: Timestamp, limit: int
) -> int:
    """Release what waits behind the one place and up to the other, at most `limit`; how many. All that was stored by `seen_from` is
    seen, which MongoDB waits for until it is durable."""
    look = {
        "find": "events",
        "filter": {"queue": {"$gt": after, "$lte": up_to}, "outcome": None},
        "projection": {"_id": 1},
        "sort": {"queue": 1},
        "limit": limit,
        "batchSize": limit,
        "readConcern": {"level": "majority", "afterClusterTime": seen_from},
    }
    found = (await database.command(look))["cursor"]["firstBatch"]
    if found:
        these = {"_id": {"$in": [event["_id"] for event in found]}, "outcome": None}
        await database["events"].update_many(these, {"$set": {"queue": RELEASED}})
    return len(found)


async def place_behind(
    events: AsyncCollection[dict[str, Any]], after: Timestamp, up_to: Timestamp, *, events_max: int
) -> Timestamp:
    """So far that about so many events are in between, at most `up_to`."""
    between = {"queue": {"$gt": after, "$lte": up_to}}
    found = await events.find_one(between, {"_id": 0, "queue": 1}, sort=[("queue", ASCENDING)], skip=events_max)
    return found["queue"] if found else up_to


async def waits_between(events: AsyncCollection[dict[str, Any]], after: Timestamp, up_to: Timestamp) -> bool:
    """Whether an event waits behind the one place and up to the other."""
    return bool(await _claimed(events, {"$gt": after, "$lte": up_to}, 1))


async def newest_arrival(events: AsyncCollection[dict[str, Any]]) -> Timestamp:
    """The place in the queue of the event that came last."""
    arrived = {"queue": {"$gt": BEGINNING, "$lt": RELEASED}}
    newest = await events.find_one(arrived, {"_id": 0, "queue": 1}, sort=[("queue", pymongo.DESCENDING)])
    return newest["queue"] if newest else BEGINNING


@contextmanager
def _answered() -> Iterator[None]:
    """Raises `StoreUnavailable` for whatever MongoDB fails with."""
    try:
        yield
    except PyMongoError as failure:
        raise StoreUnavailable("The store did not answer in time; send it again.") from failure


def _appended(document: dict[str, Any]) -> Appended:
    return Appended(False, document["fingerprint"], document.get("outcome"), document.get("reason"))
