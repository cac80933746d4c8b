"""Forecasts: what is known of a daily series becomes the days ahead, with bands and an error that a backtest measured."""

import random
from statistics import fmean, median

import pytest

from gateway.analysis.forecast import (
    FOLDS_MAX,
    MEDIAN_OF_FIVE,
    SEASONAL_NAIVE,
    Forecast,
    _smooth,
    forecast,
    median_of_five,
    why_absent,
)

WEEK = [100.0, 120.0, 130.0, 125.0, 180.0, 240.0, 60.0]


def noisy(days: int, seed: int, *, trend: float = 0.0) -> list[float]:
    chance = random.Random(seed)
    return [max(0.0, WEEK[day % 7] + trend * day + chance.gauss(0, 15)) for day in range(days)]


def expected(values: list[float], days_ahead: int = 7, first_weekday: int = 0) -> Forecast:
    said = forecast(values, days_ahead=days_ahead, first_weekday=first_weekday)
    assert said is not None
    return said


def test_a_week_that_repeats_is_forecast_exactly() -> None:
    """All five methods agree on it, whatever weekday the series starts on."""
    said = expected(WEEK * 10, days_ahead=10, first_weekday=3)
    assert said.points == pytest.approx(WEEK + WEEK[:3])
    assert said.low == pytest.approx(said.points)
    assert (said.method, said.history_days, said.folds) == (MEDIAN_OF_FIVE, 70, 7)
    assert said.mase is None, "there is no error of seasonal naive to divide by"


@pytest.mark.parametrize(
    ("values", "why"), [([], "under_a_week"), ([5.0] * 6, "under_a_week"), ([0.0] * 40, "all_zero")]
)
def test_too_little_is_no_forecast_and_says_why(values: list[float], why: str) -> None:
    """Nothing is made up from a few days or from nothing."""
    assert forecast(values, days_ahead=7, first_weekday=0) is None
    assert (why_absent(values) or "").startswith(why)


def test_under_three_weeks_it_is_as_a_week_ago_and_says_so() -> None:
    """With one week there is nothing to test it on: no band, no error."""
    week = expected(WEEK)
    assert (week.method, week.points, week.low, week.mase, week.coverage) == (
        SEASONAL_NAIVE,
        tuple(WEEK),
        (),
        None,
        None,
    )
    three_weeks_less_a_day = expected(noisy(20, seed=1))
    assert three_weeks_less_a_day.method == SEASONAL_NAIVE
    assert three_weeks_less_a_day.low
    assert three_weeks_less_a_day.folds == 1
    assert expected(noisy(21, seed=1)).method == MEDIAN_OF_FIVE


def test_the_error_is_that_of_forecasting_each_past_week_from_what_was_known() -> None:
    """MASE computed a second way: cut the series by hand, forecast, compare with what came."""
    values = noisy(120, seed=2, trend=0.3)
    said = expected(values)
    scaled, naive = [], []
    for back in range(FOLDS_MAX):
        until = 120 - 7 * (back + 1)
        known, came = values[:until], values[until : until + 7]
        usual = fmean(abs(a - b) for a, b in zip(known[7:], known, strict=False))
        points = [max(0.0, point) for point in median_of_five(known, 0, 7)]
        scaled.append(fmean(abs(a - b) for a, b in zip(came, points, strict=True)) / usual)
        naive.append(fmean(abs(a - b) for a, b in zip(came, known[-7:], strict=True)) / usual)
    assert said.mase == pytest.approx(fmean(scaled))
    assert said.naive_mase == pytest.approx(fmean(naive))
    assert fmean(scaled) < fmean(naive)


def test_the_bands_hold_nine_in_ten_of_days_that_nobody_had_seen() -> None:
    """On twenty-five noisy series the next two weeks fall inside as often as the band says, and the backtest says the same."""
    inside = days = 0
    told = []
    for seed in range(25):
        values = noisy(154, seed=seed)
        said = expected(values[:140], days_ahead=14)
        days += 14
        for low, value, high in zip(said.low, values[140:], said.high, strict=True):
            inside += low <= value <= high
        told.append(said.coverage or 0.0)
    assert 0.85 <= inside / days <= 0.95
    assert 0.85 <= fmean(told) <= 0.95


def test_the_median_of_five_is_nearer_than_as_a_week_ago() -> None:
    """Over ten series with noise; the margin of the method is what it is kept for."""
    each = [expected(noisy(150, seed=seed)) for seed in range(10)]
    assert fmean(said.mase or 0 for said in each) < 0.85 * fmean(said.naive_mase or 0 for said in each)


def test_smoothing_is_the_weighted_sum_of_the_past() -> None:
    """The recursion gives what the closed form gives: each day's weight is alpha times (1 − alpha) a day."""
    values = [value - 100 for value in noisy(60, seed=3)]
    level, alpha = _smooth(values)
    closed = sum(alpha * (1 - alpha) ** back * value for back, value in enumerate(reversed(values)))
    assert level == pytest.approx(closed + (1 - alpha) ** 60 * fmean(values[:7]))


def test_a_weekday_without_business_stays_without() -> None:
    """Closed on the seventh day: its forecast is nothing, and never below nothing."""
    closed = [0.0 if day % 7 == 6 else value for day, value in enumerate(noisy(84, seed=4))]
    said = expected(closed, days_ahead=14)
    assert said.points[6] == pytest.approx(0, abs=20)
    assert min(said.low) >= 0


def test_a_series_that_may_be_negative_stays_free_to_be() -> None:
    """A net of refunds: no floor is put under it."""
    said = expected([value - 200 for value in noisy(84, seed=5)])
    assert median(said.points) < 0


def test_a_long_history_costs_no_more_than_the_part_that_is_looked_at() -> None:
    """Ten years give the same as their last part."""
    values = noisy(3640, seed=6)
    assert expected(values).points == expected(values[-546:]).points
