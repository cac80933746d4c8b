"""What became of one delivery: stored, waiting or settled, and what it led to. Never what the sender wrote."""

import re
from datetime import datetime
from typing import Final

from gateway.errors import NotFound
from gateway.queries.assessed import InsightSummary, insight_summary
from gateway.queries.reading import Answer, Database, answered_within, identifier, label

_EVENT_ID: Final = re.compile(r"evt_[0-9a-f]{32}")


TRANSACTIONS_MAX: Final = 50
"""Of one event; the largest reports a few."""


class EventStatus(Answer):
    """One stored event. `outcome` is "waiting" until the worker has settled it, with its `reason` where it has one."""

    event_id: str
    source: str
    type: str
    tx_id: str
    received_at: datetime
    outcome: str
    reason: str | None
    settled_at: datetime | None
    awaits: str | None
    """While parked: the object it waits for, as source:kind:id."""
    secret_id: str
    """Which of the source's secrets verified it: its position in the setting, from 1."""
    transaction_ids: list[str]
    insight: InsightSummary | None


async def event_status(database: Database, event_id: str) -> EventStatus:
    """Raises `NotFound`, also for a text that is no event id of ours."""
    identifier(event_id)
    with answered_within():
        event = None
        if _EVENT_ID.fullmatch(event_id):
            event = await database.events.find_one({"_id": event_id}, {"body": 0})
        if event is None:
            raise NotFound("No event with this id is stored; the id is the event_id that the 202 gave.")
        transactions = await database.transactions.find({"event_id": event_id}, {"_id": 1}).to_list(TRANSACTIONS_MAX)
        insight = await database.insights.find_one({"_id": event_id})
    return EventStatus(
        event_id=event_id,
        source=event["source"],
        type=label(event["type"]),
        tx_id=event["tx_id"],
        received_at=event["received_at"],
        outcome=event.get("outcome", "waiting"),
        reason=event.get("reason"),
        settled_at=event.get("settled_at"),
        awaits=event.get("awaits"),
        secret_id=event["secret_id"],
        transaction_ids=[transaction["_id"] for transaction in transactions],
        insight=insight_summary(insight) if insight else None,
    )
