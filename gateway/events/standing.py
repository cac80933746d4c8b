"""Where an event stands that is not done: what `queue` holds, and the conditions that find it on the one index over that.

    a number            it waits for the worker: when it arrived, in unix microseconds, or `RELEASED`
    a name              parked until this is there: another object, a time, an encryption key; the same as in `awaits`
    "!parked <time>"    parked since then until a person does something
    "!rejected <time>"  rejected then
    absent              done

One index for all of it, because MongoDB looks at every index of a collection with each update that touches one of them: three
instead of one made settling an event half as dear again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from gateway.mongo.former_indexes import drop_former, still_there

RELEASED: Final = 2**62
"""The place of an event that may try again. Behind every arrival: MongoDB steps over each entry that was taken off the index
lately, so what is looked for again and again must not stand before those (DECISIONS 42)."""
WAITING: Final[Mapping[str, Any]] = {"queue": {"$gte": 0}}
"""MongoDB compares within a type: this is true of numbers alone, as the next is of texts."""
STUCK: Final[Mapping[str, Any]] = {"queue": {"$gte": ""}}
"""Parked or rejected."""
PARKED: Final[Mapping[str, Any]] = {"$or": [{"queue": {"$gte": "!parked", "$lt": "!parked~"}}, {"queue": {"$gt": '"'}}]}
"""No name begins with a character as small as the exclamation mark."""
BACK_TO_THE_QUEUE: Final = {
    "$set": {"queue": RELEASED},
    "$unset": {"awaits": "", "outcome": "", "reason": "", "settled_at": ""},
}
_OF_A_PERSON: Final = frozenset({"parked", "rejected"})
_FORMER_INDEXES: Final = ("awaits_1", "stuck")
_FORMERLY_RELEASED: Final = 0


def awaiting(names: Iterable[str]) -> dict[str, Any]:
    """Of the events parked for one of these."""
    return {"queue": {"$in": list(names)}}


def stuck_between(since: datetime, until: datetime) -> dict[str, Any]:
    """Of the events that were parked or rejected at or after `since` and before `until`, and are so still."""
    ranges: list[dict[str, Any]] = [
        {"queue": {"$gte": _mark(outcome, since), "$lt": _mark(outcome, until)}} for outcome in sorted(_OF_A_PERSON)
    ]
    return {"$or": [*ranges, {"queue": {"$gt": '"'}, "settled_at": {"$gte": since, "$lt": until}}]}


def settled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The update that ends an event's wait for the worker. `fields`: outcome, reason, settled_at, and what it awaits, if
    anything."""
    outcome = fields["outcome"]
    if outcome not in _OF_A_PERSON:
        return {"$set": dict(fields), "$unset": {"queue": ""}}
    standing = fields.get("awaits") or _mark(outcome, fields["settled_at"])
    return {"$set": {**fields, "queue": standing}}


async def ensure_standings(events: AsyncCollection[dict[str, Any]]) -> None:
    """Stores made by a version that had an index for each condition: their parked and rejected events get their standing. And
    those of one that released events to another place."""
    await events.update_many({"queue": _FORMERLY_RELEASED}, {"$set": {"queue": RELEASED}})
    if not await still_there(events, _FORMER_INDEXES):
        return
    time = {"$dateToString": {"date": "$settled_at", "format": "%Y-%m-%dT%H:%M:%S.%L+00:00"}}
    standing = {"$ifNull": ["$awaits", {"$concat": ["!", "$outcome", " ", time]}]}
    without = {"outcome": {"$in": sorted(_OF_A_PERSON)}, "settled_at": {"$type": "date"}, "queue": {"$exists": False}}
    await events.update_many(without, [{"$set": {"queue": standing}}])
    await drop_former(events, _FORMER_INDEXES)


def _mark(outcome: str, at: datetime) -> str:
    """Sorts as the times do. `at` in UTC."""
    return f"!{outcome} {at.isoformat(timespec='milliseconds')}"
