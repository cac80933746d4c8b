"""What is unusual for a weekday, how far scores drift, and who may stay away: told only where the past supports it."""

import random

import pytest

from gateway.insights.inactivity import AHEAD_DAYS, inactivity
from gateway.insights.unusual import unusual_rate, unusual_volume

STEADY = [100.0, 96.0, 104.0, 99.0, 103.0, 98.0]


@pytest.mark.parametrize(("value", "direction"), [(160.0, "above"), (40.0, "below"), (100.0, None), (125.0, None)])
def test_a_volume_is_unusual_far_from_the_weekdays_median(value: float, direction: str | None) -> None:
    """Four deviations; a count varies by its root at least, so 125 of 100 is nothing."""
    found = unusual_volume(value, STEADY, counted=True)
    assert (found.direction if found else None) == direction


def test_one_odd_day_in_the_past_does_not_make_the_next_one_usual() -> None:
    """Median and median deviation: an outage last week does not hide an outage today."""
    assert unusual_volume(0.0, [*STEADY, 0.0], counted=True) is not None


def test_three_weekdays_are_too_few() -> None:
    """Nothing is unusual for a shop in its first month."""
    assert unusual_volume(1e9, STEADY[:3], counted=True) is None


@pytest.mark.parametrize(
    ("succeeded", "attempts", "told"), [(70, 100, "below"), (94, 100, None), (0, 10, None), (100, 100, None)]
)
def test_a_success_rate_is_compared_as_a_proportion(succeeded: int, attempts: int, told: str | None) -> None:
    """Ten attempts prove nothing; a fall from 95 % to 70 % of a hundred does."""
    found = unusual_rate(succeeded, attempts, succeeded_before=1_900, attempts_before=2_000)
    assert (found.direction if found else None) == told


TODAY = 1_000


def wallets(count: int, *, ending: float, seed: int = 1) -> dict[str, list[int]]:
    """Wallets that pay each 3 to 10 days, of which a share stops for ever each day."""
    chance = random.Random(seed)
    active = {}
    for number in range(count):
        rhythm = chance.randint(3, 10)
        day, days = TODAY - 175 + chance.randint(0, rhythm), []
        while day <= TODAY and chance.random() > ending * rhythm:
            days.append(day)
            day += max(1, rhythm + chance.randint(-1, 1))
        active[f"w{number}"] = days
    return active


def test_silence_beyond_the_own_rhythm_is_a_risk_that_the_backtest_bears_out() -> None:
    """Wallets that stop are told from those that go on, better than by the average; and the estimates hold on what comes."""
    told = inactivity(wallets(600, ending=0.004), TODAY)
    assert told.absent is None
    assert told.backtest is not None
    assert told.backtest.brier < 0.5 * told.backtest.brier_of_average
    going_on = [days for days in wallets(600, ending=0.004).values() if days and days[-1] > TODAY - 3]
    active = {
        "silent": [900, 907, 914, 921, 928, 935],
        "lively": [970, 977, 984, 991, 998],
        **dict(enumerate(going_on)),
    }
    risks = inactivity(
        {**wallets(600, ending=0.004), **{k: v for k, v in active.items() if isinstance(k, str)}}, TODAY
    ).risks
    assert risks["silent"] > 0.8
    assert risks["lively"] < 0.3


def test_without_a_rhythm_to_test_nothing_is_told() -> None:
    """Too few wallets; or wallets whose pauses say nothing about the next four weeks."""
    few = inactivity(wallets(20, ending=0.004), TODAY)
    assert (few.risks, few.backtest) == ({}, None)
    assert "50 are needed" in (few.absent or "")
    chance = random.Random(2)
    steady = {f"w{n}": sorted(chance.sample(range(TODAY - 175, TODAY + 1), 60)) for n in range(80)}
    none_left = inactivity(steady, TODAY)
    assert none_left.risks == {}
    assert none_left.absent


def test_what_came_after_a_date_is_not_used_to_judge_it() -> None:
    """The backtest sees the last four weeks only as outcomes: with them emptied, only the outcomes change."""
    active = wallets(200, ending=0.004)
    cut = {wallet: [day for day in days if day <= TODAY - AHEAD_DAYS] for wallet, days in active.items()}
    full, emptied = inactivity(active, TODAY).backtest, inactivity(cut, TODAY).backtest
    assert full is not None
    assert emptied is not None
    assert full.cases == emptied.cases
    assert emptied.went_quiet == emptied.cases
