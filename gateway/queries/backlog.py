"""What still waits for the worker: how many events, and since when the first of them."""

from datetime import datetime
from typing import Final

from gateway.monitoring.components import WORKER
from gateway.queries.reading import READ_S_MAX, Answer, Database, answered_within

COUNTED_MAX: Final = 1_000_000
"""Where counting stops: beyond it the exact number changes nothing."""


class Backlog(Answer):
    """Events accepted and not yet settled. `waiting` is a lower bound when `more` is true."""

    waiting: int
    more: bool
    oldest_received_at: datetime | None
    oldest_age_s: float | None


async def backlog(database: Database, *, now: datetime, within_s: float = READ_S_MAX) -> Backlog:
    """Counted on the sparse index over `queue`, from where the worker has told that all is settled: MongoDB steps over every entry
    that was taken off the index lately. An event that came late is counted again when the worker comes across it."""
    with answered_within(within_s):
        told = await database.components.find_one({"_id": WORKER}, {"settled_to": 1})
        queued = {"queue": {"$gt": told["settled_to"] if told else -1}}
        waiting = await database.events.count_documents(queued, limit=COUNTED_MAX)
        oldest = await database.events.find_one(queued, {"received_at": 1}, sort=[("queue", 1)])
    received_at = oldest["received_at"] if oldest else None
    return Backlog(
        waiting=waiting,
        more=waiting == COUNTED_MAX,
        oldest_received_at=received_at,
        oldest_age_s=max(0.0, (now - received_at).total_seconds()) if received_at else None,
    )
