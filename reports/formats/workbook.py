"""XLSX: a sheet for each table, with real numbers and dates, frozen headings, and sums as formulas that come to our totals.

An amount is shown with its currency's decimals. A spreadsheet counts in floating point and shows fifteen digits, so what is
larger is written as text, exact, and its column's sum too: better a cell that cannot be added than one that is wrong.
"""

import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import xlsxwriter
from xlsxwriter.format import Format as CellFormat
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from gateway.money import NotMoney, exponent
from reports.report import Report
from reports.table import NUMERIC, Cell, Column, Kind, Row, Table, cell_text, money_text

DIGITS_EXACT: Final = 15
_SHEET_NAME_MAX: Final = 31
_WIDTHS: Final = {Kind.DAY: 12, Kind.MOMENT: 17, Kind.COUNT: 12, Kind.RATE: 13, Kind.NUMBER: 12, Kind.MONEY: 17}
_TEXT_WIDTH_MAX: Final = 60


def as_xlsx(report: Report) -> bytes:
    """The workbook: words first, then a sheet per table."""
    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        # Without the time of making, so that the same report is the same bytes.
        book.set_properties({"title": report.title, "created": report.period.since.replace(tzinfo=None)})
        book.set_calc_mode("auto")
        styles = _Styles(book)
        _words(book.add_worksheet("In words"), report, styles)
        for table in report.tables:
            _Sheet(book.add_worksheet(sheet_name(table)), table, styles).write()
    return content.getvalue()


def sheet_name(table: Table) -> str:
    """At most 31 characters, none of []:*?/\\ (Excel's rule)."""
    name = "".join("-" if char in "[]:*?/\\" else char for char in table.title)
    return name[:_SHEET_NAME_MAX].strip("'")


