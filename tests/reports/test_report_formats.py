"""The files, opened by other people's readers: workbook, PDF, page, CSV; each says what the tables say."""

import csv
import io
import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from typing import Any

import openpyxl
import pytest
from pypdf import PdfReader
from report_ledger import LATER

from reports.formats.document import as_pdf
from reports.formats.page import as_html
from reports.formats.separated import csv_files
from reports.formats.workbook import as_xlsx, sheet_name
from reports.period import read_period
from reports.position import EMPTY
from reports.report import Narrative, Report
from reports.table import Builder, Kind, Table, columns, grouped, money_text, shown_text

SUM = re.compile(r"=ROUND\(SUM\(([A-Z]+)2:\1(\d+)\),(\d)\)")
SUM_OF_CURRENCY = re.compile(r"=ROUND\(SUMIFS\(([A-Z]+)2:\1(\d+),\$([A-Z]+)\$2:\$\3\$\2,\$\3(\d+)\),(\d)\)")
FOOT = re.compile(r"=ROUND\((\w+)\+(\w+)-(\w+)-(\w+)-(\w+),(\d)\)")


def recomputed(sheet: Any, formula: str) -> Decimal:
    """What a spreadsheet would make of one of our formulas, from the cells it names."""
    if found := SUM.fullmatch(formula):
        values = [sheet[f"{found[1]}{row}"].value or 0 for row in range(2, int(found[2]) + 1)]
        places = int(found[3])
    elif found := SUM_OF_CURRENCY.fullmatch(formula):
        wanted = sheet[f"{found[3]}{found[4]}"].value
        rows = range(2, int(found[2]) + 1)
        values = [sheet[f"{found[1]}{row}"].value or 0 for row in rows if sheet[f"{found[3]}{row}"].value == wanted]
        places = int(found[5])
    else:
        found = FOOT.fullmatch(formula)
        assert found, formula
        first, *others = (sheet[found[number]].value for number in range(1, 6))
        values = [first, others[0], -others[1], -others[2], -others[3]]
        places = int(found[6])
    return Decimal(str(sum(values))).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


@pytest.fixture(scope="module")
def book(october: Report) -> Any:
    return openpyxl.load_workbook(io.BytesIO(as_xlsx(october)))


def test_every_formula_comes_to_our_own_total(october: Report, book: Any) -> None:
    """Recomputed from the cells, against the exact sums; and so does the value that is stored beside the formula."""
    values = openpyxl.load_workbook(io.BytesIO(as_xlsx(october)), data_only=True)
    formulas = 0
    for table in october.tables:
        sheet, cached = book[sheet_name(table)], values[sheet_name(table)]
        for number, total in enumerate(table.totals(), start=len(table.rows) + 2):
            for place, column in enumerate(table.columns):
                cell = sheet.cell(number, place + 1)
                if column.total and cell.data_type == "f":
                    formulas += 1
                    exact = Decimal(
                        money_text(int(str(total[place])), table.currency(total))
                        if column.kind is Kind.MONEY
                        else total[place]
                    )
                    assert recomputed(sheet, cell.value) == exact, (table.key, cell.coordinate)
                    assert Decimal(str(cached[cell.coordinate].value)) == exact
    assert formulas > 40


def test_the_footing_column_is_zero(october: Report, book: Any) -> None:
    table = october.by_key["balances"]
    sheet = book["Balances"]
    cells = [sheet.cell(number, len(table.columns) + 1).value for number in range(2, len(table.rows) + 2)]
    assert [recomputed(sheet, cell) for cell in cells] == [0] * len(table.rows)


def test_numbers_are_numbers_and_dates_are_dates(october: Report, book: Any) -> None:
    """With the currency's decimals, under headings that stay in sight; one sheet a table."""
    assert book.sheetnames == ["In words", *(sheet_name(table) for table in october.tables)]
    for table in october.tables:
        sheet = book[sheet_name(table)]
        assert sheet.freeze_panes == "A2"
        assert [sheet.cell(1, place + 1).value for place in range(len(table.columns))] == [
            each.title for each in table.columns
        ]
        for number, row in enumerate(table.rows, start=2):
            for place, (column, value) in enumerate(zip(table.columns, row, strict=True), start=1):
                cell = sheet.cell(number, place)
                if value is None:
                    assert cell.value is None
                elif column.kind is Kind.MONEY:
                    assert Decimal(str(cell.value)) == Decimal(money_text(int(str(value)), table.currency(row)))
                    assert cell.number_format == "#,##0.00"
                elif column.kind is Kind.DAY:
                    assert isinstance(cell.value, datetime)
                    assert cell.value.date() == value
                elif column.kind is Kind.COUNT:
                    assert cell.value == value


def test_the_pdf_s_text_says_the_words_and_the_totals(october: Report) -> None:
    """Read back by another library."""
    reader = PdfReader(io.BytesIO(as_pdf(october)))
    text = " ".join(" ".join(page.extract_text().split()) for page in reader.pages)
    assert reader.metadata is not None
    assert reader.metadata.title == "Payments report, 1 October 2026 to 31 October 2026"
    first = " ".join(reader.pages[0].extract_text().split())
    for paragraph in october.narrative.paragraphs:
        assert paragraph in first
    for table in october.tables:
        assert table.title in text
        if table.key in ("balances", "by_source", "by_day", "compared"):
            for row in (*table.rows, *table.totals()):
                for column, value in zip(table.columns, row, strict=True):
                    assert value is None or shown_text(value, column, table.currency(row)) in text
    assert f"link {october.position.link}" in text


