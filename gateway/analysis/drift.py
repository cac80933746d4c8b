"""Has the population changed? The population stability index (PSI) of numbers against those of the days before.

Below .1 nothing, above .25 another population (Siddiqi 2006). Pure: numbers in, numbers out.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

COUNT_MIN: Final = 100
BEFORE_MIN: Final = 500
MOVED: Final = 0.1
SHIFTED: Final = 0.25
BINS: Final = 10


def stability_index(counts: Sequence[int], before: Sequence[int]) -> float | None:
    """PSI of two histograms with the same bins; None where either holds too few. Half a case is added to each bin, so that an
    empty one does not make it infinite."""
    if sum(counts) < COUNT_MIN or sum(before) < BEFORE_MIN:
        return None
    size, size_before = sum(counts) + len(counts) / 2, sum(before) + len(before) / 2
    shares = [((now + 0.5) / size, (then + 0.5) / size_before) for now, then in zip(counts, before, strict=True)]
    return sum((now - then) * math.log(now / then) for now, then in shares)


def edges(before: Sequence[float]) -> list[float]:
    """The tenths of the known numbers; fewer where many are equal, none where none is known."""
    known = sorted(number for number in before if not math.isnan(number))
    return sorted({known[len(known) * tenth // BINS] for tenth in range(1, BINS)}) if known else []


def histogram(numbers: Sequence[float], between: Sequence[float]) -> list[int]:
    """How many fall between each two edges; the last bin holds the unknown ones (NaN)."""
    counts = [0] * (len(between) + 2)
    for number in numbers:
        counts[-1 if math.isnan(number) else bisect_right(between, number)] += 1
    return counts
