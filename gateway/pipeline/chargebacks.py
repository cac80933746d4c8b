"""Disputes of a batch → what they say of the counterparties of the payments they are about.

A dispute counts from the moment the provider says it holds (open, withdrawn, lost) until it says otherwise (won, closed,
reinstated). The event of a dispute does not name the counterparty; the payment's insight does: of this batch, of one that is
being written, or stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from gateway.analysis.counterparty import counterparty_id
from gateway.clock import utc
from gateway.events.event import PaymentEvent
from gateway.insights.insight import SUSPICIOUS
from gateway.ledger.books import Applied
from gateway.ledger.posting_rules import DISPUTE_RUNS
from gateway.recent import Recent

PAYMENTS_MAX: Final = 20_000
"""Captures remembered until their batch is surely stored: several batches of the largest size."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What a chargeback needs to know of its payment."""

    counterparty_id: str
    occurred_at: float
    suspicious: bool


class Payments:
    """The counterparties of captured payments, by the payment's key. The writer's own, like the profiles."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._recent: Recent[Paid] = Recent(PAYMENTS_MAX)

    def forget(self) -> None:
        self._recent.forget()

    def captured(self, paid: Mapping[str, Paid]) -> None:
        """Of a batch that is prepared, and perhaps not stored before the next one asks."""
        self._recent.remember(paid)

    async def of(self, keys: set[str]) -> dict[str, Paid]:
        """Those that are known and had a counterparty."""
        if not keys:
            return {}
        known, missing = self._recent.known(keys)
        if missing:
            known |= await self._stored(missing)
        return known

    async def _stored(self, keys: Sequence[str]) -> dict[str, Paid]:
        captures = {"object": {"$in": list(keys)}, "kind": "capture"}
        events = {
            each["event_id"]: each["object"]
            async for each in self._database["transactions"].find(captures, {"event_id": 1, "object": 1})
        }
        fields = {"counterparty": 1, "currency": 1, "occurred_at": 1, SUSPICIOUS: 1}
        insights = self._database["insights"].find({"_id": {"$in": list(events)}}, fields)
        return {
            events[each["_id"]]: Paid(
                counterparty_id(each["currency"], each["counterparty"]),
                each["occurred_at"].timestamp(),
                SUSPICIOUS in each,
            )
            async for each in insights
            if each["counterparty"] is not None
        }


def disputed(applied: Iterable[tuple[PaymentEvent, Applied]]) -> set[str]:
    """The keys of the payments whose charging back begins or ends in this batch."""
    return {event.parent_key for event, result in applied if event.parent_key and times(event, result)}


def times(event: PaymentEvent, result: Applied) -> int:
    """1 when a dispute begins to hold, -1 when it ends, else 0."""
    transaction = result.transaction
    if event.kind != "dispute" or transaction is None:
        return 0
    return (transaction.to_state in DISPUTE_RUNS) - (transaction.from_state in DISPUTE_RUNS)


def told(paid: Paid, event: PaymentEvent, result: Applied) -> dict[str, Any]:
    """As the dispute's insight keeps it, so that a new writer learns it again from there."""
    return {
        "counterparty": paid.counterparty_id,
        "paid_at": utc(paid.occurred_at),
        "known_at": utc(event.occurred_at),
        "suspicious": paid.suspicious,
        "times": times(event, result),
    }
