"""Latencies as a flat array of seconds, eight bytes each: a million acknowledgements fit in eight megabytes."""

from array import array
from collections.abc import Iterable
from math import ceil
from typing import TypeAlias

Latencies: TypeAlias = "array[float]"
"""Seconds. The quotes: `array` takes a parameter for the type checker only, at run time not before Python 3.12."""


def merged(recordings: Iterable[Latencies]) -> Latencies:
    """All recordings as one, sorted."""
    every: Latencies = array("d")
    for recording in recordings:
        every.extend(recording)
    return array("d", sorted(every))


def percentile_ms(ordered: Latencies, percent: float) -> float | None:
    """The nearest-rank percentile of sorted seconds, in milliseconds: one that really occurred. None of nothing."""
    if not ordered:
        return None
    rank = max(1, ceil(percent / 100 * len(ordered)))
    return round(ordered[rank - 1] * 1_000, 3)
