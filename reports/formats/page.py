"""HTML: one self-contained page, words first, each table with its pictures; it prints as a document."""

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.charts.chosen import drawings, drawn_whole
from reports.formats.svg import as_svg
from reports.report import Report
from reports.table import NUMERIC, Cell, Column, Kind, cell_text, shown_text

TEMPLATES: Final = Path(__file__).parent.parent / "templates"


def as_html(report: Report) -> bytes:
    """The page; all text from outside is escaped, and its own policy forbids whatever is not in the file."""
    page = _environment().get_template("report.html")
    return page.render(report=report, drawings=drawings(report.by_key)).encode()


def cell(value: Cell, column: Column, currency: str) -> Markup:
    """A table's cell; `data` carries the value as it stands in the JSON."""
    if value is None:
        return Markup('<td class="none{}">–</td>').format(" num" if column.kind in NUMERIC else "")
    shown = shown_text(value, column, currency)
    exact = cell_text(value, column, currency)
    if column.kind in NUMERIC:
        minus = " minus" if exact.startswith("-") else ""
        named = f"{exact} {currency}" if column.kind is Kind.MONEY else exact
        return Markup('<td class="num{}"><data value="{}">{}</data></td>').format(minus, named, shown)
    if column.kind in (Kind.DAY, Kind.MOMENT):
        return Markup('<td><time datetime="{}">{}</time></td>').format(exact, shown)
    if column.kind is Kind.CODE and shown:
        return Markup('<td><bdi class="sent">{}</bdi></td>').format(shown)
    return Markup("<td>{}</td>").format(shown)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(cell=cell, svg=as_svg, numeric=NUMERIC, zip=zip, drawn_whole=drawn_whole)
    return environment
