"""The values of a report: everything the page and the JSON say, computed once and never changed.

A field is a figure that was read; a property is one that follows from the others. Both appear in the JSON.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from reports.books import Amount, CurrencyFigures, Listing


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    source: str
    outcome: str
    events: int


@dataclass(frozen=True, slots=True)
class TypeCount:
    source: str
    type: str
    events: int


@dataclass(frozen=True, slots=True)
class ReasonCount:
    outcome: str
    reason: str
    events: int


@dataclass(frozen=True, slots=True)
class EventFigures:
    by_outcome: tuple[OutcomeCount, ...]
    by_type: Listing[TypeCount]
    not_applied: Listing[ReasonCount]

    @property
    def received(self) -> int:
        return sum(each.events for each in self.by_outcome)

    @property
    def applied(self) -> int:
        return self.outcomes.get("applied", 0)

    @property
    def outcomes(self) -> dict[str, int]:
        """Events per outcome, over all sources."""
        return _added((each.outcome, each.events) for each in self.by_outcome)

    @property
    def sources(self) -> dict[str, int]:
        """Events per source, over all outcomes."""
        return _added((each.source, each.events) for each in self.by_outcome)


def _added(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for name, events in sorted(counts):
        totals[name] = totals.get(name, 0) + events
    return totals


@dataclass(frozen=True, slots=True)
class StateCount:
    """Provider objects of one kind in one state; the amounts are absent where an object has none."""

    kind: str
    state: str
    objects: int
    amount: Amount | None
    refunded: Amount | None


@dataclass(frozen=True, slots=True)
class RefusalCount:
    source: str
    reason: str
    status: int
    requests: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Refusals:
    """`kept_since` is the oldest entry of the log, which keeps a bounded number of the newest; None if it is empty."""

    by_reason: Listing[RefusalCount]
    requests: int
    kept_since: datetime | None


@dataclass(frozen=True, slots=True)
class Incident:
    at: datetime
    kind: str
    source: str
    event_id: str


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    event_id: str
    source: str
    type: str
    tx_id: str
    reason: str
    awaits: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class OpenEvents:
    """Events that are not settled at the moment of reading, received before the period's end."""

    waiting: int
    waiting_since: datetime | None
    parked_events: Listing[ParkedEvent]

    @property
    def parked(self) -> int:
        return self.parked_events.total


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    points: str
    text: str


@dataclass(frozen=True, slots=True)
class Narrative:
    """What a model wrote, or why it did not; `status` is "written" only with a text and its model."""

    status: str
    reason: str
    headline: str
    text: str
    advice: str
    model: str
    prompt_version: str
    written_at: datetime | None


@dataclass(frozen=True, slots=True)
class RiskyEvent:
    event_id: str
    at: datetime
    source: str
    kind: str
    wallet: str
    counterparty: str
    amount: Amount | None
    score: int
    level: str
    confidence: str
    scored_by: str
    reasons: tuple[Reason, ...]
    narrative: Narrative


@dataclass(frozen=True, slots=True)
class LevelCount:
    level: str
    events: int


@dataclass(frozen=True, slots=True)
class NarrativeCount:
    status: str
    reason: str
    events: int


@dataclass(frozen=True, slots=True)
class RiskFigures:
    levels: tuple[LevelCount, ...]
    narratives: Listing[NarrativeCount]
    riskiest: Listing[RiskyEvent]

    @property
    def unscored(self) -> int:
        return sum(each.events for each in self.levels if each.level == "unscored")

    @property
    def scored(self) -> int:
        return sum(each.events for each in self.levels) - self.unscored


@dataclass(frozen=True, slots=True)
class Figures:
    """A whole report: events received, transactions booked and requests refused at or after `since` and before `until`."""

    since: datetime
    until: datetime
    made_at: datetime
    step: str
    currencies: tuple[CurrencyFigures, ...]
    states: Listing[StateCount]
    events: EventFigures
    refusals: Refusals
    incidents: Listing[Incident]
    open_events: OpenEvents
    risk: RiskFigures

    @property
    def open_period(self) -> bool:
        return self.until > self.made_at

    @property
    def transactions(self) -> int:
        known = sum(each.total.transactions for each in self.currencies)
        return known + sum(kind.transactions for each in self.currencies for kind in each.other_kinds)

    @property
    def balances(self) -> bool:
        return all(each.balances for each in self.currencies)
