"""The risk that a wallet makes no payment in the next 28 days, told only where the own past shows that it can be told.

Pure. A wallet's silence is measured by its own rhythm: days since its last payment over its median days between active ones. How
often wallets so silent stayed away for 28 days is counted on past dates of the own event log. Before anything is told, the counts
up to eight weeks ago have to foretell the last four weeks better than their plain average does (Brier score).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Final

AHEAD_DAYS: Final = 28
PAST_DAYS: Final = 91
ACTIVE_DAYS_MIN: Final = 3
CASES_MIN: Final = 50
"""Wallets in the backtest below which nothing is told."""
_EDGES: Final = (1.0, 2.0, 4.0, 8.0)
"""Silence over the own rhythm, as bins."""
_FITTED_BEFORE: Final = (84, 70, 56)
_TESTED_BEFORE: Final = 28
HISTORY_DAYS: Final = PAST_DAYS + max(_FITTED_BEFORE)
"""What has to be known of a wallet: the longest look back from the earliest date."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """How the estimate did on the last four weeks, beside the plain average; told only if `brier` is below `brier_of_average`."""

    cases: int
    went_quiet: int
    brier: float
    brier_of_average: float


@dataclass(frozen=True, slots=True)
class Inactivity:
    """`risks` by wallet; empty with the reason in `absent`."""

    risks: Mapping[str, float]
    backtest: Backtest | None
    absent: str | None


@dataclass(frozen=True, slots=True)
class _Case:
    bin: int
    quiet: bool


def inactivity(active: Mapping[str, Sequence[int]], today: int) -> Inactivity:
    """`active`: each wallet's active days as ordinals, sorted, of the last `HISTORY_DAYS`; `today` is the last day that is over."""
    fitted = [case for before in _FITTED_BEFORE for case in _cases(active.values(), today - before)]
    tested = list(_cases(active.values(), today - _TESTED_BEFORE))
    quiet = sum(case.quiet for case in tested)
    if len(tested) < CASES_MIN or len(fitted) < CASES_MIN:
        return Inactivity(
            {}, None, f"{len(tested)} wallets can be tested on the last four weeks, {CASES_MIN} are needed"
        )
    average, rates = _rates(fitted)
    backtest = Backtest(
        cases=len(tested),
        went_quiet=quiet,
        brier=fmean((rates[case.bin] - case.quiet) ** 2 for case in tested),
        brier_of_average=fmean((average - case.quiet) ** 2 for case in tested),
    )
    if backtest.brier >= backtest.brier_of_average:
        return Inactivity({}, backtest, "on the last four weeks the estimate was no better than the plain average")
    _, rates = _rates([*fitted, *tested])
    bins = {wallet: _bin(days, today) for wallet, days in active.items()}
    return Inactivity({wallet: rates[place] for wallet, place in bins.items() if place is not None}, backtest, None)


def _cases(active: Iterable[Sequence[int]], at: int) -> Iterable[_Case]:
    for days in active:
        place = _bin(days, at)
        if place is not None:
            yield _Case(place, bisect_right(days, at + AHEAD_DAYS) == bisect_right(days, at))


def _bin(days: Sequence[int], at: int) -> int | None:
    """How silent the wallet was at the end of the day `at`, from what was known then."""
    known = days[bisect_left(days, at - PAST_DAYS + 1) : bisect_right(days, at)]
    if len(known) < ACTIVE_DAYS_MIN:
        return None
    rhythm = median(after - before for before, after in pairwise(known))
    return bisect_left(_EDGES, (at - known[-1]) / rhythm)


def _rates(cases: Sequence[_Case]) -> tuple[float, list[float]]:
    """The share that went quiet, of all and of each bin; a bin with few cases is pulled to the share of all."""
    average = fmean(case.quiet for case in cases)
    rates = []
    for place in range(len(_EDGES) + 1):
        own = [case.quiet for case in cases if case.bin == place]
        rates.append((sum(own) + 2 * average) / (len(own) + 2))
    return average, rates
