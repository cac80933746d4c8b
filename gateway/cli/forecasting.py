"""`gateway insights bench`: how well the forecast does on daily series, by holding back the last days of each."""

import csv
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from time import perf_counter

from gateway.analysis.forecast import DAYS_AHEAD_MAX, HISTORY_DAYS_MAX, as_a_week_ago, forecast
from gateway.errors import BadRequest

SERIES_MAX = 10_000
OWN_SERIES = 60


@dataclass(frozen=True, slots=True)
class Bench:
    """Means over the series: `mase` and `naive_mase` (as a week ago) of the days held back, `coverage` of the 90 % bands, and the
    time that one series takes."""

    series: int
    days_ahead: int
    mase: float
    naive_mase: float
    coverage: float
    ms_per_series: float

    def to_document(self) -> dict[str, float | int]:
        return asdict(self)


def bench(series: list[list[float]], *, days_ahead: int) -> Bench:
    """Series too short to hold back `days_ahead` and a week before them, or flat ones, are left out. Raises `BadRequest`."""
    if not 1 <= days_ahead <= DAYS_AHEAD_MAX:
        raise BadRequest(f"days is 1 to {DAYS_AHEAD_MAX}.")
    errors: list[tuple[float, float, float]] = []
    started = perf_counter()
    for values in series[:SERIES_MAX]:
        known, came = values[:-days_ahead], values[-days_ahead:]
        said = forecast(known, days_ahead=days_ahead, first_weekday=0)
        scale = fmean(abs(a - b) for a, b in zip(known[7:], known, strict=False)) if len(known) > 7 else 0
        if said is None or not said.low or not scale:
            continue
        naive = as_a_week_ago(known, 0, days_ahead)
        inside = sum(low <= value <= high for low, value, high in zip(said.low, came, said.high, strict=True))
        errors.append((_mean_error(came, said.points) / scale, _mean_error(came, naive) / scale, inside / days_ahead))
    if not errors:
        raise BadRequest(f"No series is long enough to hold back {days_ahead} days.")
    mase, naive_mase, coverage = (round(fmean(column), 3) for column in zip(*errors, strict=True))
    return Bench(
        series=len(errors),
        days_ahead=days_ahead,
        mase=mase,
        naive_mase=naive_mase,
        coverage=coverage,
        ms_per_series=round(1_000 * (perf_counter() - started) / len(errors), 2),
    )


def read_series(file: Path) -> list[list[float]]:
    """A CSV with a header: the day first, then a column a series, a row a day, the oldest first; an empty cell is the
    value a week before. Raises `BadRequest`."""
    try:
        with file.open(newline="") as opened:
            rows = list(csv.reader(opened))[1:]
        columns = zip(*(row[1:] for row in rows), strict=True)
        return [_filled(column) for column in columns]
    except (OSError, ValueError, UnicodeDecodeError) as wrong:
        raise BadRequest(
            f"{file} is no table of daily series: a header, a day a row, the same number of cells in each."
        ) from wrong


def own_series(seed: int = 1) -> Iterator[list[float]]:
    """Made up, for a bench without a file: weekdays, a trend, noise and bad days, a year each."""
    chance = random.Random(seed)
    for _ in range(OWN_SERIES):
        week = [chance.uniform(0.3, 1.7) for _ in range(7)]
        level, trend, noise = chance.uniform(50, 5_000), chance.uniform(-0.2, 0.4), chance.uniform(0.05, 0.3)
        values = []
        for day in range(HISTORY_DAYS_MAX // 2):
            usual = level * week[day % 7] * (1 + trend * day / 365)
            bad = 0.2 if chance.random() < 0.01 else 1.0
            values.append(max(0.0, usual * bad * (1 + chance.gauss(0, noise))))
        yield values


def _mean_error(came: list[float], said: list[float] | tuple[float, ...]) -> float:
    return fmean(abs(value - point) for value, point in zip(came, said, strict=True))


def _filled(column: tuple[str, ...]) -> list[float]:
    values: list[float] = []
    for cell in column:
        before = values[-7] if len(values) >= 7 else 0.0
        values.append(float(cell) if cell.strip() else before)
    return values
