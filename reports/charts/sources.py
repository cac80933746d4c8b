"""The net of each source in one currency, as lying bars with their amounts."""

from typing import Final

from reports.charts.drawing import BLUE, INK, SOFT, VERMILLION, WIDTH, Drawing, Line, Rect, Shape, Words
from reports.table import Table, grouped, money_text

ROW: Final = 26.0
TOP: Final = 26.0
LEFT: Final = 150.0
AMOUNT: Final = 120.0
SOURCES_MAX: Final = 12


def sources(by_source: Table, currency: str) -> Drawing | None:
    """The largest first; None where there is no source."""
    rows = [row for row in by_source.records() if row["currency"] == currency]
    rows = sorted(rows, key=lambda row: (-row["net"], row["source"]))[:SOURCES_MAX]
    most = max((abs(row["net"]) for row in rows), default=0)
    if most == 0:
        return None
    below = any(row["net"] < 0 for row in rows)
    left = LEFT + (AMOUNT if below else 0)
    zero = left + ((WIDTH - AMOUNT - left) / 2 if below else 0)
    longest = WIDTH - AMOUNT - zero
    shapes: list[Shape] = [
        Words(LEFT - 8, TOP - 10, "source", "end", fill=INK),
        Words(zero, TOP - 10, f"net in {currency}", fill=INK),
    ]
    for number, row in enumerate(rows):
        y = TOP + number * ROW
        length = round(abs(row["net"]) / most * longest, 1)
        amount = grouped(money_text(row["net"], currency))
        way, colour, anchor = (-1, VERMILLION, "end") if row["net"] < 0 else (1, BLUE, "start")
        shapes += [
            Words(LEFT - 8, y + 15, _short(row["source"]), "end", fill=INK),
            Rect(min(zero, zero + way * length), y + 3, max(length, 0.6), ROW - 9, colour, amount),
            Words(zero + way * (length + 6), y + 15, amount, anchor, fill=INK),
        ]
    height = TOP + len(rows) * ROW + 8
    shapes.append(Line(((zero, TOP - 2), (zero, height - 8)), SOFT, 1.2))
    return Drawing(
        f"Net by source, {currency}",
        f"A lying bar for each source: its net in {currency}.",
        height,
        tuple(shapes),
        "by_source",
    )


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:19]}…"
