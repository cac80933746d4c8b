"""What payments turned out to be: money says it, not hands. A dispute makes its payment a 1, a quiet time makes it a 0.

    labels: {_id: the payment's key, event_id, wallet, counterparty, currency, amount_minor, occurred_at, label, known_at, why}

The label stands at the original payment's time, and `known_at` is when it could be known: a 1 since its first dispute, a 0 since
the last one ended. `why` is "matured" or the dispute's last state ("dispute_open", "dispute_lost", "dispute_won", …). A dispute
after the payment matured flips it; one that is won or withdrawn by the payer flips it back, unless another one runs.

It follows the ledger by its numbers, beside the writer: two marks, of disputes read and of captures matured. The work is done
inside MongoDB, a bounded piece a turn, and writing a piece twice changes nothing; so it may be cut off anywhere.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from gateway.clock import Clock, pause, system_clock, utc
from gateway.monitoring.passes import Turns

Database = AsyncDatabase[dict[str, Any]]

PIECE: Final = 1_000
"""Transactions looked at in one turn, for each of the two marks."""
BUSY_PAUSE_S: Final = 0.25
TIMES_REST: Final = 4
"""While there is more, each turn rests four times as long as it took: it has a fifth of one core at most, and less when others are
busy, for then a turn takes longer. What is due waits; a label is in no hurry."""
IDLE_S: Final = 2.0
QUIET: Final = "matured"
"""The `why` of a label that no dispute gave, but time without one."""
_CHANGED: Final[list[dict[str, Any]]] = [
    {
        "$replaceWith": {
            "$mergeObjects": [
                "$$ROOT",
                "$$new",
                {
                    "known_at": {
                        "$switch": {
                            "branches": [
                                {"case": {"$ne": ["$label", "$$new.label"]}, "then": "$$new.known_at"},
                                {"case": "$label", "then": {"$min": ["$known_at", "$$new.known_at"]}},
                            ],
                            "default": {"$max": ["$known_at", "$$new.known_at"]},
                        }
                    }
                },
            ]
        }
    }
]
"""A label that stays what it was has been known before: a 1 from the first step on, a 0 from the last."""
_DISPUTES: Final = "labels_disputes"
_MATURED: Final = "labels_matured"


async def ensure_labels(database: Database) -> None:
    """Create the indexes once."""
    await database["labels"].create_indexes(
        [IndexModel([("occurred_at", ASCENDING)]), IndexModel([("counterparty", ASCENDING), ("known_at", DESCENDING)])]
    )


async def label_regularly(
    database: Database, stop: asyncio.Event, *, delay_days: int, clock: Clock = system_clock
) -> None:
    """Until `stop`; survives a MongoDB that is away, and whatever is odd in a transaction."""
    turns = Turns(database, "labels", clock)
    while not stop.is_set():
        started = monotonic()
        more = await turns.take(label_piece(database, delay_days=delay_days, now=utc(clock())), otherwise=False)
        rest_s = max(BUSY_PAUSE_S, TIMES_REST * (monotonic() - started)) if more else IDLE_S
        await pause(stop, rest_s)


async def matured_seq(database: Database) -> int:
    """The transaction's number up to which every capture has a label, whichever it is: their time to be disputed is over. Of later
    ones only those that were disputed early have one."""
    return await _mark(database, _MATURED)


async def label_piece(database: Database, *, delay_days: int, now: datetime) -> bool:
    """One turn. Whether there is more at once."""
    disputes_left = await _read_disputes(database)
    return await _mature(database, timedelta(days=delay_days), now) or disputes_left


async def _read_disputes(database: Database) -> bool:
    """The label of every payment whose disputes moved, from what the ledger holds now: read twice or late, it is the same."""
    read = await _mark(database, _DISPUTES)
    last = await _last_seq(database, read + PIECE)
    if last <= read:
        return False
    moved = {"seq": {"$gt": read, "$lte": last}, "object": {"$regex": "^[^:]+:dispute:"}}
    began: dict[str, datetime] = {}
    ended: dict[str, datetime] = {}
    async for transaction in database["transactions"].find(moved, {"object": 1, "at": 1}).sort("seq", ASCENDING):
        began.setdefault(transaction["object"], transaction["at"])
        ended[transaction["object"]] = transaction["at"]
    disputes = await _objects(database, list(ended), {"parent": 1, "state": 1})
    payments = await _objects(
        database, [each["parent"] for each in disputes.values() if each["parent"]], {"disputes_open": 1}
    )
    for key, dispute in sorted(disputes.items(), key=lambda item: ended[item[0]]):
        payment = payments.get(dispute["parent"])
        if payment is None:
            continue
        label = int(payment["disputes_open"] > 0)
        told = {
            "label": label,
            "known_at": began[key] if label else ended[key],
            "why": f"dispute_{dispute['state'].lower()}",
        }
        captured = {"object": dispute["parent"], "kind": "capture"}
        await _merge(database, captured, {name: {"$literal": value} for name, value in told.items()}, _CHANGED)
    await _set_mark(database, _DISPUTES, last)
    return last == read + PIECE


async def _mature(database: Database, delay: timedelta, now: datetime) -> bool:
    """Captures that stood for `delay` without a label become 0, known from the moment the delay was over."""
    matured = await _mark(database, _MATURED)
    old = {"seq": {"$gt": matured, "$lte": matured + PIECE}, "at": {"$lte": now - delay}}
    last = await database["transactions"].find_one(old, {"seq": 1}, sort=[("seq", DESCENDING)])
    if last is None:
        return False
    captured = {"seq": {"$gt": matured, "$lte": last["seq"]}, "kind": "capture"}
    told = {"label": {"$literal": 0}, "why": {"$literal": QUIET}}
    known_at = {"$add": ["$at", round(delay.total_seconds() * 1_000)]}
    await _merge(database, captured, {**told, "known_at": known_at}, "keepExisting")
    await _set_mark(database, _MATURED, last["seq"])
    return bool(last["seq"] == matured + PIECE)


async def _merge(
    database: Database, captured: Mapping[str, Any], told: Mapping[str, Any], when_matched: str | list[dict[str, Any]]
) -> None:
    """Write labels of these captures, each with what its insight knows. All of it happens in MongoDB."""
    insight = {"from": "insights", "localField": "event_id", "foreignField": "_id", "as": "insight"}
    first = {"$first": "$insight"}
    label = {
        "_id": "$object",
        "event_id": 1,
        "wallet": {"$ifNull": [{"$getField": {"field": "wallet", "input": first}}, {"$first": "$wallets"}]},
        "counterparty": {"$ifNull": [{"$getField": {"field": "counterparty", "input": first}}, None]},
        "currency": 1,
        "amount_minor": 1,
        "occurred_at": 1,
        **told,
    }
    merge = {"into": "labels", "on": "_id", "whenMatched": when_matched, "whenNotMatched": "insert"}
    stages: list[dict[str, Any]] = [{"$match": captured}, {"$lookup": insight}, {"$project": label}, {"$merge": merge}]
    await (await database["transactions"].aggregate(stages)).to_list()


async def _objects(database: Database, keys: list[str], fields: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    found = database["objects"].find({"_id": {"$in": keys}}, fields)
    return {each["_id"]: each async for each in found}


async def _last_seq(database: Database, at_most: int) -> int:
    last = await database["transactions"].find_one({"seq": {"$lte": at_most}}, {"seq": 1}, sort=[("seq", DESCENDING)])
    return int(last["seq"]) if last else 0


async def _mark(database: Database, name: str) -> int:
    mark = await database["marks"].find_one({"_id": name})
    return int(mark["seq"]) if mark else 0


async def _set_mark(database: Database, name: str, seq: int) -> None:
    """Never back: another worker may have come further."""
    await database["marks"].update_one({"_id": name}, {"$max": {"seq": seq}}, upsert=True)
