"""PDF: the report for signing and filing, words first, numbered pages, headings repeated where a table goes on.

ReportLab's own Vera font is in the file, so it looks the same everywhere; it has the letters of Europe, and any other
character is spelled out (\\u4e2d) rather than lost.
"""

import io
from functools import cache, partial
from html import escape
from pathlib import Path
from typing import Any, Final

import reportlab
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, KeepTogether, LongTable, PageBreak, Paragraph, SimpleDocTemplate, Spacer

from reports.charts.chosen import drawings, drawn_whole
from reports.charts.drawing import GRID, INK, SOFT, Drawing
from reports.formats.canvas import FONT, FONT_BOLD, Picture
from reports.report import Report
from reports.table import NUMERIC, Cell, Column, Kind, Row, Table, shown_text

MARGIN: Final = 14 * mm
SIZE: Final = 7.2
BAD: Final = "#a3251f"
CHARS_PER_CELL_MAX: Final = 400
_PADDING: Final = 12.0
_PICTURE_WIDTH_MAX: Final = 500.0
"""Two of them stand on a page."""
_TEXT_WIDTHS: Final = {Kind.TEXT: 1.0, Kind.CODE: 0.8}
"""How text columns share what the others leave, by the length of their longest cell."""


def as_pdf(report: Report) -> bytes:
    """A4, landscape: tables of money are wide. The same bytes for the same report."""
    _fonts()
    content = io.BytesIO()
    page = landscape(A4)
    document = SimpleDocTemplate(
        content,
        pagesize=page,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 4 * mm,
        title=report.title,
        author="Auto-Pay Gateway",
        lang="en",
        invariant=1,
    )
    width = page[0] - 2 * MARGIN
    footer = partial(_footer, report=report)
    document.build(_story(report, width - 12), onFirstPage=footer, onLaterPages=footer)
    return content.getvalue()


@cache
def _fonts() -> None:
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in (FONT, FONT_BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=FONT_BOLD, italic=FONT, boldItalic=FONT_BOLD)


def drawable(text: str) -> str:
    """What the font has no letter for, spelled out."""
    font: Any = pdfmetrics.getFont(FONT)
    glyphs = font.face.charToGlyph
    return "".join(char if ord(char) in glyphs else f"\\u{ord(char):04x}" for char in text)


def _style(name: str, **rest: Any) -> ParagraphStyle:
    look: dict[str, Any] = {"fontName": FONT, "fontSize": 9, "leading": 13, "textColor": HexColor(INK)}
    return ParagraphStyle(name, **(look | rest))


_TITLE: Final = partial(_style, "title", fontName=FONT_BOLD, fontSize=20, leading=26)
_HEADING: Final = partial(
    _style, "heading", fontName=FONT_BOLD, fontSize=12, leading=16, spaceBefore=14, keepWithNext=1
)
_SOFT: Final = partial(_style, "soft", fontSize=8, leading=11, textColor=HexColor(SOFT), spaceAfter=4)
_PROSE: Final = partial(_style, "prose", fontSize=9.4, leading=13.4, spaceAfter=4)
_ALARM: Final = partial(_style, "alarm", fontName=FONT_BOLD, fontSize=10, leading=14, textColor=HexColor(BAD))
_CELL: Final = partial(_style, "cell", fontSize=SIZE, leading=SIZE + 2, wordWrap="CJK")
"""Breaks within a word too: an id has no spaces."""
_PLAIN_CELL: Final = partial(_style, "plain", fontSize=SIZE, leading=SIZE + 2)
_NUMBER_HEAD: Final = partial(
    _style, "number-head", fontSize=SIZE, leading=SIZE + 2, fontName=FONT_BOLD, textColor=HexColor(SOFT), alignment=2
)
_HEAD: Final = partial(_style, "head", fontSize=SIZE, leading=SIZE + 2, fontName=FONT_BOLD, textColor=HexColor(SOFT))


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """Text as it is: nothing in it is markup."""
    return Paragraph(escape(drawable(text)), style)


def _story(report: Report, width: float) -> list[Flowable]:
    story: list[Flowable] = [_paragraph("Payments report", _SOFT()), _paragraph(report.period.words, _TITLE())]
    filters = f" · only {report.filter_words}" if report.filter_words else ""
    story.append(_paragraph(f"Time zone {report.period.zone}{filters} · confidential: contains money records", _SOFT()))
    story.append(Spacer(1, 8))
    story += [_paragraph(f"Do not sign this off. {each.words}", _ALARM()) for each in report.checks if not each.holds]
    story += [_paragraph(paragraph, _PROSE()) for paragraph in report.narrative.paragraphs]
    story.append(_paragraph(f"This page was {report.narrative.author}. {report.narrative.note}", _SOFT()))
    held = " ".join(check.words for check in report.checks if check.holds)
    story.append(_paragraph(f"{report.standing} {held}", _SOFT()))
    story.append(PageBreak())
    pictures = drawings(report.by_key)
    for table in report.tables:
        story += _section(table, pictures.get(table.key, []), width)
    return story


