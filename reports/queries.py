"""The aggregation pipelines of a report, as data: each returns few rows, whatever the store holds.

Amounts are added as decimals of 34 digits: MongoDB's own sum of 64-bit integers turns into a rounded double when it
overflows. Text is cut before grouping, so a sender's long text cannot make a group key of its size.
"""

from datetime import datetime
from typing import Any, Final

from gateway.events.standing import PARKED, WAITING

Pipeline = list[dict[str, Any]]

TYPES_MAX: Final = 40
REASONS_MAX: Final = 30
STATES_MAX: Final = 200
REFUSALS_MAX: Final = 40
INCIDENTS_MAX: Final = 20
PARKED_MAX: Final = 12
NARRATIVES_MAX: Final = 20
RISKIEST_MAX: Final = 12
WALLETS_MAX: Final = 5
"""Rows of each list on the page; what is left out is counted and said."""

TEXT_CHARS_MAX: Final = 160


def _in_period(field: str, since: datetime, until: datetime) -> dict[str, Any]:
    return {"$match": {field: {"$gte": since, "$lt": until}}}


def _text(field: str) -> dict[str, Any]:
    return {"$substrCP": [{"$ifNull": [f"${field}", ""]}, 0, TEXT_CHARS_MAX]}


def _minor(expression: str) -> dict[str, Any]:
    return {"$sum": {"$toDecimal": {"$ifNull": [expression, 0]}}}


def _ranked(keys: list[str], rows_max: int) -> Pipeline:
    """Counts per `keys`, the largest first, from rows that carry `_id` and `n`."""
    key = {name: f"$_id.{name}" for name in keys}
    order: dict[str, int] = {"n": -1} | {f"_id.{name}": 1 for name in keys}
    return [{"$group": {"_id": key, "n": {"$sum": "$n"}}}, {"$sort": order}, {"$limit": rows_max}]


def _how_many(keys: list[str]) -> Pipeline:
    return [{"$group": {"_id": {name: f"$_id.{name}" for name in keys}}}, {"$count": "n"}]


def events(since: datetime, until: datetime) -> Pipeline:
    """Events received, by outcome, by type, and by the reason of those not applied."""
    key = {
        "source": "$source",
        "type": _text("type"),
        "outcome": {"$ifNull": ["$outcome", "waiting"]},
        "reason": _text("reason"),
    }
    others: dict[str, Any] = {"$match": {"_id.outcome": {"$nin": ["applied", "waiting"]}}}
    return [
        _in_period("received_at", since, until),
        {"$group": {"_id": key, "n": {"$sum": 1}}},
        {
            "$facet": {
                "outcomes": _ranked(["source", "outcome"], 1_000),
                "types": _ranked(["source", "type"], TYPES_MAX),
                "types_count": _how_many(["source", "type"]),
                "reasons": [others, *_ranked(["outcome", "reason"], REASONS_MAX)],
                "reasons_count": [others, *_how_many(["outcome", "reason"])],
            }
        },
    ]


def flows(since: datetime, until: datetime, step: str) -> Pipeline:
    """Transactions booked, added up per currency, source, kind and `step` (hour, day or month, UTC).

    The kind "state" is left out: an object's state changed and no money moved.
    """
    key = {
        "currency": "$currency",
        "source": "$source",
        "kind": "$kind",
        "start": {"$dateTrunc": {"date": "$at", "unit": step, "timezone": "UTC"}},
    }
    return [
        _in_period("at", since, until),
        {"$match": {"kind": {"$ne": "state"}}},
        {"$group": {"_id": key, "minor": _minor("$amount_minor"), "n": {"$sum": 1}}},
        {"$sort": {"_id.currency": 1, "_id.source": 1, "_id.kind": 1, "_id.start": 1}},
    ]


def accounts(since: datetime, until: datetime) -> Pipeline:
    """The legs of the same transactions: the change per class of account, and the wallets that changed most."""
    wallet_row = {
        "account": "$_id.account",
        "minor": "$minor",
        "n": "$n",
        "closing": "$closing",
    }
    return [
        _in_period("at", since, until),
        {"$project": {"currency": 1, "seq": 1, "legs": 1}},
        {"$unwind": "$legs"},
        {
            "$group": {
                "_id": {"currency": "$currency", "account": "$legs.account"},
                "minor": _minor("$legs.amount_minor"),
                "n": {"$sum": 1},
                "closing": {"$top": {"sortBy": {"seq": -1, "legs.version": -1}, "output": "$legs.balance_after"}},
            }
        },
        {
            "$facet": {
                "classes": [
                    {
                        "$group": {
                            "_id": {
                                "currency": "$_id.currency",
                                "class": {"$first": {"$split": ["$_id.account", ":"]}},
                            },
                            "minor": {"$sum": "$minor"},
                        }
                    },
                    {"$sort": {"_id.currency": 1, "_id.class": 1}},
                ],
                "wallets": [
                    {"$match": {"_id.account": {"$regex": "^wallet:"}}},
                    {"$set": {"size": {"$abs": "$minor"}}},
                    {
                        "$group": {
                            "_id": "$_id.currency",
                            "n": {"$sum": 1},
                            "rows": {
                                "$topN": {
                                    "n": WALLETS_MAX,
                                    "sortBy": {"size": -1, "_id.account": 1},
                                    "output": wallet_row,
                                }
                            },
                        }
                    },
                ],
            }
        },
    ]


