"""Payments by weekday and hour: the darker, the more, with the number in each cell."""

from typing import Final

from reports.charts.drawing import GRID, INK, PAPER, SOFT, WIDTH, Drawing, Rect, Shape, Words
from reports.sections.money import WEEKDAYS
from reports.table import Table

LEFT: Final = 84.0
TOP: Final = 30.0
CELL: Final = 24.0
_LIGHT, _DARK = (234, 243, 250), (0, 72, 120)


def heat(hours: Table) -> Drawing | None:
    """None where no payment was captured."""
    counts = {(row["weekday"], row["hour"]): row["payments"] for row in hours.records()}
    if not counts:
        return None
    most = max(counts.values())
    width = (WIDTH - LEFT - 8) / 24
    shapes: list[Shape] = [Words(LEFT - 8, TOP - 10, "hour", "end", fill=INK)]
    shapes += [Words(round(LEFT + (hour + 0.5) * width, 1), TOP - 10, str(hour), "middle") for hour in range(24)]
    for number, weekday in enumerate(WEEKDAYS):
        y = TOP + number * CELL
        shapes.append(Words(LEFT - 8, y + 16, weekday, "end", fill=INK))
        for hour in range(24):
            count = counts.get((weekday, hour), 0)
            x = round(LEFT + hour * width, 1)
            part = count / most
            title = f"{weekday} {hour}:00 to {hour + 1}:00: {count:,} payments"
            shapes.append(Rect(x, y, round(width - 1.5, 1), CELL - 1.5, _colour(part) if count else PAPER, title))
            if count:
                dark = part > 0.45
                shapes.append(
                    Words(x + round(width / 2 - 0.7, 1), y + 15, _short(count), "middle", 8.5, PAPER if dark else INK)
                )
            else:
                shapes.append(
                    Words(x + round(width / 2 - 0.7, 1), y + 15, "·", "middle", 8.5, GRID if hour % 2 else SOFT)
                )
    height = TOP + 7 * CELL + 22
    shapes.append(Words(LEFT, height - 6, f"payments captured in the hour; darkest: {most:,}"))
    return Drawing(
        "Hours of the week",
        "A row for each weekday, a column for each hour; the darker a cell, the more payments were captured then.",
        height,
        tuple(shapes),
        "hours",
    )


def _colour(part: float) -> str:
    return "#" + "".join(
        f"{round(light + (dark - light) * part):02x}" for light, dark in zip(_LIGHT, _DARK, strict=True)
    )


def _short(count: int) -> str:
    """At most four characters."""
    if count < 1_000:
        return str(count)
    return f"{count / 1_000:.1f}k" if count < 10_000 else f"{count // 1_000}k"
