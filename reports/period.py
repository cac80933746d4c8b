"""Periods as finance staff name them, in the report's time zone: a day, week, month, quarter, or FROM..TO."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.errors import BadRequest, CannotStart

DAYS_MAX: Final = 366
PERIOD_HELP: Final = (
    "A period is day, week, month or quarter (the present one so far), last-day, last-week, last-month or last-quarter "
    "(the whole one before), 2026-11-21, 2026-W47, 2026-11, 2026-Q4, or FROM..TO with ISO dates or times, TO not "
    f"included, at most {DAYS_MAX} days: 2026-11-01..2026-12-01 is November."
)
UNITS: Final = ("day", "week", "month", "quarter")
_LOOKED_BACK: Final = timedelta(days=2 * DAYS_MAX)
"""At most, before a period: for what it is compared with and for the days before it. The calendar has to have them."""

_WEEK: Final = re.compile(r"([0-9]{4})-W([0-9]{2})")
_QUARTER: Final = re.compile(r"([0-9]{4})-Q([1-4])")
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


@dataclass(frozen=True, slots=True)
class Period:
    """From `since`, included, to `until`, not included, both aware UTC; `zone` says where its days begin."""

    since: datetime
    until: datetime
    zone: str
    unit: str = "range"

    def __post_init__(self) -> None:
        if not self.since < self.until <= self.since + timedelta(days=DAYS_MAX, hours=2):
            raise BadRequest(f"This period is empty or longer than {DAYS_MAX} days. {PERIOD_HELP}")

    @property
    def days(self) -> tuple[date, ...]:
        """Every calendar day of the zone that the period touches."""
        first, last = self.local(self.since).date(), self.local(self.until - timedelta(milliseconds=1)).date()
        return tuple(first + timedelta(days=number) for number in range((last - first).days + 1))

    @property
    def over(self) -> tuple[date, ...]:
        """Those of its days that end in it: only the first of them may have begun before it."""
        return tuple(day for day in self.days if self.midnight(day + timedelta(days=1)) <= self.until)

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(zone_of(self.zone))

    def midnight(self, day: date) -> datetime:
        """The day's first moment, as UTC."""
        return _midnight(day, zone_of(self.zone))

    @property
    def whole_days(self) -> bool:
        return all(self.local(each).time() == time() for each in (self.since, self.until))

    @property
    def words(self) -> str:
        """Whole days by their dates, the last one included; anything else to the minute."""
        since, until = self.local(self.since), self.local(self.until)
        if self.whole_days:
            last = self.days[-1]
            return day_words(since.date()) if len(self.days) == 1 else f"{day_words(since.date())} to {day_words(last)}"
        last_day = "" if until.date() == since.date() else f"{day_words(until.date())}, "
        return f"{day_words(since.date())}, {since:%H:%M} to {last_day}{until:%H:%M}"

    @property
    def name(self) -> str:
        """For file names: no colon, for the sake of file systems."""
        since, until = self.local(self.since), self.local(self.until)
        if self.whole_days:
            return f"{since:%Y-%m-%d}--{until:%Y-%m-%d}"
        day = "%Y-%m-%d"
        moment = f"{day}T%H%M%S"
        return f"{since:{day if since.time() == time.min else moment}}--{until:{moment}}"

    def previous(self) -> "Period":
        """What a comparison is with: the calendar unit before, as much of it as this one has; for FROM..TO as many days."""
        zone = zone_of(self.zone)
        first = self.local(self.since).date()
        if self.unit in UNITS:
            before = _first_of(self.unit, first - timedelta(days=1))
            since = _midnight(before, zone)
            whole = self.until >= _midnight(_next(self.unit, first), zone)
            until = self.since if whole else min(self.since, since + (self.until - self.since))
        elif self.whole_days:
            since, until = _midnight(first - timedelta(days=len(self.days)), zone), self.since
        else:
            since, until = self.since - (self.until - self.since), self.since
        return Period(since, until, self.zone, self.unit)


def day_words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name such as Europe/Berlin. Raises `CannotStart`."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CannotStart(
            f"REPORT_TIMEZONE: {name!r} is no time zone; write one as Europe/Berlin, Asia/Kolkata or UTC."
        ) from None


def read_period(text: str, now: datetime, zone: str) -> Period:
    """Raises `BadRequest`, whose message says what would have been right."""
    try:
        found = _read(text, now, zone)
        if found.since - datetime.min.replace(tzinfo=UTC) < _LOOKED_BACK:
            raise ValueError(text)
    except (ValueError, OverflowError, KeyError):
        raise BadRequest(f"{text[:60]!r} is no period. {PERIOD_HELP}") from None
    return found


def _read(text: str, now: datetime, zone: str) -> Period:
    where = zone_of(zone)
    today = now.astimezone(where).date()
    if text in UNITS:
        since = _midnight(_first_of(text, today), where)
        return Period(since, max(now, since + timedelta(milliseconds=1)), zone, text)
    if text == "yesterday" or text.startswith("last-"):
        return _calendar("day" if text == "yesterday" else text.removeprefix("last-"), today, zone)
    if ".." in text:
        first, _, last = text.partition("..")
        return Period(_moment(first, where), _moment(last, where), zone)
    return _named(text, zone)


def _calendar(unit: str, today: date, zone: str) -> Period:
    """The whole unit before the present one."""
    present = _first_of(unit, today)
    where = zone_of(zone)
    before = _first_of(unit, present - timedelta(days=1))
    return Period(_midnight(before, where), _midnight(present, where), zone, unit)


def _named(text: str, zone: str) -> Period:
    if found := _WEEK.fullmatch(text):
        unit, first = "week", date.fromisocalendar(int(found[1]), int(found[2]), 1)
    elif found := _QUARTER.fullmatch(text):
        unit, first = "quarter", date(int(found[1]), 3 * int(found[2]) - 2, 1)
    elif _MONTH.fullmatch(text):
        unit, first = "month", date.fromisoformat(f"{text}-01")
    elif _DATE.fullmatch(text):
        unit, first = "day", date.fromisoformat(text)
    else:
        raise ValueError(text)
    where = zone_of(zone)
    return Period(_midnight(first, where), _midnight(_next(unit, first), where), zone, unit)


def _first_of(unit: str, day: date) -> date:
    return {
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
    }[unit]


def _next(unit: str, first: date) -> date:
    """The first day of the unit after the one that starts with `first`."""
    longer = {"day": 1, "week": 7, "month": 31, "quarter": 92}[unit]
    return _first_of(unit, first + timedelta(days=longer))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _moment(text: str, zone: tzinfo) -> datetime:
    """A date is its first moment; a time without a zone is the report's. Raises `ValueError`."""
    if _DATE.fullmatch(text):
        return _midnight(date.fromisoformat(text), zone)
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
