"""Text from outside, and the steps of a series."""

import unicodedata
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from reports.collect import step_of
from reports.rows import CHARS_MAX, shown, starts


def test_a_direction_mark_is_spelled_out() -> None:
    """U+202E turns around what follows it: a sender could make one name look like another."""
    assert shown("pay\u202eecila") == "pay\\u202eecila"


def test_long_text_is_cut_and_says_so() -> None:
    assert shown("x" * 5_000) == "x" * (CHARS_MAX - 1) + "…"


@given(st.text())
def test_nothing_invisible_is_shown(text: str) -> None:
    """Whatever the text: no control, format, surrogate or unassigned character, and bounded."""
    clean = shown(text)
    assert not [char for char in clean if unicodedata.category(char).startswith("C")]
    assert len(clean) <= CHARS_MAX * 10


def test_a_day_is_shown_by_the_hour() -> None:
    since, until = datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)
    assert step_of(since, until) == "hour"
    assert len(starts(since, until, "hour")) == 24


def test_a_month_is_shown_by_the_day() -> None:
    since, until = datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)
    assert step_of(since, until) == "day"
    assert len(starts(since, until, "day")) == 29


def test_a_year_is_shown_by_the_month_from_the_first_of_each() -> None:
    """A period that starts within a month begins with that month's step, as MongoDB truncates."""
    since, until = datetime(2026, 1, 31, 7, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert step_of(since, until) == "month"
    assert starts(since, until, "month") == tuple(datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13))
