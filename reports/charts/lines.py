"""Lines over days: refund and dispute rates, and the forecast within its band."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from reports.charts.axis import Plot, day_labels, day_slots, frame, keys, plot
from reports.charts.drawing import BLUE, INK, SKY, VERMILLION, Area, Dot, Drawing, Line, Point, Shape
from reports.table import Table, grouped, money_text

HEIGHT: Final = 220.0
DOTS_MAX: Final = 62


def rates(table: Table, currency: str) -> Drawing | None:
    """Per cent of the same day's gross; None for fewer than two days, and where nothing went back."""
    days = [row for row in table.records() if row["currency"] == currency]
    refunds = [_hundredths(row["refund_rate"]) for row in days]
    disputes = [_hundredths(row["dispute_rate"]) for row in days]
    if len(days) < 2 or not any((*refunds, *disputes)):
        return None
    of = plot(min(*refunds, *disputes), max(*refunds, *disputes), height=HEIGHT)
    shapes = frame(of, _per_cent, "% of gross")
    shapes += _line(refunds, of, BLUE, ())
    shapes += _line(disputes, of, VERMILLION, (5, 3))
    shapes += day_labels([row["day"] for row in days], of.bottom)
    shapes += keys(("refunded", BLUE, "line"), ("disputed", VERMILLION, "dashes"))
    return Drawing(
        f"Refund and dispute rates, {currency}",
        f"Two lines over the days with payments in {currency}: what was refunded and what was disputed, in per cent of gross.",
        HEIGHT,
        tuple(shapes),
        "rates",
    )


def _hundredths(value: Decimal | None) -> int:
    return int(100 * (value or 0))


def _per_cent(tick: int) -> str:
    return f"{Decimal(tick) / 100:f} %".replace("-", "\u2212")


def forecast(table: Table, currency: str) -> Drawing | None:
    """The last days as they were, then the expected ones; None without a forecast."""
    rows = [row for row in table.records() if row["currency"] == currency]
    ahead = [row for row in rows if row["expected"] is not None]
    if not ahead:
        return None
    values = [row[name] for row in rows for name in ("actual", "expected", "low", "high") if row[name] is not None]
    of = plot(min(values), max(values), height=HEIGHT + 20)
    middles = [x + width / 2 for x, width in day_slots(len(rows))]
    shapes = frame(of, lambda tick: grouped(money_text(tick, currency)), f"{currency} a day")
    shapes += _band(rows, middles, of)
    past = _points(rows, middles, of, "actual")
    coming = past[-1:] + _points(rows, middles, of, "expected")
    shapes += [Line(past, INK, 1.8), Line(coming, BLUE, 1.8, (5, 3))]
    if len(rows) <= DOTS_MAX:
        shapes += [Dot(x, y, 2.2, INK) for x, y in past] + [Dot(x, y, 2.2, BLUE) for x, y in coming[1 if past else 0 :]]
    days: Sequence[date] = [row["day"] for row in rows]
    shapes += day_labels(days, of.bottom)
    shapes += keys(("as it was", INK, "line"), ("expected", BLUE, "dashes"), ("nine of ten days", SKY, "bar"))
    return Drawing(
        f"Gross per day and its forecast, {currency}",
        f"A line of the gross per day in {currency} as it was, then dashed as expected, within a band for nine of ten days.",
        HEIGHT + 20,
        tuple(shapes),
        "forecast",
    )


def _band(rows: Sequence[dict[str, Any]], middles: Sequence[float], of: Plot) -> list[Shape]:
    high, low = (_points(rows, middles, of, name) for name in ("high", "low"))
    return [Area((*high, *reversed(low)), SKY)] if len(high) > 1 else []


def _points(rows: Sequence[dict[str, Any]], middles: Sequence[float], of: Plot, name: str) -> tuple[Point, ...]:
    return tuple((round(x, 1), of.y(row[name])) for row, x in zip(rows, middles, strict=True) if row[name] is not None)


def _line(values: Sequence[int], of: Plot, colour: str, dash: tuple[float, ...]) -> list[Shape]:
    points = tuple(
        (round(x + width / 2, 1), of.y(value)) for value, (x, width) in zip(values, day_slots(len(values)), strict=True)
    )
    dots = [Dot(x, y, 2.2, colour) for x, y in points] if len(points) <= DOTS_MAX else []
    return [Line(points, colour, 1.8, dash), *dots]
