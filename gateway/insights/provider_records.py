"""How the providers did lately: from the newest payments that ended in a period, so that the question costs the same on any day."""

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from gateway.booked import booked
from gateway.insights.routing import ProviderRecord, median_ms

PAYMENTS_MAX: Final = 5_000
"""The newest ones that are looked at."""


async def provider_records(
    database: AsyncDatabase[dict[str, Any]], since: datetime, until: datetime, *, currency: str | None = None
) -> list[ProviderRecord]:
    """One record per source that payments came from, by name; none without payments. With `currency`, of that one only."""
    ended = await booked(database, {"$gte": since, "$lt": until}) | {"kind": {"$in": ["capture", "state"]}}
    if currency:
        ended["currency"] = currency
    pipeline: list[dict[str, Any]] = [
        {"$match": ended},
        {"$sort": {"seq": -1}},
        {"$limit": PAYMENTS_MAX},
        {"$match": {"$or": [{"kind": "capture"}, {"change.to": "FAILED", "object": {"$regex": "^[^:]+:payment:"}}]}},
        {"$project": {"_id": 0, "source": 1, "kind": 1, "ms": {"$subtract": ["$at", "$occurred_at"]}}},
    ]
    delays: defaultdict[str, list[float]] = defaultdict(list)
    attempts: defaultdict[str, int] = defaultdict(int)
    async for payment in await database.transactions.aggregate(pipeline):
        attempts[payment["source"]] += 1
        if payment["kind"] == "capture":
            delays[payment["source"]].append(payment["ms"] / 1000)
    return [
        ProviderRecord(source, count, len(delays[source]), median_ms(delays[source]))
        for source, count in sorted(attempts.items())
    ]
