"""What came in, what went back, what stayed: by day and by source, the rates, the hours of the week, the comparison."""

from datetime import date
from typing import Final

from reports.flows import ByDay, Flow, Flows, summed
from reports.period import Period
from reports.table import Builder, Kind, Table, columns, rate
from reports.text import shown

_AMOUNTS: Final = (
    ("gross", "Gross", Kind.MONEY, True),
    ("refunded", "Refunded", Kind.MONEY, True),
    ("disputed", "Disputed", Kind.MONEY, True),
    ("net", "Net", Kind.MONEY, True),
    ("paid_out", "Paid out", Kind.MONEY, True),
    ("transferred", "Transferred", Kind.MONEY, True),
    ("transactions", "Bookings", Kind.COUNT, True),
)
_CURRENCY: Final = ("currency", "Currency", Kind.TEXT)
_MEANING: Final = (
    "Gross is what customers paid, refunded what went back to them less refunds that failed, disputed what providers took "
    "back less what they returned; net = gross − refunded − disputed."
)
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def by_day(flows: Flows, period: Period) -> Table:
    """A row for each day of each currency that was booked in, also of days on which nothing was."""
    built = Builder(columns(("day", "Day", Kind.DAY), _CURRENCY, *_AMOUNTS))
    for currency in flows.currencies:
        for day in period.days:
            built.add(day=day, currency=currency, **_cells(flows.by_day.get((currency, day), Flow())))
    return built.table("by_day", "By day", f"{_MEANING} Days begin at midnight, {period.zone}.")


def by_source(flows: Flows) -> Table:
    built = Builder(columns(_CURRENCY, ("source", "Source", Kind.CODE), *_AMOUNTS))
    for (currency, source), flow in sorted(flows.by_source.items()):
        built.add(currency=currency, source=shown(source), **_cells(flow))
    return built.table(
        "by_source", "By source", f"{_MEANING} Each currency stands alone; nothing is converted or added across them."
    )


def _cells(flow: Flow) -> dict[str, int]:
    names = ("gross", "refunded", "disputed", "net", "paid_out", "transferred", "transactions")
    return {name: getattr(flow, name) for name in names}


def rates(flows: Flows, period: Period) -> Table:
    """Refunds and disputes as parts of the same day's gross, for days with one."""
    built = Builder(
        columns(
            ("day", "Day", Kind.DAY),
            _CURRENCY,
            ("refund_rate", "Refunded of gross", Kind.RATE),
            ("dispute_rate", "Disputed of gross", Kind.RATE),
        )
    )
    for currency in flows.currencies:
        for day in period.days:
            flow = flows.by_day.get((currency, day), Flow())
            if flow.gross:
                built.add(
                    day=day,
                    currency=currency,
                    refund_rate=rate(flow.refunded, flow.gross),
                    dispute_rate=rate(flow.disputed, flow.gross),
                )
    return built.table(
        "rates",
        "Refund and dispute rates",
        "What was refunded and disputed on a day, as a part of what was paid on that day; mostly it concerns earlier payments.",
        empty="Nothing was paid in this period, so there is nothing to compare with.",
    )


def hours(flows: Flows) -> Table:
    """Payments by weekday and hour; hours without one are left out."""
    built = Builder(
        columns(
            ("weekday", "Weekday", Kind.TEXT), ("hour", "Hour", Kind.COUNT), ("payments", "Payments", Kind.COUNT, True)
        )
    )
    for (weekday, hour), payments in sorted(flows.hours.items()):
        built.add(weekday=WEEKDAYS[weekday - 1], hour=hour, payments=payments)
    return built.table(
        "hours", "Hours of the week", "Payments captured by weekday and hour, by the moment they were booked."
    )


def compared(flows: Flows, before: Flows, previous: Period) -> Table:
    """Each sum of the period beside that of the one before."""
    built = Builder(
        columns(
            _CURRENCY,
            ("measure", "Measure", Kind.TEXT),
            ("this", "This period", Kind.MONEY),
            ("previous", "Before", Kind.MONEY),
            ("change", "Change", Kind.MONEY),
            ("change_rate", "Change in per cent", Kind.RATE),
        )
    )
    for currency in sorted({*flows.currencies, *before.currencies}):
        this, that = _total(flows, currency), _total(before, currency)
        for name, title in (("gross", "Gross"), ("refunded", "Refunded"), ("disputed", "Disputed"), ("net", "Net")):
            new, old = getattr(this, name), getattr(that, name)
            built.add(
                currency=currency,
                measure=title,
                this=new,
                previous=old,
                change=new - old,
                change_rate=rate(new - old, abs(old)),
            )
    return built.table(
        "compared",
        "Compared",
        f"With the period before: {previous.words}.",
        empty="Nothing was booked in either period.",
    )


def _total(flows: Flows, currency: str) -> Flow:
    return summed(flow for (code, _), flow in flows.by_source.items() if code == currency)


def daily(by_day: ByDay, currency: str, days: list[date], name: str) -> list[int]:
    """The series of one measure, zero on days without a booking."""
    return [getattr(by_day.get((currency, day), Flow()), name) for day in days]
