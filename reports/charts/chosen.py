"""Which pictures a report gets: those of its busiest currencies, beside the tables they are made of."""

from collections.abc import Mapping, Sequence
from typing import Final

from reports.charts.drawing import Drawing
from reports.charts.flows import flows
from reports.charts.heat import heat
from reports.charts.lines import forecast, rates
from reports.charts.sources import sources
from reports.table import Table

CURRENCIES_MAX: Final = 3
"""That pictures are drawn of; the tables have all."""
_DRAWN: Final = frozenset({"rates", "hours", "forecast"})


def drawings(tables: Mapping[str, Table]) -> dict[str, list[Drawing]]:
    """By the key of the table that each stands beside."""
    busiest = busiest_currencies(tables["by_source"])
    found: dict[str, list[Drawing]] = {}
    for draw, key in ((flows, "by_day"), (sources, "by_source"), (rates, "rates"), (forecast, "forecast")):
        drawn = [draw(tables[key], currency) for currency in busiest]
        found[key] = [each for each in drawn if each is not None]
    week = heat(tables["hours"])
    found["hours"] = [week] if week else []
    return found


def busiest_currencies(by_source: Table) -> list[str]:
    """Those with the most bookings first."""
    place = by_source.place("transactions")
    totals = sorted(by_source.totals(), key=lambda row: (-int(str(row[place])), by_source.currency(row)))
    return [by_source.currency(row) for row in totals[:CURRENCIES_MAX]]


def drawn_whole(table: Table, pictures: Sequence[Drawing]) -> bool:
    """Whether the pictures say it all: then the rows may stand back, where they would only fill pages."""
    if table.key not in _DRAWN:
        return False
    place = table.currency_place
    currencies = {table.currency(row) for row in table.rows} if place is not None else {""}
    return len(pictures) >= len(currencies)
