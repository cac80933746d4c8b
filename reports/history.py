"""The days before a period, by currency: what "usual" means, and what a forecast starts from.

A day's sums cannot change once it is over, so they are kept (`report_days`) and a month of reports reads each day's
transactions once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

from reports.flows import ByDay, Flow, read_flows
from reports.period import Period
from reports.reading import Document, Reading

DAYS: Final = 26 * 7
KEPT_AFTER: Final = timedelta(hours=1)
"""After a day's end; until then a batch that was stamped in it may still be written."""
_FIELDS: Final = ("gross", "refunded", "disputed", "paid_out", "transferred", "transactions")


async def read_history(reading: Reading) -> ByDay:
    """The `DAYS` before the period, as far back as the ledger goes; and its first day, whole, if the period began during it."""
    period = reading.asked.period
    days = await _days_before(reading, period)
    kept = {} if reading.asked.filtered else await _kept(reading, period.zone, days)
    history: ByDay = defaultdict(Flow)
    for day, flows in kept.items():
        for currency, flow in flows.items():
            history[currency, day] = flow
    for first, last in _runs(day for day in days if day not in kept):
        missing = Period(period.midnight(first), period.midnight(last + timedelta(days=1)), period.zone)
        found = (await read_flows(reading, missing, hours=False)).by_day
        history |= found
        if not reading.asked.filtered:
            await _keep(reading, missing, found)
    reading.step_done("the days before")
    return history


async def _days_before(reading: Reading, period: Period) -> list[date]:
    first = await reading.database["transactions"].find_one(reading.asked.transactions, {"at": 1}, sort=[("seq", 1)])
    begun = period.days[0]
    last = begun if begun in period.over and period.midnight(begun) < period.since else begun - timedelta(days=1)
    if first is None or first["at"] >= period.midnight(last + timedelta(days=1)):
        return []
    began = period.local(first["at"]).date()
    began = max(began, last - timedelta(days=DAYS - 1))
    return [began + timedelta(days=number) for number in range((last - began).days + 1)]


async def _kept(reading: Reading, zone: str, days: list[date]) -> dict[date, dict[str, Flow]]:
    found = reading.database["report_days"].find({"_id": {"$in": [_key(zone, day) for day in days]}})
    return {date.fromisoformat(each["day"]): _flows(each) async for each in found}


def _flows(kept: Document) -> dict[str, Flow]:
    return {each["currency"]: Flow(**{name: int(each[name]) for name in _FIELDS}) for each in kept["flows"]}


async def _keep(reading: Reading, period: Period, found: ByDay) -> None:
    for day in period.days:
        if _end(period, day) + KEPT_AFTER > reading.now:
            continue
        flows: list[dict[str, Any]] = [  # as text: a sum may pass 64 bits
            {"currency": currency, **{name: str(getattr(flow, name)) for name in _FIELDS}}
            for (currency, of), flow in sorted(found.items())
            if of == day
        ]
        kept = {"day": day.isoformat(), "flows": flows}
        await reading.database["report_days"].update_one({"_id": _key(period.zone, day)}, {"$set": kept}, upsert=True)


def _end(period: Period, day: date) -> datetime:
    return period.midnight(day + timedelta(days=1))


def _key(zone: str, day: date) -> str:
    return f"{zone}:{day}"


def _runs(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Neighbouring days together, as first and last."""
    run: tuple[date, date] | None = None
    for day in days:
        if run and day == run[1] + timedelta(days=1):
            run = run[0], day
        else:
            if run:
                yield run
            run = day, day
    if run:
        yield run