def states(since: datetime, until: datetime) -> Pipeline:
    """Provider objects last changed in the period, by kind, state and currency."""
    key = {"kind": "$kind", "state": "$state", "currency": {"$ifNull": ["$currency", ""]}}
    return [
        _in_period("updated_at", since, until),
        {
            "$group": {
                "_id": key,
                "n": {"$sum": 1},
                "minor": _minor("$amount_minor"),
                "refunded": _minor("$refunded_minor"),
            }
        },
        {"$sort": {"_id.kind": 1, "_id.state": 1, "_id.currency": 1}},
        {"$facet": {"rows": [{"$limit": STATES_MAX}], "count": [{"$count": "n"}]}},
    ]


def refusals(since: datetime, until: datetime) -> Pipeline:
    """Refused requests by reason, from the bounded log."""
    key = {"source": _text("source"), "reason": "$reason", "status": "$status"}
    return [
        _in_period("at", since, until),
        {"$group": {"_id": key, "n": {"$sum": 1}, "last_at": {"$max": "$at"}}},
        {"$sort": {"n": -1, "_id.reason": 1, "_id.source": 1, "_id.status": 1}},
        {
            "$facet": {
                "rows": [{"$limit": REFUSALS_MAX}],
                "all": [{"$group": {"_id": None, "n": {"$sum": "$n"}, "rows": {"$sum": 1}}}],
            }
        },
    ]


def incidents(since: datetime, until: datetime) -> Pipeline:
    """Incidents, the newest first, without the body that came with them."""
    shown = {"at": 1, "kind": 1, "source": 1, "event_id": 1}
    return [
        _in_period("at", since, until),
        {"$project": shown},
        {
            "$facet": {
                "rows": [{"$sort": {"at": -1, "_id": 1}}, {"$limit": INCIDENTS_MAX}],
                "count": [{"$count": "n"}],
            }
        },
    ]


def waiting(until: datetime) -> Pipeline:
    """Events that the worker has not reached; the sparse index on `queue` finds them."""
    return [
        {"$match": {**WAITING, "received_at": {"$lt": until}}},
        {"$group": {"_id": None, "n": {"$sum": 1}, "since": {"$min": "$received_at"}}},
    ]


def parked(until: datetime) -> Pipeline:
    """Events that wait for another one or for a person, the oldest first."""
    shown = {name: _text(name) for name in ("source", "type", "tx_id", "reason", "awaits")}
    return [
        {"$match": {**PARKED, "received_at": {"$lt": until}}},
        {"$project": shown | {"received_at": 1}},
        {
            "$facet": {
                "rows": [{"$sort": {"received_at": 1, "_id": 1}}, {"$limit": PARKED_MAX}],
                "count": [{"$count": "n"}],
            }
        },
    ]


def levels(since: datetime, until: datetime) -> Pipeline:
    """Insights by level, how many scored above zero, and what became of the narratives."""
    key = {
        "level": {"$cond": [{"$lt": ["$score", 0]}, "unscored", "$level"]},  # null and absent sort below every number
        "risky": {"$gt": ["$score", 0]},
        "status": {"$ifNull": ["$narrative.status", "absent"]},
        "reason": _text("narrative.reason"),
    }
    return [
        _in_period("at", since, until),
        {"$group": {"_id": key, "n": {"$sum": 1}}},
        {
            "$facet": {
                "levels": _ranked(["level"], 100),
                "risky": [{"$match": {"_id.risky": True}}, {"$group": {"_id": None, "n": {"$sum": "$n"}}}],
                "narratives": _ranked(["status", "reason"], NARRATIVES_MAX),
                "narratives_count": _how_many(["status", "reason"]),
            }
        },
    ]


def riskiest(since: datetime, until: datetime) -> Pipeline:
    """The insights with the highest scores, all of their fields; nothing scored zero is among them."""
    period = {"at": {"$gte": since, "$lt": until}}
    return [
        {"$match": period | {"score": {"$gt": 0}}},
        {"$sort": {"score": -1, "at": -1, "_id": 1}},
        {"$limit": RISKIEST_MAX},
    ]
