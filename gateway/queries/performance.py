"""How well the gateway did its work in a period: how fast events were settled, how they ended, source by source."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Final

from gateway.queries.counted import within
from gateway.queries.period import Period
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within

SAMPLED_MAX: Final = 10_000
"""The latest events of the period whose times are compared; the counts are of these, too."""
SOURCES_MAX: Final = 50


class SourcePerformance(Answer):
    """One source, among the events that were looked at."""

    source: str
    events: int
    applied: int
    rejected: int
    parked: int
    waiting: int


class Performance(Answer):
    """`settled_…_ms` is the time from the arrival of an event to its outcome; null when none was settled."""

    since: datetime
    until: datetime
    events: int
    sampled: bool
    """Only the latest events of the period were looked at."""
    note: str | None
    settled_ms_median: float | None
    settled_ms_95: float | None
    settled_ms_99: float | None
    settled_ms_max: float | None
    applied_percent: float | None
    """Of the events that have an outcome and concern money: applied, rejected or parked."""
    sources: list[SourcePerformance]


async def performance(database: Database, period: Period, *, within_s: float = READ_S_MAX) -> Performance:
    """From the times stored with the events, so it includes every wait behind a backlog."""
    fields = {"_id": 0, "source": 1, "outcome": 1, "received_at": 1, "settled_at": 1}
    with answered_within(within_s):
        latest = database.events.find({"received_at": within(period)}, fields).sort("received_at", -1)
        found = await latest.limit(SAMPLED_MAX + 1).to_list()
    events = found[:SAMPLED_MAX]
    waits = sorted(_settled_ms(event) for event in events if event.get("settled_at"))
    outcomes = Counter(event.get("outcome", "waiting") for event in events)
    decided = outcomes["applied"] + outcomes["rejected"] + outcomes["parked"]
    return Performance(
        since=period.since,
        until=period.until,
        events=len(events),
        sampled=len(found) > SAMPLED_MAX,
        note=None if events else "no events were received in the period",
        settled_ms_median=percentile(waits, 0.5),
        settled_ms_95=percentile(waits, 0.95),
        settled_ms_99=percentile(waits, 0.99),
        settled_ms_max=waits[-1] if waits else None,
        applied_percent=round(outcomes["applied"] * 100 / decided, 2) if decided else None,
        sources=_sources(events),
    )


def percentile(ordered: list[float], part: float) -> float | None:
    """The nearest-rank percentile of what is sorted already; None of nothing."""
    return ordered[max(0, -(-int(len(ordered) * part * 1_000) // 1_000) - 1)] if ordered else None


def _settled_ms(event: Document) -> float:
    wait: timedelta = event["settled_at"] - event["received_at"]
    return max(0.0, round(wait.total_seconds() * 1_000, 1))


def _sources(events: list[Document]) -> list[SourcePerformance]:
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        outcomes[event["source"]][event.get("outcome", "waiting")] += 1
    busiest = sorted(outcomes, key=lambda source: (-outcomes[source].total(), source))[:SOURCES_MAX]
    return [
        SourcePerformance(
            source=source,
            events=outcomes[source].total(),
            **{name: outcomes[source][name] for name in ("applied", "rejected", "parked", "waiting")},
        )
        for source in busiest
    ]
