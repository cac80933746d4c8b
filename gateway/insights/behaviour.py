"""How a wallet behaves, from the amounts and days of its payments in one currency.

Pure. Each figure says its own meaning, and None stands for too little to say it: three payments have no pattern.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import fmean, median, pstdev
from typing import Final, Literal

Pattern = Literal["consistent", "varied", "erratic"]
Frequency = Literal["daily", "weekly", "monthly", "rare"]

PAYMENTS_MIN: Final = 5
DAYS_MIN: Final = 3
WEEKS_MIN: Final = 4
_PATTERNS: Final[tuple[tuple[float, Pattern], ...]] = ((0.5, "consistent"), (1.0, "varied"))
_FREQUENCIES: Final[tuple[tuple[float, Frequency], ...]] = ((2.0, "daily"), (10.0, "weekly"), (45.0, "monthly"))
"""The median days between active days, up to which a wallet is called so."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`amount_variance` is the standard deviation of the amounts divided by their mean; `loyalty` the part of its weeks,
    since the first payment that was looked at, in which the wallet was active."""

    payments: int
    active_days: int
    amount_variance: float | None
    pattern: Pattern | None
    gap_days: float | None
    frequency: Frequency | None
    loyalty: float | None


def behaviour(amounts_minor: Sequence[int], days: Sequence[date], *, today: date) -> Behaviour:
    """Of payments in one currency: their amounts, and the days they were made on, in any order and repeated."""
    active = sorted(set(days))
    variance = _variance(amounts_minor)
    gap = median((after - before).days for before, after in pairwise(active)) if len(active) >= DAYS_MIN else None
    return Behaviour(
        payments=len(amounts_minor),
        active_days=len(active),
        amount_variance=variance,
        pattern=None if variance is None else next((name for most, name in _PATTERNS if variance < most), "erratic"),
        gap_days=gap,
        frequency=None if gap is None else next((name for most, name in _FREQUENCIES if gap <= most), "rare"),
        loyalty=_loyalty(active, today),
    )


def _variance(amounts_minor: Sequence[int]) -> float | None:
    if len(amounts_minor) < PAYMENTS_MIN:
        return None
    return pstdev(amounts_minor) / fmean(amounts_minor)


def _loyalty(active: Sequence[date], today: date) -> float | None:
    """Weeks are counted back from today, so the present one is whole."""
    if not active:
        return None
    weeks = (today - active[0]).days // 7 + 1
    if weeks < WEEKS_MIN:
        return None
    seen = {(today - day).days // 7 for day in active if day <= today}
    return len(seen) / weeks
