"""Periods: calendar days of UTC, half-open, and a message that teaches."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadRequest
from gateway.queries.period import Period, period

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_a_day_is_today_so_far() -> None:
    """From the last midnight of UTC until now."""
    assert period("day", NOW) == Period(moment(2026, 11, 21), NOW)


def test_at_midnight_a_day_is_not_an_error() -> None:
    """The day that has just begun is empty of events, not of meaning."""
    midnight = moment(2026, 11, 21)
    assert period("day", midnight).since == midnight


def test_a_day_is_a_day_of_utc_wherever_now_is_told() -> None:
    """The operator's zone does not move the books."""
    assert period("day", NOW.astimezone(timezone(timedelta(hours=14)))).since == moment(2026, 11, 21)


def test_a_week_is_seven_calendar_days_and_a_month_thirty() -> None:
    """Today counts as one of them."""
    assert period("week", NOW).since == moment(2026, 11, 15)
    assert period("month", NOW).since == moment(2026, 10, 23)


def test_a_span_of_dates_leaves_its_end_out() -> None:
    """So that two neighbouring months share no event."""
    assert period("2026-11-01..2026-12-01", NOW) == Period(moment(2026, 11, 1), moment(2026, 12, 1))


def test_a_span_of_times_is_utc_unless_it_says_otherwise() -> None:
    """An offset is honoured."""
    asked = period("2026-11-01T10:00..2026-11-01T12:00:00+01:00", NOW)
    assert asked == Period(moment(2026, 11, 1, 10), moment(2026, 11, 1, 11))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "yesterday",
        "2026-11-01",
        "2026-11-01..",
        "2026-13-01..2026-14-01",
        "2026-02-30..2026-03-01",
        "2026-11-02..2026-11-01",
        "2026-11-01..2026-11-01",
        "2025-11-01..2026-11-03",
        "0001-01-01T00:00+23:59..0001-01-02",
        "２０２６-11-01..2026-12-01",
        "2026-11-01..2026-12-01..2027-01-01",
    ],
)
def test_what_is_no_period_is_refused_with_an_example(text: str) -> None:
    """The message says what would have been right."""
    with pytest.raises(BadRequest, match="2026-11-01"):
        period(text, NOW)


@given(st.text(max_size=60))
def test_any_text_is_a_period_or_a_refusal(text: str) -> None:
    """Nothing else is raised."""
    with suppress(BadRequest):
        assert period(text, NOW).since < period(text, NOW).until