class Page(HTMLParser):
    """What a browser finds: elements, words, and the cells of each table's rows."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.values: dict[str, list[str]] = {}
        self._table = ""
        self._unseen = False
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        self._unseen = tag == "style" or (self._unseen and tag != "title")
        if tag == "table":
            self._table = str(found["data-table"])
        if tag == "data":
            self.values.setdefault(self._table, []).append(str(found["value"]))

    def handle_endtag(self, tag: str) -> None:
        self._unseen = self._unseen and tag != "style"

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.words += data


def test_the_page_carries_every_amount_exactly(october: Report) -> None:
    page = Page(as_html(october))
    for table in october.tables:
        expected = [
            f"{money_text(int(str(value)), table.currency(row))} {table.currency(row)}"
            for row in (*table.rows, *table.totals())
            for column, value in zip(table.columns, row, strict=True)
            if column.kind is Kind.MONEY and value is not None
        ]
        assert [value for value in page.values.get(table.key, []) if " " in value] == expected


def test_the_page_needs_nothing_from_outside(october: Report) -> None:
    """One file: pictures inside, links only within it, and a policy that forbids the rest."""
    html = as_html(october)
    page = Page(html)
    assert not {tag for tag, _ in page.elements} & {"script", "img", "iframe", "object", "link", "form"}
    assert all(str(each["href"]).startswith("#") for _, each in page.elements if "href" in each)
    assert not [each for _, each in page.elements if each.keys() & {"src", "action", "srcset"}]
    assert b"url(" not in html
    assert b"@import" not in html
    assert b"default-src 'none'" in html
    assert sum(tag == "svg" for tag, _ in page.elements) >= 8


def test_csv_has_every_row_of_every_table(october: Report) -> None:
    files = csv_files(october)
    assert files.keys() == {f"{table.key}.csv" for table in october.tables}
    for table in october.tables:
        rows = list(csv.reader(io.StringIO(files[f"{table.key}.csv"].decode("utf-8-sig"))))
        assert rows[0] == [column.name for column in table.columns]
        assert len(rows) == len(table.rows) + 1


HOSTILE = "<script>alert(1)</script>\"'>{{7*7}}\u202e"


def report_of(*tables: Table) -> Report:
    money = Builder(columns(("currency", "Currency", Kind.TEXT), ("transactions", "Bookings", Kind.COUNT, True))).table(
        "by_source", "By source", ""
    )
    needed = [Table(key, key, "", money.columns, ()) for key in ("by_day", "rates", "forecast", "hours")]
    period = read_period("2026-11-20", LATER, "UTC")
    return Report(period, {}, True, None, EMPTY, Narrative((HOSTILE,), "composed"), (money, *needed, *tables), ())


def odd_table(*rows: tuple[Any, ...]) -> Table:
    return Table(
        "odd",
        "Odd: [names]/*?",
        HOSTILE,
        columns(
            ("currency", "Currency", Kind.TEXT),
            ("name", "Name", Kind.CODE),
            ("amount", "Amount", Kind.MONEY, True),
            ("day", "Day", Kind.DAY),
        ),
        rows,
    )


def test_hostile_text_is_shown_and_never_runs() -> None:
    """On the page, in the workbook and in CSV: markup is words, and what looks like a formula is text."""
    formula = '=HYPERLINK("http://x/","y")'
    report = report_of(odd_table(("USD", HOSTILE, 1, date(2026, 11, 20)), ("USD", formula, 2, None)))
    page = Page(as_html(report))
    assert not {tag for tag, _ in page.elements} & {"script", "img"}
    assert "<script>alert(1)</script>" in page.words
    assert "49" not in page.words
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx(report))).worksheets[-1]
    assert sheet["B3"].data_type == "s"
    assert sheet["B3"].value == formula
    assert csv_files(report)["odd.csv"].decode("utf-8-sig").splitlines()[2].startswith("USD,\"'=HYPERLINK")
    assert as_pdf(report).startswith(b"%PDF")


def test_amounts_that_a_spreadsheet_cannot_show_are_text_and_their_sum_too() -> None:
    """Excel shows fifteen digits; currencies keep their own decimals."""
    report = report_of(
        odd_table(
            ("USD", "a", 10**15, None),
            ("USD", "b", 1, None),
            ("JPY", "c", 5_000, None),
            ("KWD", "d", 1_234_567, None),
        )
    )
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx(report))).worksheets[-1]
    assert [sheet.cell(row, 3).value for row in range(2, 6)] == ["10000000000000.00", 0.01, 5_000, 1234.567]
    assert [sheet.cell(row, 3).number_format for row in (3, 4, 5)] == ["#,##0.00", "#,##0", "#,##0.000"]
    totals = {sheet.cell(row, 1).value: sheet.cell(row, 3) for row in range(6, 9)}
    assert totals["USD"].value == "10000000000000.01"
    assert recomputed(sheet, totals["KWD"].value) == Decimal("1234.567")


def test_letters_that_the_pdf_s_font_lacks_are_spelled_out() -> None:
    report = report_of(odd_table(("USD", "wallet-中", 1, None)))
    text = PdfReader(io.BytesIO(as_pdf(report))).pages[-1].extract_text()
    assert "wallet-\\u4e2d" in text


@pytest.mark.parametrize(
    ("decimal", "people"),
    [("0.00", "0.00"), ("-1234.50", "\u22121,234.50"), ("1000000", "1,000,000"), ("12345.678", "12,345.678")],
)
def test_an_amount_is_grouped_by_thousands(decimal: str, people: str) -> None:
    assert grouped(decimal) == people
