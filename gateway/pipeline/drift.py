"""Is the model still asked about what it was trained on, and does what it says come true? From the stored past, replayed.

features   each feature and the score, day by day: the PSI against the four weeks before these days
weeks      of the payments of each matured week: the frauds that were expected, those that came, the calibration error. A payment
           counts once its time to be disputed is over, whatever label it has: before that only frauds have one
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from random import Random
from typing import Any, Final, NamedTuple

from gateway.analysis.drift import edges, histogram, stability_index
from gateway.analysis.learning.measures import Scored, calibration_error
from gateway.analysis.learning.stream import Seen
from gateway.analysis.profile import DAY_S
from gateway.analysis.trees import TreeModel
from gateway.analysis.vector import NAMES
from gateway.pipeline.history import Booked, Database, labels_known, matured_of, seen_of

DAYS: Final = 7
BEFORE_DAYS: Final = 28
WEEKS: Final = 4
A_DAY_MAX: Final = 2_000
"""Movements of a day that are looked at, drawn by chance: an index of tens of bins needs no more."""
SCORE: Final = "score"
OF_TIME: Final = frozenset(
    {"weekday", "history", "age_days", "counterparty_age_days", "chargebacks_ever", "days_since_first_chargeback"}
)
"""Features that are others on each day, or only grow: that they moved says nothing."""
_EPOCH: Final = date(1970, 1, 1).toordinal()


class Drift(NamedTuple):
    """`days` as ISO dates, the oldest first; None where a day, or the weeks before, hold too few."""

    model: str
    days: list[str]
    features: dict[str, list[float | None]]
    weeks: list[dict[str, Any]]


async def read_drift(database: Database, model: TreeModel | None, *, now: datetime) -> Drift:
    """Of the last seven whole days (UTC), and of the last four matured weeks: of none when nothing has matured yet. Without a model
    the rules' score is looked at."""
    today = int(now.timestamp() // DAY_S)
    labels = await labels_known(database, now=now)
    matured = await matured_of(database, labels)
    end = int(matured.until.timestamp() // DAY_S) + 1 if matured else 0
    by_day: dict[int, list[Seen]] = defaultdict(list)
    labelled: dict[int, list[Seen]] = defaultdict(list)
    drawn = _Drawn(by_day)

    def is_recent(booked: Booked) -> bool:
        return today - DAYS - BEFORE_DAYS <= booked.day < today

    def has_matured(booked: Booked) -> bool:
        if matured is None or booked.movement.event_id not in labels:
            return False
        return matured.holds(booked) and booked.day >= end - 7 * WEEKS

    def wanted(booked: Booked) -> bool:
        return is_recent(booked) or has_matured(booked)

    async for booked, seen in seen_of(database, labels, wanted):
        if is_recent(booked):
            drawn.add(seen)
        if has_matured(booked):
            labelled[(end - 1 - booked.day) // 7].append(seen)
    days = list(range(today - DAYS, today))
    before = [each for day, held in by_day.items() if day < days[0] for each in held]
    columns = {
        name: _indices(
            [[each.numbers[place] for each in by_day[day]] for day in days], [each.numbers[place] for each in before]
        )
        for place, name in enumerate(NAMES)
        if name not in OF_TIME
    }
    score = _indices([_scores(by_day[day], model) for day in days], _scores(before, model))
    weeks = [_week(labelled[back], model, last=end - 1 - 7 * back) for back in sorted(labelled, reverse=True)]
    return Drift(model.name if model else "rules", [_date(day) for day in days], {SCORE: score, **columns}, weeks)


class _Drawn:
    """At most `A_DAY_MAX` of each day, each with the same chance (reservoir sampling)."""

    def __init__(self, by_day: dict[int, list[Seen]]) -> None:
        self._by_day = by_day
        self._met: dict[int, int] = defaultdict(int)
        self._random = Random(0)

    def add(self, seen: Seen) -> None:
        self._met[seen.day] += 1
        held = self._by_day[seen.day]
        if len(held) < A_DAY_MAX:
            held.append(seen)
        elif (place := self._random.randrange(self._met[seen.day])) < A_DAY_MAX:
            held[place] = seen


def _indices(days: Sequence[Sequence[float]], before: Sequence[float]) -> list[float | None]:
    between = edges(before)
    counts = histogram(before, between)
    return [stability_index(histogram(day, between), counts) for day in days]


def _scores(seen: Sequence[Seen], model: TreeModel | None) -> list[float]:
    return [model.probability(each.numbers) if model else each.rules / 100 for each in seen]


def _week(seen: list[Seen], model: TreeModel | None, *, last: int) -> dict[str, Any]:
    said = _scores(seen, model)
    scored = [Scored(each.day, each.customer, each.fraud, score) for each, score in zip(seen, said, strict=True)]
    return {
        "until": _date(last),
        "payments": len(seen),
        "frauds": sum(each.fraud for each in seen),
        "expected": round(sum(said), 1),
        "calibration_error": calibration_error(scored),
    }


def _date(day: int) -> str:
    return date.fromordinal(_EPOCH + day).isoformat()
