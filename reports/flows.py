"""What was booked, added up by day, hour, source, kind and currency: read a few days at a time, kept as sums.

One pass over the period's transactions feeds the tables by day and by source, the rates, the heat of the week and the
comparison. A slice is a query of its own, so the bar moves, MongoDB is never busy for long, and the time grows with the days.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from reports.period import Period
from reports.reading import Document, Pipeline, Reading, minor, whole

SLICES_MAX: Final = 31

MEASURES: Final = MappingProxyType(
    {
        "capture": ("gross", 1),
        "refund": ("refunded", 1),
        "refund_failed": ("refunded", -1),
        "dispute_withdrawn": ("disputed", 1),
        "dispute_reinstated": ("disputed", -1),
        "payout_done": ("paid_out", 1),
        "payout_return": ("paid_out", -1),
        "transfer": ("transferred", 1),
    }
)
"""What each kind of transaction adds to, and with which sign; the other kinds move no money between accounts."""
HELD_ONLY: Final = frozenset({"dispute_opened", "dispute_released", "payout_requested", "payout_released"})


@dataclass(slots=True)
class Flow:
    """Minor units of one currency."""

    gross: int = 0
    refunded: int = 0
    disputed: int = 0
    paid_out: int = 0
    transferred: int = 0
    transactions: int = 0

    @property
    def net(self) -> int:
        """What stayed of what customers paid. Payouts and transfers are what owners do with it."""
        return self.gross - self.refunded - self.disputed

    def add(self, kind: str, amount_minor: int, transactions: int) -> None:
        self.transactions += transactions
        if kind in MEASURES:
            name, sign = MEASURES[kind]
            setattr(self, name, getattr(self, name) + sign * amount_minor)


ByDay = dict[tuple[str, date], Flow]
"""By currency and day of the zone."""


@dataclass(slots=True)
class Flows:
    by_day: ByDay = field(default_factory=lambda: defaultdict(Flow))
    by_source: dict[tuple[str, str], Flow] = field(default_factory=lambda: defaultdict(Flow))
    hours: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Payments captured, by day of the week (Monday is 1) and hour of the zone."""
    unknown_kinds: set[str] = field(default_factory=set)

    @property
    def currencies(self) -> list[str]:
        return sorted({currency for currency, _ in self.by_source})

    def add(self, row: Document) -> None:
        key, amount, transactions = row["_id"], whole(row["minor"]), row["n"]
        currency, day, kind = key["currency"], date.fromisoformat(key["day"]), key["kind"]
        self.by_day[currency, day].add(kind, amount, transactions)
        self.by_source[currency, key["source"]].add(kind, amount, transactions)
        if kind == "capture" and "hour" in key:
            self.hours[key["weekday"], key["hour"]] += transactions
        if kind not in MEASURES and kind not in HELD_ONLY:
            self.unknown_kinds.add(kind)


async def read_flows(reading: Reading, period: Period, *, hours: bool = True) -> Flows:
    """Of the transactions booked in the period that the filters let through."""
    flows = Flows()
    for since, until in slices(period):
        for row in await reading.rows("transactions", await _pipeline(reading, since, until, period.zone, hours=hours)):
            flows.add(row)
        reading.step_done("booked")
    return flows


def slices(period: Period, slices_max: int = SLICES_MAX) -> Iterator[tuple[datetime, datetime]]:
    """The period in at most so many parts of whole days."""
    days = period.days
    each = -(-len(days) // slices_max)
    starts = [period.since, *(period.midnight(day) for day in days[each::each])]
    return zip(starts, [*starts[1:], period.until], strict=True)


async def _pipeline(reading: Reading, since: datetime, until: datetime, zone: str, *, hours: bool) -> Pipeline:
    """The kind "state" is left out: an object's state changed and no money moved."""
    wanted = await reading.transactions(gte=since, lt=until) | {"kind": {"$ne": "state"}}
    local = {"date": "$at", "timezone": zone}
    key: Document = {
        "currency": "$currency",
        "source": "$source",
        "kind": "$kind",
        "day": {"$dateToString": {"format": "%Y-%m-%d", **local}},
    }
    if hours:
        key |= {"hour": {"$hour": local}, "weekday": {"$isoDayOfWeek": local}}
    return [{"$match": wanted}, {"$group": {"_id": key, "minor": minor("$amount_minor"), "n": {"$sum": 1}}}]


def summed(flows: Iterable[Flow]) -> Flow:
    total = Flow()
    for each in flows:
        for name in ("gross", "refunded", "disputed", "paid_out", "transferred", "transactions"):
            setattr(total, name, getattr(total, name) + getattr(each, name))
    return total
