"""A table: the one value that every format, chart and sentence of a report is made from.

A cell is what its column's kind says, exact: an amount is an integer of minor units in the currency that its row names, a
rate is a decimal of per cent. Formats only write cells, so no two of them can disagree.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any, Final

from gateway.money import NotMoney, decimal_text

Cell = str | int | Decimal | date | datetime | None
Row = tuple[Cell, ...]


class Kind(StrEnum):
    """What the cells of a column are."""

    TEXT = "text"
    CODE = "code"
    """An id or a name as a sender wrote it."""
    COUNT = "count"
    MONEY = "money"
    """Minor units of the row's currency."""
    RATE = "rate"
    """Per cent."""
    NUMBER = "number"
    DAY = "day"
    MOMENT = "moment"


NUMERIC: Final = frozenset({Kind.COUNT, Kind.MONEY, Kind.RATE, Kind.NUMBER})


@dataclass(frozen=True, slots=True)
class Column:
    """`total`: the column is added up, per currency where the table has one."""

    name: str
    title: str
    kind: Kind
    total: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`about` says in a sentence how to read it; `left_out` counts rows that a bound kept away."""

    key: str
    title: str
    about: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str = "Nothing in this period."
    left_out: int = 0

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), self.key

    def place(self, name: str) -> int:
        return next(number for number, column in enumerate(self.columns) if column.name == name)

    def column(self, name: str) -> list[Cell]:
        """Every cell of the column."""
        place = self.place(name)
        return [row[place] for row in self.rows]

    def records(self) -> Iterator[dict[str, Any]]:
        """The rows by the names of their columns."""
        names = [column.name for column in self.columns]
        return (dict(zip(names, row, strict=True)) for row in self.rows)

    @property
    def currency_place(self) -> int | None:
        return next((number for number, column in enumerate(self.columns) if column.name == "currency"), None)

    def currency(self, row: Row) -> str:
        """The currency that the row's amounts are in."""
        place = self.currency_place
        return str(row[place] or "") if place is not None else ""

    @property
    def label_place(self) -> int | None:
        """Where "Total" stands in a row of sums: the first column that is neither summed, nor a number, nor the currency."""
        for number, column in enumerate(self.columns):
            if number != self.currency_place and column.kind not in NUMERIC:
                return number
        return None

    def totals(self) -> tuple[Row, ...]:
        """One row of sums per currency, or one for all where no column is money; none where nothing is added."""
        if not self.rows or not any(column.total for column in self.columns):
            return ()
        place = self.currency_place
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(self.currency(row) if place is not None else "", []).append(row)
        return tuple(self._sum(currency, groups[currency]) for currency in sorted(groups))

    def _sum(self, currency: str, rows: Sequence[Row]) -> Row:
        cells: list[Cell] = []
        for number, column in enumerate(self.columns):
            if column.total:
                cells.append(sum(value for row in rows if isinstance(value := row[number], int)))
            else:
                cells.append(currency if number == self.currency_place else None)
        return tuple(cells)


def rate(part: int, whole: int) -> Decimal | None:
    """Per cent with two decimals; None of nothing."""
    if whole == 0:
        return None
    return (Decimal(100 * part) / Decimal(whole)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def cell_text(value: Cell, column: Column, currency: str = "") -> str:
    """The cell as JSON and CSV have it: exact, no grouping, times in ISO 8601."""
    if value is None:
        return ""
    if column.kind is Kind.MONEY:
        return money_text(int(str(value)), currency)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def money_text(amount_minor: int, currency: str) -> str:
    """An amount of a currency that is none any more stays as it was stored, in minor units."""
    try:
        return decimal_text(amount_minor, currency)
    except NotMoney:
        return str(amount_minor)


def shown_text(value: Cell, column: Column, currency: str = "") -> str:
    """The cell as people read it: thousands grouped, a true minus sign, per cent, an en dash for what is absent."""
    if value is None:
        return "–"
    if column.kind in (Kind.MONEY, Kind.COUNT):
        return grouped(cell_text(value, column, currency))
    if column.kind is Kind.RATE:
        return f"{grouped(str(value))} %"
    if column.kind is Kind.NUMBER:
        return grouped(str(value))
    if isinstance(value, datetime):
        return f"{value.day} {value:%b %Y %H:%M}"
    return f"{value.day} {value:%b %Y}" if isinstance(value, date) else str(value)


def grouped(decimal: str) -> str:
    """Commas between thousands and a true minus sign: "-1234.50" is "−1,234.50"."""
    whole, point, part = decimal.lstrip("-").partition(".")
    return ("\u2212" if decimal.startswith("-") else "") + f"{int(whole or 0):,}" + point + part


def to_document(table: Table) -> dict[str, Any]:
    """As it stands in the JSON: an amount is a decimal string and minor units beside its currency."""
    return {
        "key": table.key,
        "title": table.title,
        "about": table.about,
        "empty": table.empty,
        "columns": [
            {"name": each.name, "title": each.title, "kind": each.kind.value, "total": each.total}
            for each in table.columns
        ],
        "rows": [_record(table, row) for row in table.rows],
        "totals": [_record(table, row) for row in table.totals()],
        "left_out": table.left_out,
    }


def _record(table: Table, row: Row) -> dict[str, Any]:
    currency = table.currency(row)
    return {column.name: _plain(value, column, currency) for column, value in zip(table.columns, row, strict=True)}


def _plain(value: Cell, column: Column, currency: str) -> Any:
    if value is None:
        return None
    if column.kind is Kind.MONEY:
        minor = int(str(value))
        return {"amount": money_text(minor, currency), "amount_minor": minor, "currency": currency}
    return value if isinstance(value, int) else cell_text(value, column, currency)


def from_document(document: Mapping[str, Any]) -> Table:
    """The table that `to_document` wrote."""
    columns = tuple(
        Column(each["name"], each["title"], Kind(each["kind"]), bool(each["total"])) for each in document["columns"]
    )
    rows = tuple(tuple(_cell(record[column.name], column.kind) for column in columns) for record in document["rows"])
    return Table(
        document["key"],
        document["title"],
        document["about"],
        columns,
        rows,
        empty=document["empty"],
        left_out=document["left_out"],
    )


def _cell(value: Any, kind: Kind) -> Cell:
    if value is None:
        return None
    if kind is Kind.MONEY:
        return int(value["amount_minor"])
    if kind in (Kind.RATE, Kind.NUMBER):
        return Decimal(value)
    if kind is Kind.DAY:
        return date.fromisoformat(value)
    if kind is Kind.MOMENT:
        return datetime.fromisoformat(value)
    found: Cell = value
    return found


@dataclass(slots=True)
class Builder:
    """Rows by name, in the order of the columns."""

    columns: tuple[Column, ...]
    rows: list[Row] = field(default_factory=list)

    def add(self, **cells: Cell) -> None:
        names = {column.name for column in self.columns}
        assert names >= cells.keys(), cells.keys() - names
        self.rows.append(tuple(cells.get(column.name) for column in self.columns))

    def table(
        self, key: str, title: str, about: str, *, empty: str = "Nothing in this period.", left_out: int = 0
    ) -> Table:
        return Table(key, title, about, self.columns, tuple(self.rows), empty=empty, left_out=left_out)


def columns(*described: tuple[str, str, Kind] | tuple[str, str, Kind, bool]) -> tuple[Column, ...]:
    return tuple(Column(*each) for each in described)


def in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def by_key(tables: Iterable[Table]) -> dict[str, Table]:
    return {table.key: table for table in tables}