class _Styles:
    """One format per way of showing a cell."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self._made: dict[tuple[str, bool], CellFormat] = {}
        self.heading = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "bottom", "bottom": 1, "bg_color": "#f4f6f9"}
        )
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.prose = book.add_format({"text_wrap": True, "valign": "top"})
        self.soft = book.add_format({"text_wrap": True, "font_color": "#5b6675", "valign": "top"})
        self.bad = book.add_format({"text_wrap": True, "bold": True, "font_color": "#a3251f"})

    def number(self, form: str, *, bold: bool = False) -> CellFormat:
        made = self._made.get((form, bold))
        if made is None:
            look = {"num_format": form, "valign": "top"} | ({"bold": True, "top": 1} if bold else {})
            made = self._made[form, bold] = self._book.add_format(look)
        return made


def _words(sheet: Worksheet, report: Report, styles: _Styles) -> None:
    sheet.set_column(0, 0, 110, styles.prose)
    sheet.hide_gridlines(2)
    lines: list[tuple[str, CellFormat]] = [(report.title, styles.title)]
    lines += [(check.words, styles.bad) for check in report.checks if not check.holds]
    lines += [(paragraph, styles.prose) for paragraph in report.narrative.paragraphs]
    lines.append((f"This page was {report.narrative.author}. {report.narrative.note}".strip(), styles.soft))
    lines.append((f"Time zone {report.period.zone}. {report.standing}", styles.soft))
    lines += [(check.words, styles.soft) for check in report.checks if check.holds]
    for number, (text, style) in enumerate(lines):
        sheet.write_string(number, 0, text, style)


class _Sheet:
    """One table on its sheet: headings in the first row, sums below the last."""

    def __init__(self, sheet: Worksheet, table: Table, styles: _Styles) -> None:
        self._sheet = sheet
        self._table = table
        self._styles = styles

    def write(self) -> None:
        table, sheet = self._table, self._sheet
        for place, column in enumerate(table.columns):
            sheet.write_string(0, place, column.title, self._styles.heading)
            sheet.set_column(place, place, self._width(place, column))
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        for number, row in enumerate(table.rows, start=1):
            for place, (column, value) in enumerate(zip(table.columns, row, strict=True)):
                self._write(number, place, value, column, table.currency(row))
        if table.rows:
            sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
        after = self._totals() if table.rows else 1
        self._note(after)
        if table.key == "balances" and table.rows:
            self._feet()

    def _width(self, place: int, column: Column) -> int:
        if column.kind in _WIDTHS:
            return _WIDTHS[column.kind]
        longest = max((len(str(row[place] or "")) for row in self._table.rows), default=0)
        return min(max(longest, len(column.title)) + 2, _TEXT_WIDTH_MAX)

    def _write(self, row: int, place: int, value: Cell, column: Column, currency: str, *, bold: bool = False) -> None:
        sheet, style = self._sheet, self._styles.number(form_of(column, currency), bold=bold)
        if value is None:
            sheet.write_blank(row, place, None, style)
        elif column.kind is Kind.MONEY:
            text = money_text(int(str(value)), currency)
            if exact(int(str(value))):
                sheet.write_number(row, place, float(text), style)
            else:
                sheet.write_string(row, place, text, style)
        elif column.kind in NUMERIC:
            number = Decimal(str(value)) / (100 if column.kind is Kind.RATE else 1)
            sheet.write_number(row, place, float(number), style)
        elif isinstance(value, datetime):
            sheet.write_datetime(row, place, value.replace(tzinfo=None), style)  # local to the report's zone
        elif isinstance(value, date):
            sheet.write_datetime(row, place, datetime(value.year, value.month, value.day), style)
        else:
            sheet.write_string(row, place, str(value), style)

    def _totals(self) -> int:
        """The sums, one row per currency; gives the row after them."""
        table = self._table
        number = len(table.rows) + 1
        for total in table.totals():
            for place, column in enumerate(table.columns):
                self._total(number, place, column, total)
            number += 1
        return number

    def _total(self, number: int, place: int, column: Column, total: Row) -> None:
        table, value, currency = self._table, total[place], self._table.currency(total)
        style = self._styles.number(form_of(column, currency), bold=True)
        if place == table.label_place:
            self._sheet.write_string(number, place, "Total", style)
        elif not column.total:
            self._write(number, place, value, column, currency, bold=True)
        elif all(exact(int(str(row[place] or 0))) for row in (*table.rows, total) if table.currency(row) == currency):
            shown = cell_text(value, column, currency)
            self._sheet.write_formula(
                number, place, self._formula(place, column, currency, number), style, float(shown)
            )
        else:
            self._sheet.write_string(number, place, cell_text(value, column, currency), style)

    def _formula(self, place: int, column: Column, currency: str, number: int) -> str:
        """Rounded to the currency's decimals, because the sheet adds 0.1 and 0.2 in floating point."""
        table, last = self._table, len(self._table.rows) + 1
        letter = xl_col_to_name(place)
        summed = f"SUM({letter}2:{letter}{last})"
        if table.currency_place is not None:
            codes = xl_col_to_name(table.currency_place)
            summed = f"SUMIFS({letter}2:{letter}{last},${codes}$2:${codes}${last},${codes}{number + 1})"
        return f"=ROUND({summed},{places_of(currency) if column.kind is Kind.MONEY else 0})"

    def _note(self, after: int) -> None:
        table = self._table
        about = table.about if table.rows else f"{table.about} {table.empty}"
        more = f" And {table.left_out:,} more rows, not listed." if table.left_out else ""
        self._sheet.write_string(after + 1, 0, f"{about}{more}")

    def _feet(self) -> None:
        """A last column that is zero where the account foots."""
        table, place = self._table, len(self._table.columns)
        self._sheet.write_string(0, place, "Opening + inflow − outflow − fees − closing", self._styles.heading)
        self._sheet.set_column(place, place, 24)
        letters = [xl_col_to_name(table.place(name)) for name in ("opening", "inflow", "outflow", "fees", "closing")]
        amounts = [table.place(name) for name in ("opening", "inflow", "outflow", "fees", "closing")]
        for number, row in enumerate(table.rows, start=1):
            minor = [int(str(row[each] or 0)) for each in amounts]
            if not all(exact(each) for each in minor):
                continue
            currency = table.currency(row)
            opening, inflow, outflow, fees, closing = (f"{letter}{number + 1}" for letter in letters)
            formula = f"=ROUND({opening}+{inflow}-{outflow}-{fees}-{closing},{places_of(currency)})"
            left = minor[0] + minor[1] - minor[2] - minor[3] - minor[4]
            style = self._styles.number(form_of(table.columns[amounts[0]], currency))
            self._sheet.write_formula(number, place, formula, style, float(money_text(left, currency)))


def exact(amount_minor: int) -> bool:
    """Whether a spreadsheet shows every digit of it."""
    return abs(amount_minor) < 10**DIGITS_EXACT


def places_of(currency: str) -> int:
    """Decimals; none of what is no currency any more, which stays in minor units."""
    try:
        return exponent(currency)
    except NotMoney:
        return 0


def form_of(column: Column, currency: str) -> str:
    """Excel's number format of a cell."""
    forms: dict[Kind, Any] = {
        Kind.COUNT: "#,##0",
        Kind.RATE: "0.00%",
        Kind.NUMBER: "0.00",
        Kind.DAY: "yyyy-mm-dd",
        Kind.MOMENT: "yyyy-mm-dd hh:mm",
    }
    if column.kind is Kind.MONEY:
        places = places_of(currency)
        return "#,##0" + (f".{'0' * places}" if places else "")
    return str(forms.get(column.kind, "General"))
