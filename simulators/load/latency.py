"""Latencies as a flat array of seconds, eight bytes each: a million acknowledgements fit in eight megabytes."""

from array import array
from math import ceil
from typing import TypeAlias

Latencies: TypeAlias = "array[float]"
"""Seconds. The quotes: `array` takes a parameter for the type checker only, at run time not before Python 3.12."""


def ordered(latencies: Latencies) -> Latencies:
    """The same, ascending."""
    return array("d", sorted(latencies))


def percentile_ms(ascending: Latencies, percent: float) -> float | None:
    """The nearest-rank percentile of sorted seconds, in milliseconds: one that really occurred. None of nothing."""
    if not ascending:
        return None
    rank = max(1, ceil(percent / 100 * len(ascending)))
    return round(ascending[rank - 1] * 1_000, 3)
