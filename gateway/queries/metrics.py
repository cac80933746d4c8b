"""What was moved, received and refused in a period; per currency, because currencies do not add up."""

from datetime import datetime
from typing import Any, Final

from bson import Decimal128

from gateway.booked import booked
from gateway.money import decimal_text
from gateway.queries.backlog import Backlog, backlog
from gateway.queries.counted import Count, Refused, by_name, counts, refused_requests, within
from gateway.queries.period import Period
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within

_FIELD_OF_KIND: Final = {
    "capture": "captured",
    "refund": "refunded",
    "refund_failed": "refunds_returned",
    "transfer": "transferred",
}


class CurrencyTotals(Answer):
    """What the transactions of one currency moved. `refunds_returned` are refunds that failed after they were booked."""

    currency: str
    captured: str
    captured_minor: int
    captured_count: int
    refunded: str
    refunded_minor: int
    refunded_count: int
    refunds_returned: str
    refunds_returned_minor: int
    refunds_returned_count: int
    transferred: str
    transferred_minor: int
    transferred_count: int


class PaymentMetrics(Answer):
    """Totals of the transactions applied, and counts of the events received, in a period."""

    since: datetime
    until: datetime
    currencies: list[CurrencyTotals]
    events: int
    by_outcome: list[Count]
    """applied, rejected, stale, parked, ignored, or waiting for the worker."""
    by_source: list[Count]
    by_type: list[Count]
    refused_requests: Refused
    backlog: Backlog
    """Now, not in the period."""


async def payment_metrics(
    database: Database, period: Period, *, now: datetime, within_s: float = READ_S_MAX
) -> PaymentMetrics:
    """Raises `StoreUnavailable` when the period holds more than can be added up in `within_s`."""
    with answered_within(within_s):
        moved = await (await database.transactions.aggregate(_moved(await booked(database, within(period))))).to_list()
        received = (await (await database.events.aggregate(_received(period))).to_list())[0]
        refused = await refused_requests(database, period, now=now)
        waiting = await backlog(database, now=now, within_s=within_s)
    outcomes = counts(received["by_outcome"])
    return PaymentMetrics(
        since=period.since,
        until=period.until,
        currencies=_totals(moved),
        events=sum(outcome.count for outcome in outcomes),
        by_outcome=outcomes,
        by_source=counts(received["by_source"]),
        by_type=counts(received["by_type"]),
        refused_requests=refused,
        backlog=waiting,
    )


def _moved(in_the_period: Document) -> list[Document]:
    """Added as decimals: MongoDB turns a sum of integers that leaves 64 bits into a float, silently."""
    group = {
        "_id": {"currency": "$currency", "kind": "$kind"},
        "count": {"$sum": 1},
        "amount_minor": {"$sum": {"$toDecimal": "$amount_minor"}},
    }
    return [{"$match": {**in_the_period, "kind": {"$in": list(_FIELD_OF_KIND)}}}, {"$group": group}]


def _received(period: Period) -> list[Document]:
    """One pass over the period's events, without their bodies."""
    return [
        {"$match": {"received_at": within(period)}},
        {"$project": {"_id": 0, "source": 1, "type": 1, "outcome": {"$ifNull": ["$outcome", "waiting"]}}},
        {
            "$facet": {
                "by_outcome": by_name("$outcome"),
                "by_source": by_name("$source"),
                "by_type": by_name("$type"),
            }
        },
    ]


def _totals(groups: list[Document]) -> list[CurrencyTotals]:
    by_currency: dict[str, dict[str, Any]] = {}
    for group in groups:
        currency, kind = group["_id"]["currency"], group["_id"]["kind"]
        totals = by_currency.setdefault(currency, _nothing(currency))
        field = _FIELD_OF_KIND[kind]
        amount_minor = _whole(group["amount_minor"])
        totals[field] = decimal_text(amount_minor, currency)
        totals[f"{field}_minor"] = amount_minor
        totals[f"{field}_count"] = group["count"]
    return [CurrencyTotals(**by_currency[currency]) for currency in sorted(by_currency)]


def _nothing(currency: str) -> dict[str, Any]:
    zero: dict[str, Any] = {"currency": currency}
    for field in _FIELD_OF_KIND.values():
        zero |= {field: decimal_text(0, currency), f"{field}_minor": 0, f"{field}_count": 0}
    return zero


def _whole(total: Decimal128) -> int:
    return int(total.to_decimal())
