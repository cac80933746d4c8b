"""What came in and went back, step by step through a period, per currency, beside the period of the same length before it."""

from collections import defaultdict
from datetime import datetime
from typing import Any, Final, Literal

from bson import Decimal128

from gateway.booked import booked
from gateway.money import decimal_text
from gateway.queries.counted import within
from gateway.queries.period import Period
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within

Breakdown = Literal["day", "week", "month"]
STEPS_MAX: Final = 400
"""Rows of one answer: a year of days, and some."""
_SIGN: Final = {"capture": 1, "refund": -1, "refund_failed": 1, "dispute_withdrawn": -1, "dispute_reinstated": 1}


class RevenueStep(Answer):
    """One step of one currency; `net` is what was captured and returned less what was refunded and lost in disputes."""

    since: datetime
    currency: str
    captured: str
    captured_minor: int
    captured_count: int
    returned: str
    """Refunded or withdrawn by disputes, less what of it came back."""
    returned_minor: int
    net: str
    net_minor: int


class RevenueTotal(Answer):
    """The whole period of one currency, and the net of the period of the same length before it."""

    currency: str
    captured: str
    captured_minor: int
    captured_count: int
    average: str | None
    average_minor: int | None
    """Of one capture, rounded down; null without captures."""
    net: str
    net_minor: int
    net_before: str
    net_before_minor: int
    change_percent: float | None
    """Of the net against the period before; null when that was nothing."""


class Revenue(Answer):
    """`truncated` when there were more steps than an answer holds: ask for a longer breakdown."""

    since: datetime
    until: datetime
    breakdown: str
    totals: list[RevenueTotal]
    steps: list[RevenueStep]
    truncated: bool
    transactions: int


async def revenue(
    database: Database,
    period: Period,
    *,
    breakdown: Breakdown = "day",
    currency: str | None = None,
    within_s: float = READ_S_MAX,
) -> Revenue:
    """By the time of booking. Raises `StoreUnavailable` when the period holds more than can be added up in time."""
    before = _before(period)
    with answered_within(within_s):
        groups = await _groups(database, period, breakdown, currency)
        earlier = await _groups(database, before, "month", currency) if before else []
    net_before: dict[str, int] = defaultdict(int)
    for group in earlier:
        net_before[group["_id"]["currency"]] += _signed(group)
    steps = _steps(groups)
    return Revenue(
        since=period.since,
        until=period.until,
        breakdown=breakdown,
        totals=_totals(steps, net_before),
        steps=steps[:STEPS_MAX],
        truncated=len(steps) > STEPS_MAX,
        transactions=sum(group["count"] for group in groups),
    )


def _before(period: Period) -> Period | None:
    """As long, and right before; none where the calendar has not begun."""
    try:
        return Period(period.since - (period.until - period.since), period.since)
    except OverflowError:
        return None


async def _groups(database: Database, period: Period, unit: str, currency: str | None) -> list[Document]:
    """Added as decimals: MongoDB turns a sum of integers that leaves 64 bits into a float, silently."""
    match = await booked(database, within(period)) | {"kind": {"$in": list(_SIGN)}}
    if currency is not None:
        match["currency"] = currency
    step = {"$dateTrunc": {"date": "$at", "unit": unit, "startOfWeek": "monday"}}
    key = {"step": step, "currency": "$currency", "kind": "$kind"}
    group = {"_id": key, "count": {"$sum": 1}, "amount_minor": {"$sum": {"$toDecimal": "$amount_minor"}}}
    return await (await database.transactions.aggregate([{"$match": match}, {"$group": group}])).to_list()


def _steps(groups: list[Document]) -> list[RevenueStep]:
    by_step: dict[tuple[datetime, str], dict[str, Any]] = defaultdict(lambda: defaultdict(int))
    for group in groups:
        key, kind = group["_id"], group["_id"]["kind"]
        sums = by_step[key["step"], key["currency"]]
        sums["net"] += _signed(group)
        if kind == "capture":
            sums["captured"] += abs(_signed(group))
            sums["count"] += group["count"]
    return [_step(since, currency, sums) for (since, currency), sums in sorted(by_step.items())]


def _step(since: datetime, currency: str, sums: dict[str, Any]) -> RevenueStep:
    captured, net = sums["captured"], sums["net"]
    return RevenueStep(
        since=since,
        currency=currency,
        captured=decimal_text(captured, currency),
        captured_minor=captured,
        captured_count=sums["count"],
        returned=decimal_text(captured - net, currency),
        returned_minor=captured - net,
        net=decimal_text(net, currency),
        net_minor=net,
    )


def _totals(steps: list[RevenueStep], net_before: dict[str, int]) -> list[RevenueTotal]:
    return [
        _total(currency, [step for step in steps if step.currency == currency], net_before.get(currency, 0))
        for currency in sorted({step.currency for step in steps} | net_before.keys())
    ]


def _total(currency: str, steps: list[RevenueStep], before: int) -> RevenueTotal:
    captured, count = sum(step.captured_minor for step in steps), sum(step.captured_count for step in steps)
    net = sum(step.net_minor for step in steps)
    average = captured // count if count else None
    return RevenueTotal(
        currency=currency,
        captured=decimal_text(captured, currency),
        captured_minor=captured,
        captured_count=count,
        average=decimal_text(average, currency) if average is not None else None,
        average_minor=average,
        net=decimal_text(net, currency),
        net_minor=net,
        net_before=decimal_text(before, currency),
        net_before_minor=before,
        change_percent=round((net - before) * 100 / abs(before), 1) if before else None,
    )


def _signed(group: Document) -> int:
    total: Decimal128 = group["amount_minor"]
    return int(total.to_decimal()) * _SIGN[group["_id"]["kind"]]
