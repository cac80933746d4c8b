"""The refusals of a period: from the exact counts as far as they are kept, from the rows, of which a flood leaves some, elsewhere.

The counts are per minute. So a period is cut into parts, each of one of the two collections; whoever asks adds the parts up by
what it likes, since both collections have `source` and `reason`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pymongo.asynchronous.database import AsyncDatabase

from gateway.clock import utc
from gateway.events.rejections import BUCKET_S, COUNTS_KEPT_S

Database = AsyncDatabase[dict[str, Any]]

NO_REFUSALS: Final = ("duplicate",)
"""Counted beside the refusals and answered 200: what was stored before."""
JUST_NOW: Final = timedelta(seconds=5)
"""A period that ended no longer ago was asked for up to now: the present minute is counted whole, as all there is of it."""
_MINUTE: Final = timedelta(seconds=BUCKET_S)


def refused_between(since: datetime, until: datetime) -> dict[str, Any]:
    """The condition on what was refused from `since` to `until`, for rows and counts; of a count the minute's beginning decides."""
    return {"at": {"$gte": since, "$lt": until}, "reason": {"$nin": list(NO_REFUSALS)}}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a period, and the collection that tells its refusals."""

    collection: Literal["rejections", "refusal_counts"]
    since: datetime
    until: datetime

    @property
    def condition(self) -> dict[str, Any]:
        return refused_between(self.since, self.until)

    @property
    def number(self) -> dict[str, Any]:
        """How many there are in a group, as an accumulator."""
        return {"$sum": "$count" if self.collection == "refusal_counts" else 1}


@dataclass(frozen=True, slots=True)
class Parts:
    """A period cut up. `at_least`: there may have been more refusals than the parts tell."""

    parts: tuple[Part, ...]
    at_least: bool


async def parts_of(database: Database, since: datetime, until: datetime, *, now: datetime) -> Parts:
    """Whole minutes that are counted by their counts; part minutes at the bounds, and what is older, by their rows."""
    kept_from = _ceiling(now - timedelta(seconds=COUNTS_KEPT_S))
    oldest = await database["refusal_counts"].find_one({}, {"at": 1}, sort=[("at", 1)])
    counted_from = max(kept_from, oldest["at"]) if oldest else _ceiling(until)
    first = _ceiling(max(since, counted_from))
    last = _ceiling(until) if until >= now - JUST_NOW else _floor(until)
    rows = [(since, first), (last, until)] if first < last else [(since, until)]
    rows = [(begin, end) for begin, end in rows if begin < end]
    parts = [Part("rejections", begin, end) for begin, end in rows]
    if first < last:
        parts.append(Part("refusal_counts", first, last))
    uncounted = min(until, counted_from)
    at_least = since < uncounted and (since < kept_from or await _any_row(database, since, uncounted))
    for begin, end in rows:
        minute = _floor(max(begin, counted_from))  # as a bound cuts it, rows of a whole one or two are looked at
        while not at_least and minute < end:
            at_least = await _rows_are_missing(database, minute)
            minute += _MINUTE
    return Parts(tuple(parts), at_least)


async def _any_row(database: Database, since: datetime, until: datetime) -> bool:
    """Something was refused before the first count, so nobody knows how much; without it nothing was, as in a new gateway."""
    return await database["rejections"].find_one(refused_between(since, until), {"_id": 1}) is not None


async def _rows_are_missing(database: Database, minute: datetime) -> bool:
    """Whether more was refused in this minute than it has rows."""
    of_it = refused_between(minute, minute + _MINUTE)
    total: list[dict[str, Any]] = [{"$match": of_it}, {"$group": {"_id": None, "count": {"$sum": "$count"}}}]
    counted = await (await database["refusal_counts"].aggregate(total)).to_list()
    return bool(counted) and counted[0]["count"] > await database["rejections"].count_documents(of_it)


def _floor(moment: datetime) -> datetime:
    """The beginning of its minute."""
    return utc(int(moment.timestamp()) // BUCKET_S * BUCKET_S)


def _ceiling(moment: datetime) -> datetime:
    """The beginning of the first minute that does not begin before it."""
    floor = _floor(moment)
    return floor if floor == moment else floor + _MINUTE
