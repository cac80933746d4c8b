"""Figures → HTML and JSON. Both are written from the same values; the page only adds words, commas and bars."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.books import Amount, CurrencyFigures
from reports.chart import HEIGHT, LEFT, WIDTH, chart, time_label
from reports.figures import EventFigures, Figures
from reports.rows import CHARS_MAX

FORMAT: Final = "auto-pay-gateway/report/1"
"""Changes when a field of the JSON is renamed, removed or means something else."""

TEMPLATES: Final = Path(__file__).parent / "templates"


def as_json(figures: Figures) -> bytes:
    """The report for programs: amounts as a decimal string, integer minor units and a currency; times in ISO 8601, UTC."""
    document = {"format": FORMAT, **_plain(figures)}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    """A value as JSON has it: each public property follows the fields, because it is a figure too."""
    if is_dataclass(value):
        derived = [name for name, member in vars(type(value)).items() if isinstance(member, property)]
        return {name: _plain(getattr(value, name)) for name in [*(each.name for each in fields(value)), *derived]}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def as_html(figures: Figures) -> bytes:
    """The report for people: one file without a script or an outside resource; all text from outside is escaped."""
    page = _environment().get_template("report.html")
    classes = sorted({each.account for currency in figures.currencies for each in currency.accounts}, key=_class_order)
    return page.render(
        r=figures,
        period=period_words(figures),
        account_classes=classes,
        chart_size=(WIDTH, HEIGHT, LEFT),
        chars_max=CHARS_MAX,
    ).encode()


def _class_order(name: str) -> tuple[bool, str]:
    """Clearing first, where the money comes from; then the others by name."""
    return name != "clearing", name


OUTCOMES: Final = ("applied", "ignored", "stale", "rejected", "parked", "waiting")


def outcome_columns(events: EventFigures) -> list[str]:
    """The outcomes that occurred, as the design orders them; one that is new here follows."""
    return [*(name for name in OUTCOMES if name in events.outcomes), *sorted(events.outcomes.keys() - set(OUTCOMES))]


def events_of(events: EventFigures, source: str, outcome: str) -> int:
    return sum(each.events for each in events.by_outcome if (each.source, each.outcome) == (source, outcome))


def accounts_by_class(figures: CurrencyFigures) -> dict[str, Amount]:
    return {each.account: each.change for each in figures.accounts}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(_FUNCTIONS)
    return environment


def money(amount: Amount | None) -> Markup:
    """An amount with commas for people; the `data` element carries it as it stands in the JSON."""
    if amount is None:
        return Markup('<span class="none">–</span>')
    css = "zero" if amount.amount_minor == 0 else "minus" if amount.amount_minor < 0 else "plus"
    return Markup('<data class="{}" value="{} {}">{}</data>').format(
        css, amount.amount, amount.currency, grouped(amount.amount)
    )


def grouped(decimal: str) -> str:
    """Commas between thousands and a true minus sign: "-1234.50" is "−1,234.50"."""
    whole, point, part = decimal.lstrip("-").partition(".")
    return ("\u2212" if decimal.startswith("-") else "") + f"{int(whole):,}" + point + part


def count(number: int) -> Markup:
    return Markup('<data value="{}">{:,}</data>').format(number, number)


def moment(at: datetime | None) -> Markup:
    if at is None:
        return Markup('<span class="none">–</span>')
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), f"{at.day} {at:%b %Y %H:%M}")


_FILTERS: Final[Mapping[str, Any]] = {"money": money, "count": count, "moment": moment, "grouped": grouped}
_FUNCTIONS: Final[Mapping[str, Any]] = {
    "chart": chart,
    "time_label": time_label,
    "accounts_by_class": accounts_by_class,
    "outcome_columns": outcome_columns,
    "events_of": events_of,
}


def period_words(figures: Figures) -> str:
    """Whole days by their dates, the last one included; anything else to the minute."""
    since, until = figures.since, figures.until
    if any((at.hour, at.minute, at.second) != (0, 0, 0) for at in (since, until)):
        return f"{_day(since)}, {since:%H:%M} to {_day(until)}, {until:%H:%M} UTC"
    last = until - timedelta(days=1)
    return _day(since) if last == since else f"{_day(since)} to {_day(last)}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
