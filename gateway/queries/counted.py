"""Counts by name, most frequent first, and the refused requests of a period, which several answers share."""

from datetime import datetime
from typing import Any

from gateway.queries.period import Period
from gateway.queries.reading import Answer, Database, Document, label

NAMES_MAX = 50
"""Names in one list of counts; the rarer ones are left out."""


class Count(Answer):
    """How often a name occurred."""

    name: str
    count: int


class Refused(Answer):
    """Requests refused at the door. Only the latest refusals are kept, so the answer says how far back they reach."""

    count: int
    by_reason: list[Count]
    kept_since: datetime | None
    """The oldest refusal that is still kept; null when there is none. A period that starts before it is not all here."""


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


async def refused_requests(database: Database, period: Period) -> Refused:
    """The refusals of the period by reason. Reads a capped collection, so its size is the bound."""
    pipeline = [{"$match": {"at": within(period)}}, *by_name("$reason")]
    reasons = counts(await (await database.rejections.aggregate(pipeline)).to_list())
    oldest = await database.rejections.find_one({}, {"at": 1}, sort=[("$natural", 1)])
    return Refused(
        count=sum(reason.count for reason in reasons),
        by_reason=reasons,
        kept_since=oldest["at"] if oldest else None,
    )
