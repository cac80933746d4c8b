"""What became of one delivery: stored, waiting or settled, and what it led to. Never what the sender wrote."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from gateway.clock import utc
from gateway.errors import NotFound
from gateway.events.retries import retry_at
from gateway.queries.assessed import InsightSummary, insight_summary
from gateway.queries.reading import Answer, Database, answered_within, identifier, label

_EVENT_ID: Final = re.compile(r"evt_[0-9a-f]{32}")


TRANSACTIONS_MAX: Final = 50
"""Of one event; the largest reports a few."""


class Replay(Answer):
    """The event went through the pipeline again, because `by` asked for it, and came out so."""

    at: datetime
    by: str
    outcome: str
    reason: str


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
    """While parked: the object it waits for, as source:kind:id; or time: and when it is tried again."""
    tries: int
    """How often it failed: our code or MongoDB refused it."""
    next_try: str | None
    """What makes the worker look at it again: a time, an event that has to arrive, a person; null when nothing will."""
    replays: list[Replay]
    account: str
    """The account at the source, where one has several."""
    event_key: str
    """What makes a delivery the same one again."""
    fingerprint: str
    """SHA-256 (hex) of the content that may not change under the same key."""
    secret_id: str
    """Which secret of the source verified it: its id, as `gateway sources show` lists it."""
    signed_at: datetime | None
    """The time that the signature covers; null where the scheme has none."""
    body_removed_at: datetime | None
    """When the raw body was removed because of its age."""
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
        tries=event.get("tries", 0),
        next_try=next_try(event),
        replays=[Replay(**replay) for replay in event.get("replays", [])],
        account=event["account"],
        event_key=event["event_key"],
        fingerprint=event["fingerprint"],
        secret_id=event["secret_id"],
        signed_at=utc(event["signed_at"]) if event["signed_at"] is not None else None,
        body_removed_at=event.get("body_removed_at"),
        transaction_ids=[transaction["_id"] for transaction in transactions],
        insight=insight_summary(insight) if insight else None,
    )


def next_try(event: Mapping[str, Any]) -> str | None:
    """What makes the worker look at a stored event again; None when it has ended."""
    if "outcome" not in event:
        return "as soon as the worker comes to it"
    if event["outcome"] != "parked":
        return None
    awaits = event.get("awaits")
    if awaits and (at := retry_at(awaits)):
        return at
    if awaits:
        known = str(event.get("reason")).startswith("conflict")
        return f"when {awaits} {'changes' if known else 'arrives'}"
    return f"by hand: gateway events replay {event['_id']}"
