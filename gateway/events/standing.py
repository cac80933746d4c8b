"""Where an event stands that is not done: what `queue` holds, and the conditions that find it on the one index over that.

    a timestamp         its place among all that came, which it keeps when it is settled; or `RELEASED`
    a name              parked until this is there: another object, a time, an encryption key; the same as in `awaits`
    "!parked <time>"    parked since then until a person does something
    "!rejected <time>"  rejected then
    absent              done, after it was released; or done when it came

What has no `outcome` waits for the worker. One index for all of it, because MongoDB looks at every index of a collection with each
update that touches one of them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import pymongo
from bson import Timestamp
from pymongo.asynchronous.collection import AsyncCollection

from gateway.mongo.former_indexes import drop_former, still_there

GIVEN_BY_MONGODB: Final = Timestamp(0, 0)
"""In a new document MongoDB replaces it by its own time, which no other gets."""
RELEASED: Final = Timestamp(2**32 - 1, 2**32 - 1)
"""The place of an event that may try again, or that the worker would not find where it came. Behind all others: MongoDB steps over
each entry that was taken off the index lately, so what is looked for again and again must not stand before those (DECISIONS 42)."""
STUCK: Final[Mapping[str, Any]] = {"queue": {"$gte": ""}}
"""Parked or rejected. MongoDB compares within a type: this is true of texts alone."""
PARKED: Final[Mapping[str, Any]] = {"$or": [{"queue": {"$gte": "!parked", "$lt": "!parked~"}}, {"queue": {"$gt": '"'}}]}
"""No name begins with a character as small as the exclamation mark."""
BACK_TO_THE_QUEUE: Final = {
    "$set": {"queue": RELEASED},
    "$unset": {"awaits": "", "outcome": "", "reason": "", "settled_at": ""},
}
MIGRATED_S_MAX: Final = 600.0
"""For all that waits in a store of an older version."""
_OF_A_PERSON: Final = frozenset({"parked", "rejected"})
_FORMER_INDEXES: Final = ("awaits_1", "stuck")


def waiting_behind(settled_to: Timestamp) -> dict[str, Any]:
    """Of the events that wait for the worker, which are all behind this place (gateway/events/progress.py)."""
    return {"queue": {"$gt": settled_to}, "outcome": None}


def awaiting(names: Iterable[str]) -> dict[str, Any]:
    """Of the events parked for one of these."""
    return {"queue": {"$in": list(names)}}


def stuck_between(since: datetime, until: datetime) -> dict[str, Any]:
    """Of the events that were parked or rejected at or after `since` and before `until`, and are so still."""
    ranges: list[dict[str, Any]] = [
        {"queue": {"$gte": _mark(outcome, since), "$lt": _mark(outcome, until)}} for outcome in sorted(_OF_A_PERSON)
    ]
    return {"$or": [*ranges, {"queue": {"$gt": '"'}, "settled_at": {"$gte": since, "$lt": until}}]}


def settled(fields: Mapping[str, Any], *, was_released: bool) -> dict[str, Any]:
    """The update that ends an event's wait for the worker. `fields`: outcome, reason, settled_at, and what it awaits, if
    anything. One that stands where it arrived stays there, so that no index is touched."""
    outcome = fields["outcome"]
    if outcome not in _OF_A_PERSON:
        return {"$set": dict(fields), **({"$unset": {"queue": ""}} if was_released else {})}
    standing = fields.get("awaits") or _mark(outcome, fields["settled_at"])
    return {"$set": {**fields, "queue": standing}}


async def ensure_standings(events: AsyncCollection[dict[str, Any]]) -> None:
    """Stores made by a version that had an index for each condition: their parked and rejected events get their standing. And
    by one that gave out places by the senders' clocks, and took what was settled off the queue: what waits there is released."""
    with pymongo.timeout(MIGRATED_S_MAX):
        await events.update_many({"queue": {"$type": "number"}}, {"$set": {"queue": RELEASED}})
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
