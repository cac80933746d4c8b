"""The report in each format. All are made of the same tables, so none says what another does not.

page        HTML: one file, pictures inside, no script and nothing from outside
document    PDF, for signing and filing
workbook    XLSX: a sheet for each table, sums as formulas
separated   CSV: a file for each table
svg         a picture as SVG, for the page
canvas      the same picture on the PDF
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib import import_module
from typing import Final

from reports.formats.separated import csv_files
from reports.report import Report, as_json

__all__ = ["ALL", "Format", "content_of", "csv_files"]


class Format(StrEnum):
    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"


ALL: Final = tuple(Format)

_MADE_BY: Final[Mapping[Format, str]] = {
    Format.HTML: "page.as_html",
    Format.PDF: "document.as_pdf",
    Format.XLSX: "workbook.as_xlsx",
}
"""Loaded when wanted: the libraries behind them take longer to load than a small report to make."""


def content_of(report: Report, wanted: Format) -> bytes:
    """The file's bytes, the same for the same report."""
    if wanted is Format.JSON:
        return as_json(report)
    file, _, function = _MADE_BY[wanted].partition(".")
    make: Callable[[Report], bytes] = getattr(import_module(f"reports.formats.{file}"), function)
    return make(report)
