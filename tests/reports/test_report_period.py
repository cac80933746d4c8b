"""Periods as people name them, in their own time zone."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadRequest, CannotStart
from reports.flows import slices
from reports.period import Period, read_period

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("day", "2026-11-21T00:00", "2026-11-21T12:30"),
        ("week", "2026-11-16T00:00", "2026-11-21T12:30"),
        ("month", "2026-11-01T00:00", "2026-11-21T12:30"),
        ("quarter", "2026-10-01T00:00", "2026-11-21T12:30"),
        ("yesterday", "2026-11-20T00:00", "2026-11-21T00:00"),
        ("last-day", "2026-11-20T00:00", "2026-11-21T00:00"),
        ("last-week", "2026-11-09T00:00", "2026-11-16T00:00"),
        ("last-month", "2026-10-01T00:00", "2026-11-01T00:00"),
        ("last-quarter", "2026-07-01T00:00", "2026-10-01T00:00"),
        ("2026-02-28", "2026-02-28T00:00", "2026-03-01T00:00"),
        ("2026-W01", "2025-12-29T00:00", "2026-01-05T00:00"),
        ("2028-02", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("2026-Q4", "2026-10-01T00:00", "2027-01-01T00:00"),
        ("2026-11-01..2026-12-01", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("2026-11-01T06:00..2026-11-01T07:30:15Z", "2026-11-01T06:00", "2026-11-01T07:30:15"),
    ],
)
def test_a_period_is_what_its_name_says(text: str, since: str, until: str) -> None:
    period = read_period(text, NOW, "UTC")
    assert period.since == datetime.fromisoformat(f"{since}+00:00")
    assert period.until == datetime.fromisoformat(f"{until}+00:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "year",
        "last-",
        "last-year",
        "2026-13",
        "2026-W54",
        "2026-Q5",
        "2026-11-31",
        "2026-11-01..",
        "..",
        "1..2",
        "\x00",
    ],
)
def test_what_is_no_period_gets_a_sentence_with_what_would_be(text: str) -> None:
    with pytest.raises(BadRequest, match="is November"):
        read_period(text, NOW, "UTC")


@pytest.mark.parametrize("text", ["2026-11-02..2026-11-02", "2026-11-02..2026-11-01", "2020-01-01..2026-01-01"])
def test_an_empty_or_endless_period_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="empty or longer"):
        read_period(text, NOW, "UTC")


@pytest.mark.parametrize("text", ["0001-01-01..0001-02-01", "0001-01", "0001-W01", "0001-Q2", "0002-12-31"])
def test_a_period_with_too_little_calendar_before_it_is_refused(text: str) -> None:
    """There is nothing to compare it with, nor days that lead to it."""
    with pytest.raises(BadRequest, match="is November"):
        read_period(text, NOW, "UTC")


def test_a_day_begins_at_the_zone_s_midnight() -> None:
    """Also on the day that has 25 hours."""
    berlin = read_period("2026-10-25", NOW, "Europe/Berlin")
    assert (berlin.since, berlin.until) == (
        datetime(2026, 10, 24, 22, tzinfo=UTC),
        datetime(2026, 10, 25, 23, tzinfo=UTC),
    )
    assert berlin.days == (date(2026, 10, 25),)
    assert read_period("day", NOW, "Asia/Kolkata").since == datetime(2026, 11, 20, 18, 30, tzinfo=UTC)


def test_a_zone_that_is_none_says_how_to_write_one() -> None:
    with pytest.raises(CannotStart, match="REPORT_TIMEZONE"):
        read_period("day", NOW, "Mars/Olympus")


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11", "2026-10-01T00:00", "2026-11-01T00:00"),
        ("2026-W47", "2026-11-09T00:00", "2026-11-16T00:00"),
        ("2026-Q4", "2026-07-01T00:00", "2026-10-01T00:00"),
        ("2026-03-01..2026-03-11", "2026-02-19T00:00", "2026-03-01T00:00"),
        ("month", "2026-10-01T00:00", "2026-10-21T12:30"),
        ("day", "2026-11-20T00:00", "2026-11-20T12:30"),
    ],
)
def test_the_period_before_is_the_unit_before_as_far_as_this_one_has_come(text: str, since: str, until: str) -> None:
    before = read_period(text, NOW, "UTC").previous()
    assert before.since == datetime.fromisoformat(f"{since}+00:00")
    assert before.until == datetime.fromisoformat(f"{until}+00:00")


@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2050, 1, 1)),
    st.integers(min_value=1, max_value=365 * 24),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
)
def test_slices_cover_the_period_once(since: datetime, hours: int, zone: str) -> None:
    """Whatever the zone and its clock changes: no moment is left out and none is read twice."""
    period = Period(since.replace(tzinfo=UTC), since.replace(tzinfo=UTC) + timedelta(hours=hours), zone)
    parts = list(slices(period))
    assert parts[0][0] == period.since
    assert parts[-1][1] == period.until
    assert all(first[1] == second[0] for first, second in pairwise(parts))
    assert all(start < end for start, end in parts)
    assert len(parts) <= 31


def test_the_words_name_the_last_day_that_is_in_it() -> None:
    assert read_period("2026-11", NOW, "UTC").words == "1 November 2026 to 30 November 2026"
    assert read_period("2026-11-05", NOW, "UTC").words == "5 November 2026"
    assert read_period("day", NOW, "UTC").words == "21 November 2026, 00:00 to 12:30"
