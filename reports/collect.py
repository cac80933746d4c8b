"""The store → every table of a report, and what must be true of them."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.encryption import Cipher
from gateway.queries.reading import Database
from reports.asked import Asked, checked
from reports.flows import SLICES_MAX, Flow, Flows, read_flows
from reports.history import read_history
from reports.position import Position, is_closed, position_before
from reports.reading import Reading, answering
from reports.report import Check
from reports.sections import attention, balances, events, money, objects, outlook, payments, risk, settlement, wallets
from reports.table import Table

_STEPS: Final = 12
"""Queries that every report makes besides the slices of its days, roughly: a bar may jump a little."""

OnStep = Callable[[str, int], None]
"""Told what was just done, and how many steps there are."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was read: nothing in it is words yet."""

    asked: Asked
    closed: bool
    position: Position
    tables: tuple[Table, ...]
    checks: tuple[Check, ...]


async def collect(
    database: Database,
    asked: Asked,
    *,
    now: datetime,
    cipher: Cipher,
    file: settlement.Settlement | None = None,
    on_step: OnStep = lambda _what, _of: None,
) -> Collected:
    """Raises `BadRequest` for filters that name nothing, `NotAnExport`, and `StoreUnavailable` when MongoDB does not answer."""
    steps = _STEPS + min(len(asked.period.days), SLICES_MAX) * (2 if asked.compare else 1)
    with answering():
        await database.command("ping")  # a store that is down is waited for as long as the client waits, no longer
        asked = await checked(database, asked)
        reading = Reading(database, asked, now, lambda what: on_step(what, steps))
        closed = await is_closed(database, asked.period.until, now)
        position = await position_before(database, asked.period.until)
        tables, checks = await _read(reading, cipher, file, closed=closed)
    return Collected(asked, closed, position, tables, checks)


async def _read(
    reading: Reading, cipher: Cipher, file: settlement.Settlement | None, *, closed: bool
) -> tuple[tuple[Table, ...], tuple[Check, ...]]:
    asked, period = reading.asked, reading.asked.period
    flows = await read_flows(reading, period)
    accounts = await balances.read_balances(reading, closed=closed)
    moved, differing = await wallets.read_wallets(reading)
    standing = await objects.read_objects(reading)
    tables = [
        accounts,
        money.by_source(flows),
        money.by_day(flows, period),
        money.rates(flows, period),
        *([await _compared(reading, flows)] if asked.compare else []),
        # A failed payment touches no wallet, so with a wallet asked for a rate would be one of successes only.
        *([] if asked.wallet else [await payments.success(reading), await payments.declines(reading, cipher)]),
        objects.standings(
            standing,
            reading,
            key="refunds_disputes",
            title="Refunds and disputes",
            kinds=("refund", "dispute"),
            about="What changed in the period or was open at its end, by state; the age is that of the oldest open one.",
        ),
        objects.standings(
            standing,
            reading,
            key="payouts",
            title="Payouts",
            kinds=("payout",),
            about="Payouts that changed in the period or were open at its end. A requested one holds its amount.",
        ),
        objects.open_items(standing, reading),
        moved,
        await attention.read_attention(reading),
        *(await _unnarrowed(reading) if not (asked.wallet or asked.currency) else []),
        await risk.levels(reading),
        await risk.riskiest(reading),
        *await _outlook(reading, flows),
        money.hours(flows),
        *(await settlement.reconciled(reading, file) if file else []),
    ]
    return tuple(tables), _checks(reading, accounts, flows, differing)


async def _compared(reading: Reading, flows: Flows) -> Table:
    previous = reading.asked.period.previous()
    return money.compared(flows, await read_flows(reading, previous, hours=False), previous)


async def _unnarrowed(reading: Reading) -> list[Table]:
    """What has no wallet and no currency, so a report about one of them has no place for it."""
    return [await events.received(reading), await events.refused(reading), await events.incidents(reading)]


async def _outlook(reading: Reading, flows: Flows) -> list[Table]:
    """From the days before the period and those of it that are over: whole ones, wherever in a day it begins and ends."""
    period = reading.asked.period
    days = defaultdict(Flow, flows.by_day | await read_history(reading))
    currencies = sorted({currency for currency, _ in days})
    today = period.local(reading.now).date()
    last = min(max(period.over, default=period.days[0] - timedelta(days=1)), today - timedelta(days=1))
    known = {key: flow for key, flow in days.items() if key[1] <= last}
    return [
        outlook.anomalies(known, [day for day in period.over if day <= last], currencies),
        *outlook.forecasts(known, currencies, last),
    ]


def _checks(reading: Reading, accounts: Table, flows: Flows, differing: int) -> tuple[Check, ...]:
    found = [_feet(accounts, whole_books=not reading.asked.wallet), _recorded(differing)]
    if not reading.asked.wallet and not flows.unknown_kinds:
        found.append(_cleared(accounts, flows))
    return tuple(found)


def _feet(accounts: Table, *, whole_books: bool) -> Check:
    faults = balances.feet(accounts, whole_books=whole_books)
    words = "Every account foots"
    words += ", and the accounts of each currency together are zero." if whole_books else "."
    return Check("accounts foot", not faults, f"These do not foot: {', '.join(faults[:5])}." if faults else words)


def _recorded(differing: int) -> Check:
    words = "The balances that each booking recorded are those its amounts make."
    if differing:
        words = f"{differing} wallets' recorded balances differ from what their bookings add up to: run gateway audit."
    return Check("recorded balances", not differing, words)


def _cleared(accounts: Table, flows: Flows) -> Check:
    """Two independent sums: the legs on the clearing accounts, and the transactions' own amounts."""
    cleared: dict[str, int] = defaultdict(int)
    for row in accounts.records():
        if str(row["account"]).startswith("clearing:"):
            cleared[row["currency"]] += row["outflow"] - row["inflow"]
    booked: dict[str, int] = defaultdict(int)
    for (currency, _), flow in flows.by_source.items():
        booked[currency] += flow.net - flow.paid_out
    wrong = sorted(currency for currency in {*cleared, *booked} if cleared.get(currency, 0) != booked.get(currency, 0))
    if wrong:
        words = f"What left the clearing accounts is not net less payouts in {', '.join(wrong)}: run gateway audit."
        return Check("two ways of counting", False, words)
    return Check(
        "two ways of counting", True, "What left the clearing accounts is the net less payouts, counted both ways."
    )
