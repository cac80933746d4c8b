"""A file of labelled events → how good the model and the rules are on it, beside what was published.

The model is trained here, on the protocol's training week; the states are streamed from the file's first day on.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any, Final, NamedTuple

from gateway.analysis.learning import measures
from gateway.analysis.learning.measures import Scored
from gateway.analysis.learning.protocol import Fold, Name, folds
from gateway.analysis.learning.rows import Row
from gateway.analysis.learning.stream import Seen, Stream
from gateway.analysis.learning.train import exported, fit, require_lightgbm
from gateway.analysis.model import MODEL
from gateway.analysis.profile import DAY_S
from gateway.analysis.trees import TreeModel
from gateway.analysis.vector import NAMES
from gateway.errors import BadModel

PUBLISHED: Final[dict[Name, dict[str, float]]] = {
    "A": {"auc": 0.871, "ap": 0.658, "cp100": 0.291},
    "B": {"auc": 0.879, "ap": 0.687, "cp100": 0.305},
}
"""The best rows of the Fraud Detection Handbook's tables, on its simulated data."""
LEAK_AP: Final = 0.79
"""The ceiling on the handbook's data is AP .786: what its random choice of a third of a card's payments leaves knowable."""
TIMED_MAX: Final = 5_000


class Bench(NamedTuple):
    """What was measured; `model` and `rules` hold the same names."""

    protocol: Name
    folds: list[dict[str, Any]]
    model: dict[str, float]
    rules: dict[str, float]
    published: dict[str, float] | None

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "rules_version": MODEL}


class _Tested(NamedTuple):
    model: TreeModel
    trained: list[Seen]
    tested: list[Seen]


def bench(rows: Iterable[Row], protocol: Name, *, start_day: int, handbook: bool) -> Bench:
    """Measure. `handbook`: the file is the public one (or made like it), so the published rows are comparable and more
    than `LEAK_AP` on A is a leak. Raises `BadModel` without LightGBM, for a file too short, and for a leak."""
    require_lightgbm()
    splits = folds(protocol, start_day)
    end = splits[-1].test_end
    seen = list(Stream().watch(_until(rows, end), lambda day: any(fold.wants(day) for fold in splits)))
    if not seen or seen[-1].day < end - 1:
        last = f"ends on day {seen[-1].day}" if seen else "has no rows in the days asked for"
        raise BadModel(f"The file {last}; protocol {protocol} from day {start_day} needs {end} days.")
    parts = [_fold(fold, seen) for fold in splits]
    model = _mean(
        [measured_scores(each.tested, [each.model.probability(one.numbers) for one in each.tested]) for each in parts]
    )
    model["latency_us"] = _latency_us(parts[0])
    rules = _mean([measured_scores(each.tested, [one.rules / 100 for one in each.tested]) for each in parts])
    rules["latency_us"] = 1e6 * median(each.seconds for each in seen)
    if handbook and protocol == "A" and model["ap"] > LEAK_AP:
        raise BadModel(
            f"Average precision {model['ap']:.3f} is more than the data's ceiling of .786 allows: something that nobody "
            "could know at the time reached the features. This is a leak, not a result."
        )
    told = [_told(fold, each) for fold, each in zip(splits, parts, strict=True)]
    return Bench(protocol, told, model, rules, PUBLISHED[protocol] if handbook else None)


def trained(seen: Sequence[Seen], *, trained_on: str, with_amounts: bool, **said: Any) -> TreeModel:
    """A model of these rows, with a card that says so."""
    labels = [each.fraud for each in seen]
    booster = fit([each.numbers for each in seen], labels, with_amounts=with_amounts)
    card: dict[str, Any] = {
        "trained_on": trained_on,
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": len(seen),
        "frauds": sum(labels),
        "currency": None,
        "usual": _usual([each.numbers for each in seen if not each.fraud]),
        **said,
    }
    return exported(booster, card)


def _usual(vectors: Sequence[Sequence[float]]) -> dict[str, float]:
    """The median of each feature over the legitimate events in which it was known."""
    usual = {}
    for name, column in zip(NAMES, zip(*vectors, strict=True), strict=True):
        known = sorted(number for number in column if number == number)
        if known:
            usual[name] = round(float(known[len(known) // 2]), 4)
    return usual


def measured(model: TreeModel, tested: Sequence[Seen]) -> dict[str, float]:
    """The model's figures on rows it was not trained on."""
    return measured_scores(tested, [model.probability(each.numbers) for each in tested])


def _fold(fold: Fold, seen: Sequence[Seen]) -> _Tested:
    ours = [each for each in seen if fold.wants(each.day)]
    train, test = fold.train(ours), fold.test(ours)
    if not any(each.fraud for each in test):
        raise BadModel(f"No fraud is left in the test week from day {fold.test_start}: nothing can be measured.")
    return _Tested(trained(train, trained_on="bench", with_amounts=True), train, test)


def measured_scores(tested: Sequence[Seen], scores: Sequence[float]) -> dict[str, float]:
    """The figures of any scores; for the calibration they must be probabilities."""
    scored = [Scored(each.day, each.customer, each.fraud, score) for each, score in zip(tested, scores, strict=True)]
    return {
        "auc": measures.roc_auc(scored),
        "ap": measures.average_precision(scored),
        "cp100": measures.card_precision(scored),
        "recall_at_1pct_fpr": measures.recall_at(scored),
        "calibration_error": measures.calibration_error(scored),
    }


def _latency_us(part: _Tested) -> float:
    """The median of one event: features and rules, as they were timed in the stream, and the trees."""
    timed = []
    for each in part.tested[:TIMED_MAX]:
        began = perf_counter()
        part.model.probability(each.numbers)
        timed.append(each.seconds + perf_counter() - began)
    return 1e6 * median(timed)


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def _told(fold: Fold, part: _Tested) -> dict[str, Any]:
    return {
        "start_day": fold.start,
        "train_rows": len(part.trained),
        "train_frauds": sum(each.fraud for each in part.trained),
        "test_rows": len(part.tested),
        "test_frauds": sum(each.fraud for each in part.tested),
    }


def _until(rows: Iterable[Row], day: int) -> Iterable[Row]:
    for row in rows:
        if row.time_s >= day * DAY_S:
            return
        yield row
