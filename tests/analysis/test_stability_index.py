"""The stability index, and the bins that it is made of."""

import math
from random import Random

import pytest

from gateway.analysis.drift import MOVED, SHIFTED, edges, histogram, stability_index


def test_drift_is_the_stability_index() -> None:
    """Two halves that trade 20 % of their mass, by the formula: 2 · 0.2 · ln(0.6/0.4)."""
    assert stability_index([40_000, 60_000], [60_000, 40_000]) == pytest.approx(0.4 * math.log(1.5), abs=1e-3)
    assert stability_index([500, 500], [5_000, 5_000]) == pytest.approx(0, abs=1e-3)
    assert stability_index([50, 40], [5_000, 5_000]) is None
    assert stability_index([0, 1_000], [1_000, 0]) < math.inf  # type: ignore[operator]


def test_what_is_unknown_has_a_bin_of_its_own() -> None:
    """Also where nothing was known before; equal numbers share an edge."""
    assert histogram([1.0, 2.0, math.nan, 2.5], [2.0]) == [1, 2, 1]
    assert edges([math.nan]) == []
    assert edges([3.0] * 90 + [math.nan] * 5) == [3.0]
    assert histogram([1.0, math.nan], []) == [1, 1]


@pytest.mark.parametrize(
    ("shift", "unknown", "low", "high"),
    [(0.0, 0.0, 0.0, MOVED), (1.0, 0.0, SHIFTED, 9.0), (0.0, 0.5, SHIFTED, 9.0)],
    ids=["the same", "moved by a deviation", "half of it unknown"],
)
def test_another_population_is_told_from_the_same(shift: float, unknown: float, low: float, high: float) -> None:
    random = Random(4)
    before = [random.gauss(0, 1) for _ in range(5_000)]
    now = [math.nan if random.random() < unknown else random.gauss(shift, 1) for _ in range(500)]
    between = edges(before)
    found = stability_index(histogram(now, between), histogram(before, between))
    assert found is not None
    assert low <= found < high
