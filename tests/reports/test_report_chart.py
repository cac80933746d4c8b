"""The geometry of the bars."""

from datetime import UTC, datetime, timedelta

from reports.books import CurrencyFigures, Flow, Listing, StepFlow, flow
from reports.chart import LEFT, PLOT_HEIGHT, TOP, WIDTH, chart


def series(*flows: Flow) -> CurrencyFigures:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    steps = tuple(StepFlow(start + timedelta(days=index), each) for index, each in enumerate(flows))
    return CurrencyFigures("USD", (), steps, (), (), Listing(()))


def test_nothing_is_drawn_where_nothing_moved() -> None:
    assert chart(series(flow("USD"), flow("USD")), "day") is None


def test_a_bar_is_as_long_as_its_amount() -> None:
    drawn = chart(series(flow("USD", {"capture": 30_000}), flow("USD", {"capture": 10_000})), "day")
    assert drawn is not None
    assert [bar.height for bar in drawn.bars] == [PLOT_HEIGHT, PLOT_HEIGHT / 3]


def test_refunds_hang_below_the_line_on_the_same_scale() -> None:
    drawn = chart(series(flow("USD", {"capture": 3_000, "refund": 1_000})), "day")
    assert drawn is not None
    captured, refunded = drawn.bars
    assert refunded.y == drawn.zero == captured.y + captured.height
    assert captured.height == 3 * refunded.height


def test_everything_stays_inside_the_drawing() -> None:
    """Also for amounts of thirty digits, and when only refunds happened."""
    huge = chart(
        series(*(flow("USD", {"capture": 10**30 + day, "refund": day, "transfer": 7}) for day in range(100))), "day"
    )
    refunds = chart(series(flow("USD", {"refund": 5})), "day")
    assert huge is not None
    assert refunds is not None
    for bar in (*huge.bars, *refunds.bars):
        assert LEFT <= bar.x <= bar.x + bar.width <= WIDTH
        assert TOP - 1 <= bar.y <= bar.y + bar.height <= TOP + PLOT_HEIGHT + 1


def test_a_bar_names_its_exact_amount() -> None:
    drawn = chart(series(flow("USD", {"capture": 123_456_789})), "day")
    assert drawn is not None
    assert drawn.bars[0].title == "01 Nov: captured 1234567.89 USD"
