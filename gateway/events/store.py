"""The stored events: append with the database deciding what is a duplicate, and the queue that the worker claims from."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

import pymongo
from beanie import Document
from pymongo import ASCENDING, IndexModel, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.read_concern import ReadConcern

from gateway.errors import StoreUnavailable
from gateway.events.group_commit import GroupCommit
from gateway.events.standing import RELEASED

DUPLICATE_KEY = 11000
_WORK_FIELDS = dict.fromkeys(
    ("source", "scheme", "type", "received_at", "queue", "body", "body_key", "body_removed_at", "tries", "replay"), 1
)
_STATE_FIELDS = {"fingerprint": 1, "outcome": 1, "reason": 1, "tx_id": 1}


class EventDocument(Document):
    """Declares the collection and its indexes; the hot paths read and write plain documents."""

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
    queue: int | str | None = None
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
        self._insights = database["insights"]
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
            found = await self._insights.find_one({"_id": event_id}, fields)
        return {"insight": found} if found else {}

    async def _write(self, documents: Sequence[dict[str, Any]]) -> list[Appended | Exception]:
        with _answered(), pymongo.timeout(self._timeout_s):
            duplicates = await self._insert(documents)
            standing = await self._standing([documents[index]["_id"] for index in duplicates])
        results: list[Appended | Exception] = [Appended(True, document["fingerprint"]) for document in documents]
        for index in duplicates:
            found = standing.get(documents[index]["_id"])
            results[index] = found or StoreUnavailable("The same event is being stored right now; send it again.")
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

    async def _standing(self, event_ids: list[str]) -> dict[str, Appended]:
        """The events that were there before. Read at majority: one that is not yet durable may not be confirmed as stored."""
        if not event_ids:
            return {}
        found: dict[str, Appended] = {}
        for wait_s in (0.0, 0.01, 0.05, 0.2):
            await asyncio.sleep(wait_s)
            cursor = self._events.find({"_id": {"$in": event_ids}}, _STATE_FIELDS)
            found = {document["_id"]: _appended(document) async for document in cursor}
            if len(found) == len(set(event_ids)):
                break
        return found


async def waiting(events: AsyncCollection[dict[str, Any]], limit: int, *, after: int = -1) -> list[dict[str, Any]]:
    """The events that have waited longest, at most `limit`, in order of arrival; only those that arrived after `after`."""
    return await _claimed(events, {"$gt": after}, limit)


async def released(events: AsyncCollection[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """The events that may try again, at most `limit`."""
    return await _claimed(events, {"$eq": RELEASED}, limit)


async def _claimed(events: AsyncCollection[dict[str, Any]], place: dict[str, int], limit: int) -> list[dict[str, Any]]:
    """Read at majority, so that nothing is booked whose storing could still be undone."""
    majority = events.with_options(read_concern=ReadConcern("majority"))
    found = majority.find({"queue": place}, _WORK_FIELDS).sort("queue", ASCENDING).limit(limit)
    return await found.batch_size(limit).to_list()


async def newest_arrival(events: AsyncCollection[dict[str, Any]]) -> int:
    """The place in the queue of the event that came last of those that wait; 0 when none does."""
    arrived = {"queue": {"$gte": 0, "$lt": RELEASED}}
    newest = await events.find_one(arrived, {"_id": 0, "queue": 1}, sort=[("queue", pymongo.DESCENDING)])
    return int(newest["queue"]) if newest else 0


@contextmanager
def _answered() -> Iterator[None]:
    """Raises `StoreUnavailable` for whatever MongoDB fails with."""
    try:
        yield
    except PyMongoError as failure:
        raise StoreUnavailable("The store did not answer in time; send it again.") from failure


def _appended(document: dict[str, Any]) -> Appended:
    return Appended(False, document["fingerprint"], document.get("outcome"), document.get("reason"))
