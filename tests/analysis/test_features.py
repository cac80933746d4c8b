"""The numbers of a movement, from the past only."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.analysis.features import Movement, features
from gateway.analysis.profile import Profile

MONDAY = 1_795_996_800.0  # 2026-11-30 00:00:00 UTC

Make = Callable[..., Movement]


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 2**53},
        {"occurred_at": float("nan")},
        {"occurred_at": float("inf")},
        {"occurred_at": -1.0},
        {"direction": "sideways"},
    ],
)
def test_an_impossible_movement_cannot_be_built(movement: Make, wrong: dict[str, Any]) -> None:
    """A scorer that is total needs values that make sense."""
    with pytest.raises(ValueError, match="a movement"):
        movement(**wrong)


def test_an_empty_profile_knows_nothing(movement: Make) -> None:
    """Without a past there is no usual amount, rate, hour or gap, and no invented one."""
    seen = features(movement(counterparty="shop"), Profile("USD:alice"))
    unknown = (seen.amount_z, seen.amount_ratio, seen.hourly_usual, seen.spend_ratio, seen.hour_rarity, seen.gap_days)
    assert unknown == (None,) * 6
    assert (seen.history, seen.count_1h, seen.count_24h, seen.count_7d) == (0, 1, 1, 1)


def test_the_past_is_measured_in_days(movement: Make, settled: Profile) -> None:
    """Three payments a day of about ten dollars each are what the profile says is usual."""
    seen = features(movement(counterparty="shop"), settled)
    assert seen.history == 90
    assert seen.hourly_usual == pytest.approx(3 / 24)
    assert seen.spend_usual_minor == pytest.approx(3_100, rel=0.02)
    assert seen.amount_usual_minor == pytest.approx(1_035, rel=0.02)
    assert seen.count_7d == 22
    assert seen.counterparty_times == 64 + 26


def test_the_directions_have_histories_of_their_own(movement: Make, settled: Profile) -> None:
    """What a wallet receives says nothing about what it pays."""
    seen = features(movement(direction="out"), settled)
    assert (seen.history, seen.amount_z) == (0, None)


def test_a_movement_from_the_past_has_no_negative_gap(movement: Make, settled: Profile) -> None:
    """Late events are judged without a gap and without days that have not come yet."""
    seen = features(movement(occurred_at=MONDAY - 400 * 86_400), settled)
    assert (seen.gap_days, seen.age_days, seen.hourly_usual) == (0.0, 0.0, None)
    assert seen.count_1h == 1


def test_scoring_does_not_change_the_profile(movement: Make, settled: Profile) -> None:
    """Features are read from the past; learning is a step of its own."""
    before = repr(settled.to_document())
    features(movement(amount_minor=10**9, counterparty="stranger"), settled)
    assert repr(settled.to_document()) == before
