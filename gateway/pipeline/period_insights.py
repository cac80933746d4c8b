"""The days that are over become insights: of each wallet, of the business; with its last day also a week and a month.

Beside the writer, one day a turn, the oldest first, added up inside MongoDB. A day is computed `GRACE` after its end, when nothing
is booked into it any more, and written once; `marks` says up to which day everything is computed, so a pass goes on where
the one before it ended, and a gateway that was off for a week catches up. What it writes depends on nothing but what is stored.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from structlog import get_logger

from gateway.analysis.forecast import HISTORY_DAYS_MAX
from gateway.clock import Clock, pause, system_clock, utc
from gateway.insights import business, wallet_weeks
from gateway.insights.business import added_up, computed, day_findings, period_findings, whole
from gateway.insights.day_figures import day_figures
from gateway.insights.inactivity import HISTORY_DAYS, inactivity
from gateway.insights.period_store import ALL, NAME, business_days, write_many_once, write_once
from gateway.insights.wallet_weeks import WalletDay, week_findings
from gateway.monitoring.passes import Turns
from gateway.unhurried import unhurried

Database = AsyncDatabase[dict[str, Any]]
log = get_logger(__name__)

GRACE: Final = timedelta(minutes=5)
"""After midnight: a batch that was begun before it is written by then."""
LOOK_EVERY_S: Final = 60.0
PAUSE_S: Final = 0.5
"""Between two days while several are due."""
WALLETS_MAX: Final = 5_000
"""Wallets that a week is told of: those with the most payments in the half year that ends with it."""
NARRATED_WITHIN: Final = timedelta(days=2)
BREATH_S: Final = 0.02
_CHUNK: Final = 100
_MARK: Final = "period_insights"
_DAY: Final = timedelta(days=1)


async def compute_regularly(
    database: Database, stop: asyncio.Event, *, narrate: bool, clock: Clock = system_clock
) -> None:
    """Until `stop`; survives a MongoDB that is away, and a day that is odd. `narrate`: whether a model is configured that may be
    asked for prose."""
    turns = Turns(database, "insights", clock)
    while not stop.is_set():
        more = await turns.take(_turn(database, utc(clock()), narrate=narrate), otherwise=False)
        await pause(stop, PAUSE_S if more else LOOK_EVERY_S)


async def _turn(database: Database, now: datetime, *, narrate: bool) -> bool:
    """One day, if one is due and no other worker is at it. Whether there may be more at once."""
    if not await _claim(database, now=now) or await compute_next_day(database, now=now, narrate=narrate) is None:
        return False
    await _free(database)
    return True


async def compute_next_day(
    database: Database, *, now: datetime, narrate: bool = False, last: date | None = None
) -> date | None:
    """The oldest day that is over and not computed yet, up to `last`; None when there is none."""
    day = await _next_day(database)
    if day is None or _midnight(day + _DAY) + GRACE > now or (last is not None and day > last):
        return None
    await _wallet_days(database, day, now)
    await _business_day(database, day, now, narrate=narrate)
    if day.weekday() == 6:
        await _business_period(database, "week", day - timedelta(days=6), day, now, narrate=narrate)
        await _wallet_weeks(database, day, now)
    if (day + _DAY).day == 1:
        await _business_period(database, "month", day.replace(day=1), day, now, narrate=narrate)
    await database["marks"].update_one({"_id": _MARK}, {"$max": {"day": day.isoformat()}}, upsert=True)
    log.info("day_computed", day=day.isoformat())
    return day


async def _next_day(database: Database) -> date | None:
    mark = await database["marks"].find_one({"_id": _MARK})
    if mark:
        return date.fromisoformat(mark["day"]) + _DAY
    first = await database["transactions"].find_one({}, {"at": 1}, sort=[("seq", 1)])
    if first is None:
        return None
    last = await database["transactions"].find_one({}, {"at": 1}, sort=[("seq", -1)])
    begun: date = first["at"].date()
    latest: date = (last or first)["at"].date()
    return max(begun, latest - timedelta(days=HISTORY_DAYS_MAX))


async def _wallet_days(database: Database, day: date, now: datetime) -> None:
    """One document per wallet that was active, made and written inside MongoDB."""
    since, until = _midnight(day), _midnight(day + _DAY)
    subject = {"$concat": ["$_id.currency", ":", "$_id.wallet"]}
    group = {
        "_id": {"currency": "$currency", "wallet": "$wallet"},
        "payments": {"$sum": 1},
        "amount_minor": {"$sum": {"$toDecimal": "$amount_minor"}},
        "squares": {"$sum": {"$pow": [{"$toDouble": "$amount_minor"}, 2]}},
        "score_max": {"$max": "$score"},
        "scored": {"$sum": {"$cond": [{"$isNumber": "$score"}, 1, 0]}},
    }
    told = {
        "_id": {"$concat": ["wallet:", subject, ":day:", day.isoformat()]},
        "level": "wallet",
        "subject": subject,
        "period": "day",
        "name": day.isoformat(),
        "since": since,
        "until": until,
        "at": now,
        **dict.fromkeys(("payments", "amount_minor", "squares", "score_max", "scored"), 1),
        "rests_on": {"events": "$payments", "since": since, "until": until, "version": wallet_weeks.VERSION},
    }
    literal = {name: {"$literal": told[name]} for name in ("level", "period", "name")}
    stages: list[dict[str, Any]] = [
        {"$match": {"at": {"$gte": since, "$lt": until}, "currency": {"$nin": ["", None]}, "wallet": {"$ne": ""}}},
        {"$group": group},
        {"$project": told | literal},
        {"$merge": {"into": NAME, "on": "_id", "whenMatched": "keepExisting", "whenNotMatched": "insert"}},
    ]
    await (await database["insights"].aggregate(stages, allowDiskUse=True)).to_list()


async def _business_day(database: Database, day: date, now: datetime, *, narrate: bool) -> None:
    since, until = _midnight(day), _midnight(day + _DAY)
    figures = await day_figures(database, since, until, now=now)
    before = await business_days(database, since - timedelta(days=HISTORY_DAYS_MAX - 1), since)
    past = [(each["since"].date(), each["figures"]) for each in before]
    findings = await asyncio.to_thread(day_findings, day, figures, past)
    days = findings.pop("days")
    rests_on = _rests_on(figures, past[0][0] if past else day, until, days)
    head = computed("business", ALL, "day", day.isoformat(), since=since, until=until)
    body = {"figures": figures, **findings, "rests_on": rests_on}
    await write_once(database, {**head, "at": now, **body, **_to_narrate(until, now, narrate=narrate)})


async def _business_period(
    database: Database, period: str, first: date, last: date, now: datetime, *, narrate: bool
) -> None:
    """A week or month, from its days; of the one before too, where all of its days are stored."""
    days = await business_days(database, _midnight(first), _midnight(last + _DAY))
    before_first = first - timedelta(days=7) if period == "week" else (first - _DAY).replace(day=1)
    before = await business_days(database, _midnight(before_first), _midnight(first))
    whole_before = len(before) == (first - before_first).days
    figures = added_up([each["figures"] for each in days])
    findings = period_findings(figures, added_up([each["figures"] for each in before]) if whole_before else None, days)
    name = f"{first.isocalendar().year}-W{first.isocalendar().week:02}" if period == "week" else f"{first:%Y-%m}"
    since, until = _midnight(first), _midnight(last + _DAY)
    rests_on = _rests_on(figures, before_first if whole_before else days[0]["since"].date(), until, len(days))
    head = computed("business", ALL, period, name, since=since, until=until)
    body = {"figures": figures, **findings, "rests_on": rests_on}
    await write_once(database, {**head, "at": now, **body, **_to_narrate(until, now, narrate=narrate)})


def _rests_on(figures: dict[str, Any], since: date, until: datetime, days: int) -> dict[str, Any]:
    counted = {name: figures[name] for name in ("events", "transactions", "scored")}
    return {**counted, "days": days, "since": _midnight(since), "until": until, "version": business.VERSION}


def _to_narrate(until: datetime, now: datetime, *, narrate: bool) -> dict[str, Any]:
    """Whether a model is asked for prose: not about what is long past, when a gateway catches up on a year."""
    if not narrate:
        return {"narrative": {"status": "absent", "reason": "no_model_key"}}
    if now - until > NARRATED_WITHIN:
        return {"narrative": {"status": "absent", "reason": "long_past"}}
    return {"narrative": {"status": "pending"}, "narrate": int(now.timestamp() * 1000)}


async def _wallet_weeks(database: Database, last: date, now: datetime) -> None:
    """Of the wallets with the most payments, so many and no more."""
    since, until = _midnight(last - timedelta(days=6)), _midnight(last + _DAY)
    known = {"level": "wallet", "period": "day", "since": {"$gte": until - timedelta(days=HISTORY_DAYS), "$lt": until}}
    busiest: list[dict[str, Any]] = [
        {"$match": known},
        {"$group": {"_id": "$subject", "payments": {"$sum": "$payments"}}},
        {"$sort": {"payments": -1, "_id": 1}},
        {"$limit": WALLETS_MAX},
    ]
    subjects = [each["_id"] async for each in await database[NAME].aggregate(busiest, allowDiskUse=True)]
    active: dict[str, list[int]] = {}
    async for histories in _histories(database, subjects, until):
        active |= {subject: [each.day.toordinal() for each in days] for subject, days in histories.items()}
    inactive = await asyncio.to_thread(inactivity, active, last.toordinal())
    year, week, _ = last.isocalendar()
    async for histories in _histories(database, subjects, until):
        told = []
        async for subject, days in unhurried(list(histories.items())):
            head = computed("wallet", subject, "week", f"{year}-W{week:02}", since=since, until=until)
            rests_on = {
                "events": sum(each.payments for each in days),
                "since": _midnight(days[0].day),
                "until": until,
                "version": wallet_weeks.VERSION,
            }
            told.append({**head, "at": now, **week_findings(subject, days, last, inactive), "rests_on": rests_on})
        await write_many_once(database, told)


async def _histories(
    database: Database, subjects: list[str], until: datetime
) -> AsyncIterator[dict[str, list[WalletDay]]]:
    """The wallets' days of the last half year, some wallets at a time, with a breath between for the writer."""
    since = until - timedelta(days=HISTORY_DAYS)
    for start in range(0, len(subjects), _CHUNK):
        of = {
            "subject": {"$in": subjects[start : start + _CHUNK]},
            "period": "day",
            "since": {"$gte": since, "$lt": until},
        }
        fields = {"_id": 0, "subject": 1, "since": 1, "payments": 1, "amount_minor": 1, "squares": 1}
        days: defaultdict[str, list[WalletDay]] = defaultdict(list)
        async for row in unhurried(await database[NAME].find(of, fields).sort("since", 1).to_list()):
            day = WalletDay(row["since"].date(), row["payments"], whole(row["amount_minor"]), row["squares"])
            days[row["subject"]].append(day)
        yield days
        await asyncio.sleep(BREATH_S)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


async def _claim(database: Database, *, now: datetime) -> bool:
    """Whether this turn is ours: of several workers, one looks at a time."""
    with suppress(DuplicateKeyError):  # every time but the first
        await database["leases"].update_one({"_id": _MARK}, {"$setOnInsert": {"next_at": now}}, upsert=True)
    due = {"_id": _MARK, "next_at": {"$lte": now}}
    change = {"$set": {"next_at": now + timedelta(seconds=LOOK_EVERY_S / 2)}}
    return (await database["leases"].update_one(due, change)).modified_count == 1


async def _free(database: Database) -> None:
    """There is more: the next turn may be taken at once, by whoever comes."""
    await database["leases"].update_one({"_id": _MARK}, {"$set": {"next_at": datetime(1970, 1, 1, tzinfo=UTC)}})
