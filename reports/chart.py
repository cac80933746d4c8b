"""The money of one currency over time as bars: in above the line, out below it. Pure geometry for an inline SVG.

Positions are floats because they are pixels; every amount that is written beside them is exact.
"""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from reports.books import Amount, CurrencyFigures, StepFlow

WIDTH: Final = 720
LEFT: Final = 96
TOP: Final = 10
PLOT_HEIGHT: Final = 120
HEIGHT: Final = TOP + PLOT_HEIGHT + 24
LABELS_MAX: Final = MappingProxyType({"hour": 6, "day": 8, "month": 8})
BAR_WIDTH_MAX: Final = 26.0
UP: Final = ("captured", "transferred")
DOWN: Final = "refunded"


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    series: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A line or a label: `at` is its position along the axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    bars: tuple[Bar, ...]
    series: tuple[str, ...]
    levels: tuple[Mark, ...]
    times: tuple[Mark, ...]
    zero: float


def chart(figures: CurrencyFigures, step: str) -> Chart | None:
    """The drawing of a currency's series, or None when nothing was captured, refunded or transferred."""
    peaks = {name: max((_minor(each, name) for each in figures.series), default=0) for name in (*UP, DOWN)}
    up, down = max(peaks[name] for name in UP), peaks[DOWN]
    if up + down == 0:
        return None
    pixels = PLOT_HEIGHT / (up + down)
    zero = TOP + up * pixels
    present = tuple(name for name in (*UP, DOWN) if peaks[name])
    marks = [Mark(TOP, _level(up, figures)), Mark(zero, "0"), Mark(TOP + PLOT_HEIGHT, _level(-down, figures))]
    return Chart(
        bars=tuple(
            bar
            for index, each in enumerate(figures.series)
            for bar in _bars(each, _slot(index, len(figures.series)), present, zero=zero, pixels=pixels, step=step)
        ),
        series=present,
        levels=tuple(mark for mark in marks if mark.text == "0" or abs(mark.at - zero) > 12),
        times=_times(figures.series, step),
        zero=round(zero, 1),
    )


def _minor(each: StepFlow, name: str) -> int:
    amount: Amount = getattr(each.flow, name)
    return amount.amount_minor


def _level(minor: int, figures: CurrencyFigures) -> str:
    return Amount(minor, figures.currency).amount


def _slot(index: int, count: int) -> tuple[float, float]:
    """Left edge and width of a step's place."""
    width = (WIDTH - LEFT) / count
    return LEFT + index * width, width


def _bars(
    each: StepFlow, slot: tuple[float, float], present: tuple[str, ...], *, zero: float, pixels: float, step: str
) -> list[Bar]:
    ups: list[str] = [name for name in UP if name in present] or [DOWN]
    width = min(slot[1] * 0.78, BAR_WIDTH_MAX) / len(ups)
    left = slot[0] + (slot[1] - width * len(ups)) / 2
    drawn: list[Bar] = []
    for name in present:
        minor = _minor(each, name)
        if minor == 0:
            continue
        height = max(minor * pixels, 0.8)
        x = left + (ups.index(name) * width if name in ups else 0)
        amount: Amount = getattr(each.flow, name)
        drawn.append(
            Bar(
                x=round(x, 1),
                y=round(zero if name == DOWN else zero - height, 1),
                width=round(width, 1),
                height=round(height, 1),
                series=name,
                title=f"{time_label(each.start, step)}: {name} {amount.amount} {amount.currency}",
            )
        )
    return drawn


def _times(series: tuple[StepFlow, ...], step: str) -> tuple[Mark, ...]:
    every = -(-len(series) // LABELS_MAX[step])
    return tuple(
        Mark(round(sum(_slot(index, len(series))) - _slot(index, len(series))[1] / 2, 1), time_label(each.start, step))
        for index, each in enumerate(series)
        if index % every == 0
    )


def time_label(start: datetime, step: str) -> str:
    return start.strftime({"hour": "%d %b %H:00", "day": "%d %b", "month": "%b %Y"}[step])
