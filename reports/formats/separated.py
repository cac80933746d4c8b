"""CSV: a file for each table, for programs and spreadsheets alike (RFC 4180, UTF-8 with the mark that Excel needs)."""

import csv
import io
from typing import Final

from reports.report import Report
from reports.table import Cell, Column, Kind, Table, cell_text

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one is a formula to a spreadsheet (OWASP, CSV injection)."""


def csv_files(report: Report) -> dict[str, bytes]:
    """Content by file name."""
    return {f"{table.key}.csv": _csv(table) for table in report.tables}


def _csv(table: Table) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([column.name for column in table.columns])
    for row in table.rows:
        currency = table.currency(row)
        writer.writerow([_harmless(value, column, currency) for column, value in zip(table.columns, row, strict=True)])
    return text.getvalue().encode("utf-8-sig")


def _harmless(value: Cell, column: Column, currency: str) -> str:
    """What a sender wrote is text, also where it looks like a formula."""
    text = cell_text(value, column, currency)
    named = column.kind in (Kind.TEXT, Kind.CODE)
    return f"'{text}" if named and text.startswith(_FORMULA) else text
