"""Score, level and confidence."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.analysis.assessment import CONFIDENCE_MAX, assess, level_of
from gateway.analysis.features import Movement, features
from gateway.analysis.profile import Profile

Make = Callable[..., Movement]


@pytest.mark.parametrize(
    ("score", "level"),
    [(0, "low"), (29, "low"), (30, "medium"), (59, "medium"), (60, "high"), (79, "high"), (80, "critical")],
)
def test_a_level_begins_at_its_lowest_score(score: int, level: str) -> None:
    """The bounds belong to the level above."""
    assert level_of(score) == level


def test_the_first_movement_of_a_wallet_is_scored_without_confidence(movement: Make) -> None:
    """A cold start says that it knows nothing."""
    assessment = assess(features(movement(), Profile("USD:alice")))
    assert (assessment.score, assessment.level, assessment.confidence) == (0, "low", 0.0)
    assert [reason.code for reason in assessment.reasons] == ["cold_start"]


def test_a_long_history_gives_confidence_but_never_certainty(movement: Make, settled: Profile) -> None:
    """Ninety movements over thirty days are as good as rules get."""
    assert assess(features(movement(), settled)).confidence == CONFIDENCE_MAX


def test_a_large_payment_to_a_stranger_is_high(movement: Make, settled: Profile) -> None:
    """The points of all reasons, added."""
    assessment = assess(features(movement(amount_minor=100_000, counterparty="stranger"), settled))
    assert assessment.score == 45 + 25 + 15
    assert assessment.level == "critical"


def test_the_score_ends_at_a_hundred(movement: Make, settled: Profile) -> None:
    """However much is unusual at once."""
    everything = replace(
        features(movement(amount_minor=100_000, counterparty="stranger"), settled),
        hourly_ratio=100.0,
        count_1h=100,
        gap_days=90.0,
        hour_rarity=1.0,
    )
    assessment = assess(everything)
    assert sum(reason.points for reason in assessment.reasons) == 135
    assert (assessment.score, assessment.level) == (100, "critical")
