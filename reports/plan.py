"""When a report is made regularly: what `gateway report --every` or the settings say, and when it is next due."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from pymongo.errors import DuplicateKeyError

from gateway.errors import BadRequest
from gateway.queries.reading import Database
from gateway.settings import Settings
from reports.period import read_period, zone_of

_NAME: Final = "plan"
COLLECTION: Final = "report_plans"
DUE: Final = "due"
_ONE_DAY: Final = timedelta(days=1)
_TIME_OF_DAY: Final = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
"""`fromisoformat` also takes T0600, and from Python 3.14 on 24:00."""


class Every(StrEnum):
    """The report is of the last whole one before the moment it is due."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Plan:
    every: Every
    at: time
    zone: str

    @property
    def told(self) -> dict[str, str]:
        """As it is stored."""
        return {"every": self.every.value, "at": self.at.strftime("%H:%M"), "zone": self.zone}


async def store_plan(database: Database, plan: Plan, *, now: datetime) -> None:
    """What the command says stands above the settings; the worker sees it within a minute, and what is due before that is due."""
    await database[COLLECTION].update_one({"_id": _NAME}, {"$set": plan.told}, upsert=True)
    await begin(database, plan, now=now)


async def remove_plan(database: Database) -> None:
    """Never, also where the settings say otherwise. The same plan told again begins anew."""
    await database[COLLECTION].update_one({"_id": _NAME}, {"$set": {"every": "never"}}, upsert=True)
    await database[COLLECTION].delete_one({"_id": DUE})


async def begin(database: Database, plan: Plan, *, now: datetime) -> None:
    """Note when it is due next, unless that is noted: another plan than the one before begins now."""
    noted = {"plan": plan.told, "next_at": next_due(plan, now)}
    with suppress(DuplicateKeyError):  # every time but the first
        await database[COLLECTION].update_one({"_id": DUE}, {"$setOnInsert": noted}, upsert=True)
    await database[COLLECTION].update_one({"_id": DUE, "plan": {"$ne": plan.told}}, {"$set": noted})


async def read_plan(database: Database, settings: Settings) -> Plan | None:
    """What was told last by the command, else what the settings say; None: no report is made regularly."""
    told = await database[COLLECTION].find_one({"_id": _NAME})
    if told is not None and "every" in told:
        every, at, zone = told["every"], told.get("at", settings.report_at), told.get("zone", settings.report_timezone)
    else:
        every, at, zone = settings.report_every, settings.report_at, settings.report_timezone
    return None if every in ("", "never") else Plan(Every(every), read_time(at), zone)


def read_time(text: str) -> time:
    """A time of day as 06:00. Raises `BadRequest`."""
    if not _TIME_OF_DAY.fullmatch(text):
        raise BadRequest(f"{text[:20]!r} is no time of day; write --at 06:00.")
    return time.fromisoformat(text)


def next_due(plan: Plan, now: datetime) -> datetime:
    """The first moment after `now`, as UTC: each day, each Monday, or each first of a month, at the plan's time of its zone."""
    day = now.astimezone(zone_of(plan.zone)).date()
    while not (_is_day(plan.every, day) and _moment(plan, day) > now):
        day += _ONE_DAY
    return _moment(plan, day)


def last_due(plan: Plan, now: datetime) -> datetime:
    """The last such moment that is not after `now`."""
    day = now.astimezone(zone_of(plan.zone)).date()
    while not (_is_day(plan.every, day) and _moment(plan, day) <= now):
        day -= _ONE_DAY
    return _moment(plan, day)


def period_due(plan: Plan, due: datetime) -> str:
    """The last whole day, week or month before a due moment, by its own name: it stays the same whenever the report is made."""
    since = read_period(f"last-{plan.every.value}", due, plan.zone).since.astimezone(zone_of(plan.zone))
    return since.strftime({Every.DAY: "%Y-%m-%d", Every.WEEK: "%G-W%V", Every.MONTH: "%Y-%m"}[plan.every])


def _moment(plan: Plan, day: date) -> datetime:
    return datetime.combine(day, plan.at, zone_of(plan.zone)).astimezone(UTC)


def _is_day(every: Every, day: date) -> bool:
    return {Every.DAY: True, Every.WEEK: day.weekday() == 0, Every.MONTH: day.day == 1}[every]
