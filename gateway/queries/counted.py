"""Counts by name, most frequent first, and the refused requests of a period, which several answers share."""

from datetime import datetime
from typing import Any

from gateway.events.refusal_counts import parts_of
from gateway.queries.period import Period
from gateway.queries.reading import Answer, Database, Document, label

NAMES_MAX = 50
"""Names in one list of counts; the rarer ones are left out."""


class Count(Answer):
    """How often a name occurred."""

    name: str
    count: int


class Refused(Answer):
    """Requests refused at the door: all of them for a week; of older ones those whose rows are still kept."""

    count: int
    """A lower bound when `at_least` is true, as are those by reason."""
    by_reason: list[Count]
    at_least: bool
    """A part of the period is counted by rows, and not everything that was refused then is known to have one."""
    kept_since: datetime | None
    """The oldest refusal that still has a row; null when there is none. A flood leaves rows of a part only."""


def within(period: Period) -> dict[str, datetime]:
    """The period as a condition on a stored time."""
    return {"$gte": period.since, "$lt": period.until}


def by_name(expression: Any, limit: int = NAMES_MAX) -> list[Document]:
    """The stages that count documents by `expression`."""
    return [{"$sortByCount": expression}, {"$limit": limit}]


def counts(groups: list[Document]) -> list[Count]:
    """From what `by_name` gives; names that are no names are counted together."""
    totals: dict[str, int] = {}
    for group in groups:
        name = label(group["_id"])
        totals[name] = totals.get(name, 0) + group["count"]
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return [Count(name=name, count=count) for name, count in ranked]


async def refused_requests(database: Database, period: Period, *, now: datetime) -> Refused:
    """The refusals of the period by reason. Reads a week of counts and a capped collection, so their sizes are the bound."""
    found = await parts_of(database, period.since, period.until, now=now)
    groups: list[Document] = []
    for part in found.parts:
        pipeline = [{"$match": part.condition}, {"$group": {"_id": "$reason", "count": part.number}}]
        groups += await (await database[part.collection].aggregate(pipeline)).to_list()
    reasons = counts(groups)
    oldest = await database.rejections.find_one({}, {"at": 1}, sort=[("$natural", 1)])
    return Refused(
        count=sum(reason.count for reason in reasons),
        by_reason=reasons[:NAMES_MAX],
        at_least=found.at_least,
        kept_since=oldest["at"] if oldest else None,
    )
