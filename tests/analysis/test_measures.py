"""The measures, on cases small enough to count by hand."""

import pytest

from gateway.analysis.learning.measures import (
    Scored,
    average_precision,
    calibration_error,
    card_precision,
    recall_at,
    roc_auc,
)


def scored(*pairs: tuple[float, int]) -> list[Scored]:
    return [Scored(0, f"card{number}", bool(fraud), score) for number, (score, fraud) in enumerate(pairs)]


MIXED = scored((0.9, 1), (0.8, 0), (0.7, 1), (0.1, 0))


def test_average_precision() -> None:
    """Half of the frauds at precision 1, the other half at 2/3."""
    assert average_precision(MIXED) == pytest.approx((1 + 2 / 3) / 2)


def test_equal_scores_are_one_threshold() -> None:
    """Scores that tell nothing apart have the precision of chance, whatever order the rows come in."""
    assert average_precision(scored((0.5, 1), (0.5, 0), (0.5, 0), (0.5, 0))) == pytest.approx(0.25)
    assert roc_auc(scored((0.5, 1), (0.5, 0), (0.5, 0))) == 0.5


def test_roc_auc() -> None:
    """Three of four pairs are in the right order."""
    assert roc_auc(MIXED) == 0.75


def test_recall_at_few_false_positives() -> None:
    """Of 200 legitimate events two may be above the threshold, not three."""
    good = [(0.5, 0)] * 2 + [(0.4, 0)] + [(0.1, 0)] * 197
    assert recall_at(scored((0.9, 1), (0.45, 1), (0.3, 1), *good)) == pytest.approx(2 / 3)


def test_card_precision_counts_cards_and_drops_the_caught() -> None:
    """A card counts once a day, and no more on the days after it was caught."""
    rows = [
        Scored(0, "a", True, 0.9),
        Scored(0, "a", True, 0.8),
        Scored(0, "b", False, 0.7),
        Scored(1, "a", True, 0.9),
        Scored(1, "b", False, 0.8),
        Scored(1, "c", True, 0.7),
    ]
    assert card_precision(rows, top=2) == pytest.approx((1 / 2 + 1 / 2) / 2)


def test_a_card_is_judged_by_its_highest_score() -> None:
    """And is fraud when any of its payments that day was."""
    rows = [Scored(0, "a", False, 0.9), Scored(0, "a", True, 0.1), Scored(0, "b", False, 0.5)]
    assert card_precision(rows, top=1) == 1.0


def test_calibration_error() -> None:
    """Said 10 % of twenty and one was fraud: off by 5 %."""
    assert calibration_error(scored((0.1, 1), *[(0.1, 0)] * 19)) == pytest.approx(0.05)
    assert calibration_error(scored(*[(1.0, 1)] * 5)) == 0.0


@pytest.mark.parametrize("measure", [average_precision, roc_auc, recall_at, card_precision, calibration_error])
def test_nothing_measured_is_nothing(measure: object) -> None:
    """An empty test is 0, not an error."""
    assert callable(measure)
    assert measure([]) == 0
