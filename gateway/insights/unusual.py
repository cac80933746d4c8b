"""Is a day's figure unusual for its weekday? Pure.

A volume is compared with the median of the same weekday in the last eight weeks, in units of their median deviation: one odd day
among them does not move it. A success rate is compared with the rate of the last four weeks, as two proportions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

WEEKS: Final = 8
WEEKS_MIN: Final = 4
"""Same weekdays that have to be known before anything is called unusual."""
DEVIATIONS: Final = 4.0
SPREAD_MIN: Final = 0.1
"""Of the usual: a weekday that never changed is not alarmed by a tenth more."""
ATTEMPTS_MIN: Final = 20
ATTEMPTS_BEFORE_MIN: Final = 100
RATE_CHANGE_MIN: Final = 0.02
_NORMAL: Final = 1.4826
"""Median deviation → standard deviation, of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """A figure outside of what is usual; `low` and `high` bound that."""

    value: float
    usual: float
    low: float
    high: float
    direction: Literal["above", "below"]


def usual_and_spread(known: Sequence[float]) -> tuple[float, float]:
    """The median, and the median deviation from it as the standard deviation that a normal distribution would have."""
    usual = median(known)
    return usual, _NORMAL * median(abs(each - usual) for each in known)


def unusual_volume(value: float, same_weekdays: Sequence[float], *, counted: bool) -> Unusual | None:
    """`same_weekdays` are those before, newest last. A count may vary by its root at least (`counted`)."""
    known = same_weekdays[-WEEKS:]
    if len(known) < WEEKS_MIN:
        return None
    usual, spread = usual_and_spread(known)
    spread = max(spread, SPREAD_MIN * usual)
    if counted:
        spread = max(spread, math.sqrt(max(1.0, usual)))
    low, high = max(0.0, usual - DEVIATIONS * spread), usual + DEVIATIONS * spread
    if low <= value <= high:
        return None
    return Unusual(value, usual, low, high, "above" if value > high else "below")


def unusual_rate(succeeded: int, attempts: int, *, succeeded_before: int, attempts_before: int) -> Unusual | None:
    """The day's success rate against the weeks before."""
    if attempts < ATTEMPTS_MIN or attempts_before < ATTEMPTS_BEFORE_MIN:
        return None
    rate, usual = succeeded / attempts, succeeded_before / attempts_before
    pooled = (succeeded + succeeded_before) / (attempts + attempts_before)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / attempts + 1 / attempts_before))
    reach = max(DEVIATIONS * spread, RATE_CHANGE_MIN)
    if abs(rate - usual) <= reach:
        return None
    return Unusual(rate, usual, max(0.0, usual - reach), min(1.0, usual + reach), "above" if rate > usual else "below")
