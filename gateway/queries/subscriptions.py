"""How many subscriptions there are, in which state, and how that changed in a period. Money is in their invoices' payments."""

from collections import Counter
from datetime import datetime
from typing import Final

from gateway.booked import booked
from gateway.queries.counted import Count, within
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
    """Ended in the period, of those that lived at its start; null when none did."""
    changes: list[Count]
    """By the state they led to."""
    capped: bool
    """The period holds more changes than were counted."""


async def subscription_analytics(
    database: Database, period: Period, *, within_s: float = READ_S_MAX
) -> SubscriptionAnalytics:
    """From the objects' states and the transactions that changed them."""
    subscription = {"kind": "subscription"}
    with answered_within(within_s):
        grouping: list[Document] = [{"$match": subscription}, {"$group": {"_id": "$state", "count": {"$sum": 1}}}]
        states = {row["_id"]: row["count"] async for row in await database.objects.aggregate(grouping)}
        of = {"kind": "state", "object": {"$regex": "^[^:]+:subscription:"}}
        query = await booked(database, within(period)) | of
        found = await database.transactions.find(query, {"change": 1, "_id": 0}).limit(CHANGES_MAX + 1).to_list()
    changes = [row["change"] for row in found[:CHANGES_MAX]]
    total, ended = sum(states.values()), sum(states.get(state, 0) for state in ENDED)
    started = sum(change["from"] == "NEW" for change in changes)
    ended_now = sum(change["to"] in ENDED and change["from"] not in ENDED for change in changes)
    lived = total - ended + ended_now - started
    return SubscriptionAnalytics(
        since=period.since,
        until=period.until,
        subscriptions=total,
        note=None if total else "no subscription has been told of yet",
        living=total - ended,
        at_risk=sum(states.get(state, 0) for state in AT_RISK),
        ended=ended,
        states=[Count(name=name, count=count) for name, count in sorted(states.items())],
        started=started,
        ended_in_period=ended_now,
        churn_percent=round(min(ended_now, lived) * 100 / lived, 1) if lived > 0 else None,
        changes=[
            Count(name=name, count=count) for name, count in sorted(Counter(change["to"] for change in changes).items())
        ],
        capped=len(found) > CHANGES_MAX,
    )
