"""How many subscriptions there are, in which state, and how that changed in a period. Money is in their invoices' payments."""

from collections import Counter
from datetime import datetime
from typing import Final

from gateway.booked import booked
from gateway.queries.counted import Count
from gateway.queries.period import Period
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within

ENDED: Final = frozenset({"CANCELED", "COMPLETED", "EXPIRED"})
AT_RISK: Final = frozenset({"PAST_DUE", "PENDING", "HALTED"})
CHANGES_MAX: Final = 10_000


class SubscriptionAnalytics(Answer):
    """Subscriptions as they stand now, and their changes of state in the period."""

    since: datetime
    until: datetime
    subscriptions: int
    note: str | None
    living: int
    at_risk: int
    """Living, with a payment overdue or failed."""
    ended: int
    states: list[Count]
    started: int
    """First told of in the period."""
    ended_in_period: int
    churn_percent: float | None
    """Of those that lived at the period's start, how many ended in it; null when none lived, or when not all is counted."""
    changes: list[Count]
    """By the state they led to."""
    capped: bool
    """There were more changes since the period began than were counted."""


async def subscription_analytics(
    database: Database, period: Period, *, within_s: float = READ_S_MAX
) -> SubscriptionAnalytics:
    """From the objects' present states and the transactions that changed them: how many lived at the period's start follows from
    those that live now and every change since then."""
    subscription = {"kind": "subscription"}
    with answered_within(within_s):
        grouping: list[Document] = [{"$match": subscription}, {"$group": {"_id": "$state", "count": {"$sum": 1}}}]
        states = {row["_id"]: row["count"] async for row in await database.objects.aggregate(grouping)}
        of = {"kind": "state", "object": {"$regex": "^[^:]+:subscription:"}}
        query = await booked(database, {"$gte": period.since}) | of
        fields = {"change": 1, "object": 1, "at": 1, "_id": 0}
        since = await database.transactions.find(query, fields).sort("seq", 1).limit(CHANGES_MAX + 1).to_list()
    capped = len(since) > CHANGES_MAX
    found = [row for row in since[:CHANGES_MAX] if row["at"] < period.until]
    changes = [row["change"] for row in found]
    total, ended = sum(states.values()), sum(states.get(state, 0) for state in ENDED)
    new = {row["object"] for row in found if row["change"]["from"] == "NEW"}
    gone = {row["object"] for row in found if _ends(row["change"])}
    started_since = sum(row["change"]["from"] == "NEW" for row in since)
    ended_since = sum(_ends(row["change"]) for row in since)
    lived = total - ended - started_since + ended_since
    lost = len(gone - new)
    return SubscriptionAnalytics(
        since=period.since,
        until=period.until,
        subscriptions=total,
        note=None if total else "no subscription has been told of yet",
        living=total - ended,
        at_risk=sum(states.get(state, 0) for state in AT_RISK),
        ended=ended,
        states=[Count(name=name, count=count) for name, count in sorted(states.items())],
        started=len(new),
        ended_in_period=len(gone),
        churn_percent=round(min(lost, lived) * 100 / lived, 1) if lived > 0 and not capped else None,
        changes=[
            Count(name=name, count=count) for name, count in sorted(Counter(change["to"] for change in changes).items())
        ],
        capped=capped,
    )


def _ends(change: Document) -> bool:
    return change["to"] in ENDED and change["from"] not in ENDED
