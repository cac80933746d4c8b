"""Periods of time as people name them, one reading of them for REST, MCP and the reports."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from gateway.errors import BadRequest

PERIOD_DAYS_MAX: Final = 366
PERIOD_HELP: Final = (
    'A period is "day" (today so far), "week" (the last 7 calendar days), "month" (the last 30), or FROM..TO with ISO '
    "dates or times in UTC, TO not included, at most 366 days: 2026-11-01..2026-12-01 is November."
)
_NAMED_DAYS: Final = {"day": 1, "week": 7, "month": 30}
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


@dataclass(frozen=True, slots=True)
class Period:
    """From `since`, included, to `until`, not included; both aware UTC."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if not self.since < self.until <= self.since + timedelta(days=PERIOD_DAYS_MAX):
            raise BadRequest(f"This period is empty or longer than {PERIOD_DAYS_MAX} days. {PERIOD_HELP}")


def period(text: str, now: datetime) -> Period:
    """Read a period. Calendar days of UTC: "day" starts at the last midnight, "week" six days before that.

    Raises `BadRequest`, whose message says what would have been right.
    """
    if text in _NAMED_DAYS:
        midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
        since = midnight - timedelta(days=_NAMED_DAYS[text] - 1)
        return Period(since, max(now, since + timedelta(milliseconds=1)))
    first, dots, last = text.partition("..")
    if not dots:
        raise BadRequest(f"This is no period. {PERIOD_HELP}")
    try:
        return Period(moment(first), moment(last))
    except (ValueError, OverflowError):
        raise BadRequest(f"This is no period. {PERIOD_HELP}") from None


def moment(text: str) -> datetime:
    """A date is its first moment; a time without a zone is UTC. Raises `ValueError`, and `OverflowError` at the calendar's ends."""
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    if "T" not in text:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
