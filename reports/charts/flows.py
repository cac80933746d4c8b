"""What moved on each day of one currency: paid above the line, refunded and disputed below it, the net as a line."""

from typing import Any, Final

from reports.charts.axis import Plot, day_labels, day_slots, frame, keys, plot
from reports.charts.drawing import BLUE, INK, ORANGE, VERMILLION, Dot, Drawing, Line, Rect, Shape
from reports.table import Table, grouped, money_text

HEIGHT: Final = 250.0
BAR_WIDTH_MAX: Final = 30.0
DOTS_MAX: Final = 62


def flows(by_day: Table, currency: str) -> Drawing | None:
    """None for fewer than two days, and where nothing moved."""
    days = [row for row in by_day.records() if row["currency"] == currency]
    up = max((max(row["gross"], row["net"]) for row in days), default=0)
    down = max((max(row["refunded"], 0) + max(row["disputed"], 0) for row in days), default=0)
    down = max(down, -min((row["net"] for row in days), default=0))
    if len(days) < 2 or up + down == 0:
        return None
    of = plot(-down, up, height=HEIGHT)
    slots = day_slots(len(days))
    shapes = frame(of, lambda tick: grouped(money_text(tick, currency)), f"{currency} a day")
    for row, slot in zip(days, slots, strict=True):
        shapes += _bars(row, slot, of, currency)
    middles = tuple((round(x + width / 2, 1), of.y(row["net"])) for row, (x, width) in zip(days, slots, strict=True))
    shapes.append(Line(middles, INK, 1.6))
    if len(days) <= DOTS_MAX:
        shapes += [Dot(x, y, 2.2, INK) for x, y in middles]
    shapes += day_labels([row["day"] for row in days], of.bottom)
    shapes += keys(
        ("gross", BLUE, "bar"), ("refunded", ORANGE, "bar"), ("disputed", VERMILLION, "bar"), ("net", INK, "line")
    )
    return Drawing(
        f"Flows per day, {currency}",
        f"Bars per day in {currency}: gross above the line, refunded and disputed below it; a line for the net.",
        HEIGHT,
        tuple(shapes),
        "by_day",
    )


def _bars(row: dict[str, Any], slot: tuple[float, float], of: Plot, currency: str) -> list[Shape]:
    width = min(slot[1] * 0.76, BAR_WIDTH_MAX)
    x = round(slot[0] + (slot[1] - width) / 2, 1)
    zero = of.y(0)
    shapes: list[Shape] = []
    if row["gross"] > 0:
        y = of.y(row["gross"])
        shapes.append(_bar(x, y, width, zero - y, BLUE, _said(row, "gross", currency)))
    depth = 0
    for name, colour in (("refunded", ORANGE), ("disputed", VERMILLION)):
        if row[name] > 0:
            y, below = of.y(-depth), of.y(-depth - row[name])
            shapes.append(_bar(x, y, width, below - y, colour, _said(row, name, currency)))
            depth += row[name]
    return shapes


def _bar(x: float, y: float, width: float, height: float, fill: str, title: str) -> Rect:
    return Rect(x, y, round(width, 1), round(max(height, 0.6), 1), fill, title)


def _said(row: dict[str, Any], name: str, currency: str) -> str:
    return f"{row['day']:%d %b}: {name} {grouped(money_text(row[name], currency))} {currency}"
