"""What still waits for the worker: how many events, and since when the first of them."""

from datetime import datetime
from typing import Final

from gateway.events.progress import read_progress
from gateway.events.standing import waiting_behind
from gateway.queries.reading import READ_S_MAX, Answer, Database, answered_within

COUNTED_MAX: Final = 1_000_000
"""Where counting stops: beyond it the exact number changes nothing."""
LOOKED_AT_MAX: Final = 1_000
"""Events that are looked at one by one; more are counted along the index, which takes MongoDB a fraction of that."""


class Backlog(Answer):
    """Events accepted and not yet settled. `waiting` is exact up to `LOOKED_AT_MAX`; from there on all arrivals since the oldest
    that waits, of which the worker may have settled some; and a lower bound when `more` is true."""

    waiting: int
    more: bool
    oldest_received_at: datetime | None
    oldest_age_s: float | None


async def backlog(database: Database, *, now: datetime, within_s: float = READ_S_MAX) -> Backlog:
    """Along the index over `queue`, from where the worker has told that all is settled but for stragglers: they are counted when it
    comes across them."""
    with answered_within(within_s):
        queued = waiting_behind((await read_progress(database)).recent)
        oldest = await database.events.find_one(queued, {"received_at": 1, "queue": 1}, sort=[("queue", 1)])
        waiting = 0
        if oldest:
            since = {"queue": {"$gte": oldest["queue"]}}
            waiting = await database.events.count_documents({**queued, **since}, limit=LOOKED_AT_MAX)
            if waiting == LOOKED_AT_MAX:
                waiting = await database.events.count_documents(since, limit=COUNTED_MAX)
    received_at = oldest["received_at"] if oldest else None
    return Backlog(
        waiting=waiting,
        more=waiting == COUNTED_MAX,
        oldest_received_at=received_at,
        oldest_age_s=max(0.0, (now - received_at).total_seconds()) if received_at else None,
    )
