"""Which worker makes the regular report that is due: a claim is a lease, and nothing moves on before the report was made.

`next_at` is the moment from which a worker may take the report up. A claim sets it to the end of its lease, so a report whose
worker was killed is due again then. Which period it is of follows from the plan alone (`last_due`), not from `next_at`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.queries.reading import Database
from reports.plan import COLLECTION, DUE, Plan, begin, last_due, next_due, period_due

REPORT_S_MAX: Final = 3_600.0
LEASE: Final = timedelta(seconds=REPORT_S_MAX + 300)
"""Longer than the longest report, with its end and clocks that differ."""
RETRY_AFTER: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Claim:
    """One worker's, until the lease is over, on the report that was due at `due`."""

    plan: Plan
    due: datetime
    until: datetime

    @property
    def period(self) -> str:
        return period_due(self.plan, self.due)


async def claim_due(database: Database, plan: Plan, *, now: datetime) -> Claim | None:
    """The report that is due, when it is ours to make. Of several that were missed it is the last one only."""
    await begin(database, plan, now=now)
    claim = Claim(plan, last_due(plan, now), now + LEASE)
    due = {"_id": DUE, "plan": plan.told, "next_at": {"$lte": now}}
    claimed = await database[COLLECTION].update_one(due, {"$set": {"next_at": claim.until}})
    return claim if claimed.modified_count == 1 else None


async def conclude(database: Database, claim: Claim) -> None:
    """It was made; the next one may be due already."""
    await _move(database, claim, next_due(claim.plan, claim.due))


async def put_off(database: Database, claim: Claim, *, now: datetime) -> None:
    """It was not made; it is tried again in a while."""
    await _move(database, claim, now + RETRY_AFTER)


async def give_back(database: Database, claim: Claim) -> None:
    """It was not made, for no fault of its own; it is due again at once."""
    await _move(database, claim, claim.due)


async def _move(database: Database, claim: Claim, next_at: datetime) -> None:
    """Only while the claim is held: a lease that is over may be another worker's, and a plan told meanwhile begins anew."""
    held = {"_id": DUE, "plan": claim.plan.told, "next_at": claim.until}
    await database[COLLECTION].update_one(held, {"$set": {"next_at": next_at}})
