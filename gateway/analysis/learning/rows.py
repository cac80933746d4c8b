"""A file of labelled events, one row an event: `time_s, customer, counterparty, amount, fraud`, sorted by time."""

import csv
import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from gateway.errors import BadModel

COLUMNS: Final = ("time_s", "customer", "counterparty", "amount", "fraud")
ROWS_MAX: Final = 20_000_000
TRUE: Final = frozenset({"1", "1.0", "true", "True"})


class Row(NamedTuple):
    """One event. `amount_minor` is in hundredths; a negative one goes to the customer, a refund say."""

    time_s: float
    customer: str
    counterparty: str
    amount_minor: int
    fraud: bool


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV file with a header, plain or gzipped. Raises `BadModel` with the line that cannot be read."""
    try:
        with _opened(path) as file:
            lines = csv.reader(file)
            columns = [name.strip() for name in next(lines, [])]
            if missing := [name for name in COLUMNS if name not in columns]:
                raise BadModel(f"{path.name} lacks the columns {', '.join(missing)}; its first line must name them.")
            yield from checked((_row(cells, columns) for cells in lines if cells), path.name)
    except (OSError, UnicodeDecodeError, csv.Error) as wrong:
        raise BadModel(f"{path} cannot be read: {wrong}.") from wrong


def checked(rows: Iterable[Row | None], name: str) -> Iterator[Row]:
    """The rows, as long as they are rows and come in order."""
    before = 0.0
    for number, row in enumerate(rows, start=2):
        if row is None or number > ROWS_MAX:
            raise BadModel(f"{name}, line {number}: not a row of {', '.join(COLUMNS)}.")
        if row.time_s < before:
            raise BadModel(f"{name}, line {number}: earlier than the row before it; sort the file by time_s.")
        before = row.time_s
        yield row


def _row(cells: list[str], columns: list[str]) -> Row | None:
    named = dict(zip(columns, cells, strict=False))
    try:
        time_s, minor = float(named["time_s"]), round(float(named["amount"]) * 100)
        return Row(time_s, named["customer"], named["counterparty"], minor, named["fraud"].strip() in TRUE)
    except (KeyError, ValueError, OverflowError):
        return None


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", newline="") as packed:
            yield packed
    else:
        with path.open(newline="") as file:
            yield file