def _section(table: Table, pictures: list[Drawing], width: float) -> list[Flowable]:
    head: list[Flowable] = [_paragraph(table.title, _HEADING()), _paragraph(table.about, _SOFT())]
    drawn = [_figure(each, width) for each in pictures]
    body: list[Flowable] = [_table(table, width)] if table.rows else [_paragraph(table.empty, _SOFT())]
    if drawn and drawn_whole(table, pictures):
        body = [_paragraph("The figures are in the other files of this report.", _SOFT())]
    if table.left_out:
        body.append(_paragraph(f"And {table.left_out:,} more, not listed.", _SOFT()))
    if drawn:
        return [KeepTogether([*head, drawn[0]]), *drawn[1:], *body]
    return [*head, *body] if len(table.rows) > 12 else [KeepTogether([*head, *body])]


def _figure(drawing: Drawing, width: float) -> Flowable:
    title = _paragraph(drawing.title, _style("caption", fontName=FONT_BOLD, fontSize=8.5, leading=12, spaceBefore=6))
    return KeepTogether([title, Picture(drawing, min(width, _PICTURE_WIDTH_MAX), drawable), Spacer(1, 6)])


def _table(table: Table, width: float) -> LongTable:
    heads = [_paragraph(each.title, _NUMBER_HEAD() if each.kind in NUMERIC else _HEAD()) for each in table.columns]
    rows: list[list[Any]] = [heads]
    rows += [_cells(table, row) for row in table.rows]
    totals = table.totals()
    for total in totals:
        rows.append(_cells(table, total, total=True))
    made = LongTable(rows, colWidths=_widths(table, width), repeatRows=1, hAlign="LEFT")
    made.setStyle(_look(table, len(totals)))
    return made


def _look(table: Table, totals: int) -> list[tuple[Any, ...]]:
    look: list[tuple[Any, ...]] = [
        ("FONT", (0, 0), (-1, -1), FONT, SIZE, SIZE + 2),
        ("TEXTCOLOR", (0, 0), (-1, -1), HexColor(INK)),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
        ("LINEBELOW", (0, 0), (-1, 0), 0.7, HexColor(SOFT)),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, HexColor(GRID)),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 10),
        ("TOPPADDING", (0, 0), (-1, -1), 1.4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.6),
    ]
    for place, column in enumerate(table.columns):
        if column.kind in NUMERIC:
            look.append(("ALIGN", (place, 0), (place, -1), "RIGHT"))
    if totals:
        look.append(("FONT", (0, -totals), (-1, -1), FONT_BOLD, SIZE, SIZE + 2))
        look.append(("LINEABOVE", (0, -totals), (-1, -totals), 0.7, HexColor(SOFT)))
    return look


def _cells(table: Table, row: Row, *, total: bool = False) -> list[Any]:
    currency = table.currency(row)
    cells: list[Any] = [
        _cell(value, column, currency, total=total) for column, value in zip(table.columns, row, strict=True)
    ]
    if total and table.label_place is not None:
        cells[table.label_place] = "Total"
    return cells


def _cell(value: Cell, column: Column, currency: str, *, total: bool) -> Any:
    if value is None and total:
        return ""
    text = shown_text(value, column, currency)
    if column.kind in _TEXT_WIDTHS and not total:
        cut = text if len(text) <= CHARS_PER_CELL_MAX else f"{text[: CHARS_PER_CELL_MAX - 1]}…"
        return _paragraph(cut, _CELL() if column.kind is Kind.CODE else _PLAIN_CELL())
    return drawable(text)


def _widths(table: Table, width: float) -> list[float]:
    """Numbers and dates get what they need, text shares the rest by how long it is."""
    needs = [_needed(table, place, column) for place, column in enumerate(table.columns)]
    fixed = sum(need for need, column in zip(needs, table.columns, strict=True) if column.kind not in _TEXT_WIDTHS)
    wanted = sum(need for need, column in zip(needs, table.columns, strict=True) if column.kind in _TEXT_WIDTHS)
    left = max(width - fixed, 60.0)
    shrink = min(1.0, left / wanted) if wanted else 1.0
    return [
        need * shrink if column.kind in _TEXT_WIDTHS else need
        for need, column in zip(needs, table.columns, strict=True)
    ]


def _needed(table: Table, place: int, column: Column) -> float:
    font = FONT_BOLD if column.total else FONT
    words = max((stringWidth(word, FONT_BOLD, SIZE) for word in column.title.split()), default=0.0)
    rows = (*table.rows, *table.totals())
    cells = [drawable(shown_text(row[place], column, table.currency(row))) for row in rows]
    longest = max((stringWidth(cell, font, SIZE) for cell in cells), default=0.0)
    if column.kind in _TEXT_WIDTHS:
        return max(words, min(longest, 260.0)) + _PADDING
    return max(words, longest) + _PADDING


def _footer(canvas: Any, document: Any, *, report: Report) -> None:
    canvas.saveState()
    canvas.setFont(FONT, 7)
    canvas.setFillColor(HexColor(SOFT))
    canvas.drawString(MARGIN, MARGIN - 2, drawable(f"Payments report, {report.period.words} ({report.period.zone})"))
    canvas.drawRightString(document.pagesize[0] - MARGIN, MARGIN - 2, f"Page {document.page}")
    canvas.restoreState()
