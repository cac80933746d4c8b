"""What happened on one day, added up inside MongoDB: the figures that the business's insights are made of.

currencies   [{currency, captured_count, captured_minor, refunded_…, transferred_…, disputed_…}]   minor units as Decimal128;
             a dispute once, on the day when it first held or took its amount
providers    [{source, attempts, succeeded, latency_ms}]    payments that ended; the latency of the newest 5,000
received     [{source, outcome, count}]                     events by the day they arrived
refused      [{reason, count}], or None where the counts are kept no more
scores       [{model, counts}]                              a histogram of ten bins per model version
transactions, events, scored                                how many of each were added up
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Final

from bson import Decimal128
from pymongo.asynchronous.database import AsyncDatabase

from gateway.booked import booked
from gateway.events.refusal_counts import refused_between
from gateway.insights.provider_records import provider_records

Database = AsyncDatabase[dict[str, Any]]

KINDS: Final = {
    "capture": "captured",
    "refund": "refunded",
    "transfer": "transferred",
    "dispute_opened": "disputed",
    "dispute_withdrawn": "disputed",
}
_TAKEN: Final = "dispute_withdrawn"
BINS: Final = 10
REFUSALS_KEPT: Final = timedelta(days=6)
"""The door's counts per minute are kept for a week."""


async def day_figures(database: Database, since: datetime, until: datetime, *, now: datetime) -> dict[str, Any]:
    """The figures of the time from `since` to `until`, by when things were booked, arrived or refused."""
    moved = await _groups(database, "transactions", _moved(await booked(database, {"$gte": since, "$lt": until})))
    await _leave_out_held_before(database, moved)
    received = await _groups(database, "events", _received(since, until))
    scores = await _groups(database, "insights", _scores(since, until))
    refused = await _groups(database, "refusal_counts", _refused(since, until)) if now - until < REFUSALS_KEPT else None
    latencies = {each.source: each.latency_ms for each in await provider_records(database, since, until)}
    return {
        "currencies": _currencies(moved),
        "providers": _providers(moved, latencies),
        "received": [{**group["_id"], "count": group["count"]} for group in received],
        "refused": None if refused is None else [{"reason": each["_id"], "count": each["count"]} for each in refused],
        "scores": _histograms(scores),
        "transactions": sum(group["count"] for group in moved),
        "events": sum(group["count"] for group in received),
        "scored": sum(group["count"] for group in scores),
    }


async def _groups(database: Database, collection: str, stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return await (await database[collection].aggregate([*stages, {"$sort": {"_id": 1}}])).to_list()


def _moved(of_the_day: dict[str, Any]) -> list[dict[str, Any]]:
    failed = {"kind": "state", "change.to": "FAILED", "object": {"$regex": "^[^:]+:payment:"}}
    taken = {"kind": _TAKEN, "change.from": {"$ne": "OPEN"}}  # from there it was counted when it was opened
    match = {**of_the_day, "$or": [{"kind": {"$in": [kind for kind in KINDS if kind != _TAKEN]}}, taken, failed]}
    of = {"source": "$source", "currency": "$currency", "kind": "$kind"}
    amount = {"$sum": {"$toDecimal": "$amount_minor"}}
    again = {"$cond": [{"$eq": ["$change.from", "CLOSED"]}, {"name": "$object", "minor": "$amount_minor"}, "$$REMOVE"]}
    return [
        {"$match": match},
        {"$group": {"_id": of, "count": {"$sum": 1}, "minor": amount, "again": {"$push": again}}},
    ]


async def _leave_out_held_before(database: Database, moved: list[dict[str, Any]]) -> None:
    """Disputes that were closed before they took their amount: those that had held it before that are counted already. Very few."""
    for group in moved:
        of_effect = {each["name"].replace(":dispute:", ":dispute_opened:", 1): each for each in group["again"]}
        if of_effect:
            held = database["transactions"].find({"_id": {"$in": list(of_effect)}}, {"_id": 1})
            before = [of_effect[effect["_id"]] async for effect in held]
            group["count"] -= len(before)
            group["minor"] = Decimal128(group["minor"].to_decimal() - sum(each["minor"] for each in before))


def _received(since: datetime, until: datetime) -> list[dict[str, Any]]:
    of = {"source": "$source", "outcome": {"$ifNull": ["$outcome", "waiting"]}}
    return [
        {"$match": {"received_at": {"$gte": since, "$lt": until}}},
        {"$group": {"_id": of, "count": {"$sum": 1}}},
    ]


def _refused(since: datetime, until: datetime) -> list[dict[str, Any]]:
    return [
        {"$match": refused_between(since, until)},
        {"$group": {"_id": "$reason", "count": {"$sum": "$count"}}},
    ]


def _scores(since: datetime, until: datetime) -> list[dict[str, Any]]:
    place = {"$min": [BINS - 1, {"$toInt": {"$floor": {"$divide": ["$score", 100 / BINS]}}}]}
    return [
        {"$match": {"at": {"$gte": since, "$lt": until}, "score": {"$type": "number"}}},
        {"$group": {"_id": {"model": "$model", "bin": place}, "count": {"$sum": 1}}},
    ]


def _currencies(moved: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each currency by itself: they do not add up."""
    totals: dict[str, dict[str, int]] = {}
    for group in moved:
        name = KINDS.get(group["_id"]["kind"])
        if name is None:
            continue
        total = totals.setdefault(group["_id"]["currency"], defaultdict(int))
        total[f"{name}_count"] += group["count"]
        total[f"{name}_minor"] += int(group["minor"].to_decimal())
    names = list(dict.fromkeys(KINDS.values()))
    return [
        {
            "currency": currency,
            **{f"{name}_count": total.get(f"{name}_count", 0) for name in names},
            **{f"{name}_minor": Decimal128(str(total.get(f"{name}_minor", 0))) for name in names},
        }
        for currency, total in sorted(totals.items())
    ]


def _providers(moved: list[dict[str, Any]], latencies: dict[str, int | None]) -> list[dict[str, Any]]:
    records: dict[str, dict[str, Any]] = {}
    for group in moved:
        if group["_id"]["kind"] not in ("capture", "state"):
            continue
        source = group["_id"]["source"]
        new = {"source": source, "attempts": 0, "succeeded": 0, "latency_ms": latencies.get(source)}
        record = records.setdefault(source, new)
        record["attempts"] += group["count"]
        record["succeeded"] += group["count"] * (group["_id"]["kind"] == "capture")
    return [records[source] for source in sorted(records)]


def _histograms(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0] * BINS)
    for group in groups:
        counts[str(group["_id"]["model"])][int(group["_id"]["bin"])] += group["count"]
    return [{"model": model, "counts": bins} for model, bins in sorted(counts.items())]
