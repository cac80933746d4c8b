"""What is unusual and what is expected is told from whole days, wherever in a day the period begins and ends."""

from typing import Any

import pytest

from reports.table import by_key, to_document

TABLES = ("anomalies", "forecast", "forecast_quality")


@pytest.mark.parametrize(
    ("parted", "whole"),
    [
        ("2026-10-05T09:30..2026-10-19T15:00", "2026-10-05..2026-10-19"),
        ("2026-10-05T00:00..2026-10-19T00:01", "2026-10-05..2026-10-19"),
        ("2026-10-05T23:59..2026-10-19", "2026-10-05..2026-10-19"),
    ],
)
def test_a_part_of_a_day_is_no_small_day(weeks: Any, parted: str, whole: str) -> None:
    """The first day is taken whole, the last one is left out."""
    found, expected = (by_key(weeks.collect(weeks.asked(each)).tables) for each in (parted, whole))
    for name in TABLES:
        assert to_document(found[name]) == to_document(expected[name]), name
    assert len(expected["forecast"].rows) > 14


def test_a_few_hours_are_told_from_the_days_before(weeks: Any) -> None:
    """None of them is over."""
    found = by_key(weeks.collect(weeks.asked("2026-10-19T09:00..2026-10-19T15:00")).tables)
    assert len(found["anomalies"].rows) == 0
    days = [row["day"].isoformat() for row in found["forecast"].records() if row["expected"] is not None]
    assert days[0] == "2026-10-19"
