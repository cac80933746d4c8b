"""The tables as facts: what a sentence may hold, and the redacted part of it that a model is told."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from gateway.analysis.redact import redact
from reports.period import Period
from reports.table import NUMERIC, Column, Kind, Row, Table, cell_text

TOLD: Final = (
    "by_source",
    "by_day",
    "compared",
    "balances",
    "success",
    "declines",
    "refunds_disputes",
    "payouts",
    "attention",
    "events",
    "refusals",
    "risk_levels",
    "anomalies",
    "forecast",
    "forecast_quality",
    "settlement",
)
"""The tables that a model is told of; the others name wallets and objects in every row."""
ROWS_MAX: Final = 40
"""Of each table that a model is told."""
_NAMED: Final = frozenset({"what", "wallet", "counterparty", "object", "event", "effect", "account", "what_to_do"})
"""Columns whose words may name a person's wallet or an object of theirs, or are our own advice."""


def figures(tables: Iterable[Table], period: Period) -> list[Any]:
    """Everything that a number in a sentence may come from: each cell and total as it is written, how many rows there are, how
    many days are forecast, and the period."""
    found: list[Any] = [period.local(period.since), period.local(period.until), *period.days, len(period.days)]
    for table in tables:
        found.append(table.left_out)
        found.append(len(table.rows))
        for row in (*table.rows, *table.totals()):
            found += _cells(table, row)
        if table.key == "forecast":
            ahead = Counter(row["currency"] for row in table.records() if row["expected"] is not None)
            found += ahead.values()
    return found


def _cells(table: Table, row: Row) -> list[str]:
    currency = table.currency(row)
    return [
        cell_text(value, column, currency)
        for column, value in zip(table.columns, row, strict=True)
        if value is not None
    ]


def told(tables: Iterable[Table], period: Period) -> dict[str, Any]:
    """What a model gets: numbers, and words that went through the redaction; no wallet, no object, no free text of a payer."""
    by_key = {table.key: table for table in tables}
    return {
        "period": period.words,
        "time_zone": period.zone,
        "tables": {by_key[key].title: _told(by_key[key]) for key in TOLD if key in by_key and by_key[key].rows},
    }


def _told(table: Table) -> dict[str, Any]:
    seen = [(number, column) for number, column in enumerate(table.columns) if column.name not in _NAMED]
    return {
        "about": table.about,
        "rows": [_record(table, row, seen) for row in table.rows[:ROWS_MAX]],
        "totals": [_record(table, row, seen) for row in table.totals()],
    }


def _record(table: Table, row: Row, seen: list[tuple[int, Column]]) -> dict[str, str]:
    currency = table.currency(row)
    return {
        column.title: _said(cell_text(row[number], column, currency), column)
        for number, column in seen
        if row[number] is not None
    }


def _said(text: str, column: Column) -> str:
    """Amounts are ours and stay whole; redaction would take a long one for an account number."""
    return text if column.kind in NUMERIC or column.kind in (Kind.DAY, Kind.MOMENT) else redact(text)
