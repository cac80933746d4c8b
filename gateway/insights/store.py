"""The stored insights, declared, and the queue of those that wait for a narrative.

They are written with the batch they belong to, in the shape that `insight.build_insight` gives, and read through `queries`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar, Literal

from beanie import Document
from pydantic import BaseModel
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.collection import ReturnDocument
from pymongo.errors import PyMongoError

from gateway.clock import utc
from gateway.errors import StoreUnavailable
from gateway.masking import mask


class InsightReason(BaseModel):
    code: str
    points: int
    value: str
    usual: str | None
    text: str


class InsightNarrative(BaseModel):
    status: Literal["absent", "pending", "written", "failed"]
    reason: str | None = None
    headline: str | None = None
    text: str | None = None
    advice: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    input_hash: str | None = None
    written_at: datetime | None = None
    dropped: list[str] | None = None
    tries: int | None = None
    not_before: datetime | None = None


class InsightDocument(Document):
    """Declares the collection, its fields and its indexes; the functions below read and write plain documents."""

    id: str  # type: ignore[assignment]
    transaction: str
    source: str
    kind: str
    wallet: str
    counterparty: str | None
    currency: str
    amount_minor: int
    score: int | None
    level: Literal["low", "medium", "high", "critical", "unscored"]
    reasons: list[InsightReason]
    confidence: float
    model: str
    probability: float | None = None
    recommendation: Literal["none", "review", "block"] | None = None
    first_met: bool | None = None
    suspicious: bool | None = None
    chargeback: dict[str, Any] | None = None
    occurred_at: datetime
    at: datetime
    narrate: int | None = None
    narrative: InsightNarrative

    class Settings:
        name = "insights"
        indexes: ClassVar = [
            IndexModel([("at", ASCENDING)]),
            IndexModel([("wallet", ASCENDING), ("at", DESCENDING)]),
            IndexModel([("narrate", ASCENDING)], sparse=True),
        ]


class InsightStore:
    """The insights of one collection that wait for a narrative. Raises `StoreUnavailable` when MongoDB does not answer."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], collection: str = "insights") -> None:
        self._insights = database[collection]

    async def claim_pending(self, *, now: float, lease_s: float) -> dict[str, Any] | None:
        """The pending insight with the highest score, the oldest of equals; nobody else gets it for `lease_s`."""
        free = {"narrate": {"$exists": True}, "narrative.not_before": {"$not": {"$gt": utc(now)}}}
        async with _answering():
            return await self._insights.find_one_and_update(
                free,
                {"$set": {"narrative.not_before": utc(now + lease_s)}},
                sort=[("narrate", ASCENDING)],
                return_document=ReturnDocument.BEFORE,
            )

    async def write_narrative(self, event_id: str, narrative: Mapping[str, Any]) -> bool:
        """Stores the narrative, the model's words masked; a pending one stays claimable. False when it was no longer wanted."""
        words: dict[str, Any] = {name: mask(narrative[name]) for name in ("headline", "text") if narrative.get(name)}
        if narrative.get("dropped"):
            words["dropped"] = [mask(sentence) for sentence in narrative["dropped"]]
        change: dict[str, Any] = {"$set": {"narrative": {**narrative, **words}}}
        if narrative["status"] != "pending":
            change["$unset"] = {"narrate": ""}
        async with _answering():
            done = await self._insights.update_one({"_id": event_id, "narrate": {"$exists": True}}, change)
        return done.matched_count == 1

    async def expire_pending(self, *, before: float, reason: str) -> int:
        """Gives up the narratives of insights older than `before` (unix seconds): absent, with the reason."""
        old = {"narrate": {"$exists": True}, "at": {"$lt": utc(before)}}
        absent = {"$set": {"narrative": {"status": "absent", "reason": reason}}, "$unset": {"narrate": ""}}
        async with _answering():
            done = await self._insights.update_many(old, absent, hint=[("narrate", ASCENDING)])
        return done.modified_count


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        yield
    except PyMongoError as failed:
        raise StoreUnavailable("The store did not answer in time; ask again.") from failed
