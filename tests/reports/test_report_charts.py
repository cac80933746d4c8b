"""The pictures' geometry: in proportion, inside the drawing, and readable."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from report_ledger import LATER

from reports.charts.axis import plot
from reports.charts.chosen import drawings
from reports.charts.drawing import BLUE, ORANGE, WIDTH, Area, Dot, Drawing, Line, Rect, Words
from reports.charts.flows import flows
from reports.charts.heat import heat
from reports.charts.sources import sources
from reports.flows import Flow, Flows
from reports.formats.svg import as_svg
from reports.period import Period, read_period
from reports.report import Report
from reports.sections.money import by_day, by_source, hours


def days_of(*amounts: tuple[int, int]) -> Any:
    """A table by day of (gross, refunded)."""
    found = Flows()
    first = date(2026, 11, 1)
    for number, (gross, refunded) in enumerate(amounts):
        found.by_day["USD", first + timedelta(days=number)] = Flow(gross=gross, refunded=refunded)
    found.by_source["USD", "stripe"] = Flow(gross=1)
    period = Period(LATER.replace(day=1), LATER.replace(day=1) + timedelta(days=len(amounts)), "UTC")
    return by_day(found, period)


def bars(drawing: Drawing, colour: str) -> list[Rect]:
    """Without the key's swatch."""
    return [shape for shape in drawing.shapes if isinstance(shape, Rect) and shape.fill == colour and shape.title]


def test_a_bar_is_as_long_as_its_amount() -> None:
    drawing = flows(days_of((30_000, 10_000), (10_000, 0)), "USD")
    assert drawing is not None
    first, second = bars(drawing, BLUE)
    (refund,) = bars(drawing, ORANGE)
    assert abs(first.height - 3 * second.height) < 0.5
    assert abs(refund.height - second.height) < 0.3
    assert refund.y == first.y + first.height
    assert first.title == "01 Nov: gross 300.00 USD"


def test_nothing_is_drawn_where_nothing_moved() -> None:
    assert flows(days_of((0, 0), (0, 0)), "USD") is None
    assert flows(days_of((5, 0)), "USD") is None
    assert heat(hours(Flows())) is None
    assert sources(by_source(Flows()), "USD") is None


@given(st.integers(-(10**30), 0), st.integers(0, 10**30))
def test_an_axis_has_few_round_numbers_around_everything(low: int, high: int) -> None:
    of = plot(low, high, height=200)
    assert of.low <= low
    assert of.high >= high
    assert 0 in of.ticks
    assert 2 <= len(of.ticks) <= 8
    assert all(str(abs(tick)).rstrip("0") in {"", *map(str, range(1, 100))} for tick in of.ticks)


def test_everything_stays_inside_the_drawing(october: Report) -> None:
    drawn = [each for group in drawings(october.by_key).values() for each in group]
    assert {each.table for each in drawn} == {"by_day", "by_source", "rates", "forecast", "hours"}
    for drawing in drawn:
        for x, y in (point for shape in drawing.shapes for point in corners(shape)):
            assert -2 <= x <= WIDTH + 2, drawing.title
            assert -2 <= y <= drawing.height + 2, drawing.title


def corners(shape: Any) -> list[tuple[float, float]]:
    match shape:
        case Rect():
            return [(shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)]
        case Line() | Area():
            return list(shape.points)
        case Dot():
            return [(shape.x, shape.y)]
        case Words():
            wide = 6.2 * shape.size / 11 * len(shape.text)
            left = shape.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor] * wide
            return [(max(left, 0) if shape.anchor == "end" else left, shape.y)]
    raise AssertionError(shape)


def test_every_picture_names_its_unit_and_says_what_it_shows(october: Report) -> None:
    for group in drawings(october.by_key).values():
        for drawing in group:
            words = [shape.text for shape in drawing.shapes if isinstance(shape, Words)]
            units = ("a day", "net in ", "% of gross", "payments captured")
            assert any(unit in word for unit in units for word in words), drawing.title
            assert drawing.about
            assert "aria-label" in as_svg(drawing)


def test_words_in_a_picture_are_escaped() -> None:
    drawing = Drawing("t", "<b>", 10, (Words(0, 0, "<script>"),), "x")
    assert "<script>" not in as_svg(drawing)
    assert "&lt;script&gt;" in as_svg(drawing)


def test_the_heat_is_of_the_zone_s_hours(weeks: Any) -> None:
    """The same payments, five and a half hours later in India."""
    utc = weeks.collect(weeks.asked("2026-W42")).tables
    india = weeks.collect(weeks.asked("2026-10-12T00:00Z..2026-10-19T00:00Z", zone="Asia/Kolkata")).tables
    sums = [sum(table.column("payments")) for tables in (utc, india) for table in tables if table.key == "hours"]
    assert sums[0] == sums[1] > 0
    assert (
        read_period("2026-W42", LATER, "UTC").since == read_period("2026-10-12T00:00Z..2026-10-13", LATER, "UTC").since
    )
