"""Axes: round numbers between the extremes, days that do not run into each other, and the keys above the plot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from reports.charts.drawing import GRID, INK, SOFT, WIDTH, Dot, Line, Point, Rect, Shape, Words

LEFT: Final = 92.0
RIGHT: Final = WIDTH - 8
TOP: Final = 34.0
DAYS_LABELLED_MAX: Final = 9


@dataclass(frozen=True, slots=True)
class Plot:
    """The plane between the axes: minor units (or hundredths of a per cent) become heights."""

    low: int
    high: int
    ticks: tuple[int, ...]
    bottom: float

    def y(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return round(self.bottom - part * (self.bottom - TOP), 1)


def plot(low: int, high: int, *, height: float, ticks: int = 4) -> Plot:
    """A plane that holds both and zero, with round numbers along it."""
    low, high = min(low, 0), max(high, 0)
    if low == high:
        high = 1
    step = _round_up((high - low) / ticks)
    first, last = -(-low // step) if low % step == 0 else low // step, -(-high // step)
    marks = tuple(step * number for number in range(first, last + 1))
    return Plot(marks[0], marks[-1], marks, height - 26)


def _round_up(rough: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, …"""
    power = 1
    while power * 10 <= rough:
        power *= 10
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def frame(of: Plot, label: Callable[[int], str], unit: str) -> list[Shape]:
    """Grid lines with their numbers, the zero line stronger, and the unit above them."""
    shapes: list[Shape] = [Words(LEFT - 8, TOP - 12, unit, "end", fill=INK)]
    for tick in of.ticks:
        y = of.y(tick)
        shapes.append(Line(((LEFT, y), (RIGHT, y)), SOFT if tick == 0 else GRID, 1.2 if tick == 0 else 0.8))
        shapes.append(Words(LEFT - 8, y + 4, label(tick), "end"))
    return shapes


def day_slots(count: int) -> list[tuple[float, float]]:
    """Left edge and width of each day's place."""
    width = (RIGHT - LEFT) / max(count, 1)
    return [(LEFT + number * width, width) for number in range(count)]


def day_labels(days: Sequence[date], bottom: float) -> list[Shape]:
    """As many as stand side by side."""
    every = -(-len(days) // DAYS_LABELLED_MAX)
    slots = day_slots(len(days))
    return [
        Words(round(slots[number][0] + slots[number][1] / 2, 1), bottom + 18, f"{day.day} {day:%b}", "middle")
        for number, day in enumerate(days)
        if number % every == 0
    ]


def keys(*named: tuple[str, str, str]) -> list[Shape]:
    """What each mark means: (name, colour, "bar" or "line" or "dashes")."""
    shapes: list[Shape] = []
    x = LEFT + 6
    for name, colour, mark in named:
        if mark == "bar":
            shapes.append(Rect(x, TOP - 22, 10, 10, colour))
        else:
            line: tuple[Point, ...] = ((x - 4, TOP - 17), (x + 12, TOP - 17))
            shapes.append(Line(line, colour, 2, (4, 3) if mark == "dashes" else ()))
            shapes.append(Dot(x + 4, TOP - 17, 2.6, colour))
        shapes.append(Words(x + 17, TOP - 13, name, fill=INK))
        x += 17 + 6.4 * len(name) + 22
    return shapes
