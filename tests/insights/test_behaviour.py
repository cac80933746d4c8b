"""How a wallet behaves and how providers did: figures from few numbers, and nothing from too few."""

from datetime import date, timedelta

import pytest

from gateway.insights.behaviour import Behaviour, behaviour
from gateway.insights.routing import ProviderRecord, lower_rate, median_ms, ranked

TODAY = date(2026, 11, 21)


def every(days: int, times: int) -> list[date]:
    return [TODAY - timedelta(days=days * time) for time in range(times)]


@pytest.mark.parametrize(("gap", "name"), [(1, "daily"), (7, "weekly"), (30, "monthly"), (80, "rare")])
def test_the_frequency_follows_the_middle_gap(gap: int, name: str) -> None:
    """Between days on which something was paid, however often on one."""
    assert behaviour([100] * 8, [*every(gap, 4), *every(gap, 4)], today=TODAY).frequency == name


@pytest.mark.parametrize(
    ("amounts", "pattern"),
    [([100, 110, 90, 100, 105], "consistent"), ([100, 20, 180, 40, 160], "varied"), ([10, 10, 10, 10, 900], "erratic")],
)
def test_the_pattern_follows_the_variance(amounts: list[int], pattern: str) -> None:
    """The deviation as a part of the mean, so that rich and poor are judged alike."""
    assert behaviour(amounts, every(7, 5), today=TODAY).pattern == pattern
    assert behaviour([1_000 * amount for amount in amounts], every(7, 5), today=TODAY).pattern == pattern


def test_loyalty_is_the_part_of_its_weeks_in_which_a_wallet_was_active() -> None:
    """Counted since the first payment: half of eight weeks; the weeks of silence at the end count too."""
    assert behaviour([1] * 4, [TODAY - timedelta(weeks=week) for week in (1, 3, 5, 7)], today=TODAY).loyalty == 0.5
    assert behaviour([1] * 2, [TODAY - timedelta(weeks=week) for week in (6, 7)], today=TODAY).loyalty == 0.25


def test_too_little_says_nothing() -> None:
    """Nothing at all, and four payments on two days."""
    assert behaviour([], [], today=TODAY) == Behaviour(0, 0, None, None, None, None, None)
    assert behaviour([5] * 4, every(1, 2), today=TODAY) == Behaviour(4, 2, None, None, None, None, None)


def test_three_of_three_do_not_beat_many_of_many() -> None:
    """A provider is judged on enough payments, and by what its rate is at least."""
    steady, lucky = ProviderRecord("steady", 1_000, 950, 300), ProviderRecord("lucky", 20, 20, 5)
    few = ProviderRecord("few", 3, 3, 1)
    assert [record.source for record in ranked([few, lucky, steady])] == ["steady", "lucky"]


def test_of_equal_providers_the_faster_comes_first() -> None:
    """And one that never captured anything, last."""
    records = [
        ProviderRecord("slow", 100, 90, 900),
        ProviderRecord("fast", 100, 90, 90),
        ProviderRecord("none", 50, 0, None),
    ]
    assert [record.source for record in ranked(records)] == ["fast", "slow", "none"]


def test_the_interval_is_wilsons() -> None:
    """Figures of Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20."""
    assert lower_rate(81, 263) == pytest.approx(0.2553, abs=1e-4)
    assert lower_rate(15, 148) == pytest.approx(0.0624, abs=1e-4)
    assert lower_rate(0, 20) == 0


def test_a_delay_below_nothing_counts_as_none() -> None:
    """The provider's clock and ours are two clocks."""
    assert median_ms([-3.0, 0.2, 0.4, 1.0]) == 300
    assert median_ms([]) is None
