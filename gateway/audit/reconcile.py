"""A provider's settlement export against the ledger: matched, missing here, missing there, different amount.

What the export says is kept per effect in a temporary SQLite file, so a year's export takes no more memory than a day's.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from gateway.audit.reading import BATCH, Database, Moment, at_one_moment
from gateway.audit.records import Document
from gateway.audit.settlement import Amounts, BadRow, OtherRow, Row, read_rows
from gateway.money import NotMoney, decimal_text

EXAMPLES_MAX: Final = 50
"""Of each kind of difference; the rest are counted."""

ALWAYS_SETTLED: Final = frozenset({"capture", "refund", "transfer"})
"""What every export lists; other effects are looked for in it only when it lists any of their kind."""

What = Literal["missing here", "missing there", "different amount", "bad row"]


@dataclass(frozen=True, slots=True)
class Example:
    """One difference: where the export says it, what it says, what the ledger says. None: nothing."""

    effect: str | None
    line: int | None
    told: str | None
    booked: str | None
    why: str | None = None

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line else "ledger"
        parts = (
            self.effect,
            self.told and f"they say {self.told}",
            self.booked and f"we booked {self.booked}",
            self.why,
        )
        return f"{place}: " + ", ".join(part for part in parts if part)


@dataclass(slots=True)
class Difference:
    what: What
    count: int = 0
    examples: list[Example] = field(default_factory=list)

    def note(self, example: Example) -> None:
        self.count += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(example)

    def to_document(self) -> dict[str, Any]:
        return {"count": self.count, "examples": [asdict(example) for example in self.examples]}


@dataclass(slots=True)
class Reconciliation:
    """`ok` when every row has its effect in the ledger, with the same amount, and the other way round."""

    source: str
    rows: int = 0
    other_rows: int = 0
    matched: int = 0
    since: datetime | None = None
    until: datetime | None = None
    missing_here: Difference = field(default_factory=lambda: Difference("missing here"))
    missing_there: Difference = field(default_factory=lambda: Difference("missing there"))
    different_amount: Difference = field(default_factory=lambda: Difference("different amount"))
    bad_rows: Difference = field(default_factory=lambda: Difference("bad row"))

    @property
    def differences(self) -> tuple[Difference, ...]:
        return self.missing_here, self.missing_there, self.different_amount, self.bad_rows

    @property
    def ok(self) -> bool:
        return not any(difference.count for difference in self.differences)

    def to_document(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "source": self.source,
            "rows": self.rows,
            "other_rows": self.other_rows,
            "matched": self.matched,
            "since": self.since,
            "until": self.until,
            "missing_here": self.missing_here.to_document(),
            "missing_there": self.missing_there.to_document(),
            "different_amount": self.different_amount.to_document(),
            "bad_rows": self.bad_rows.to_document(),
        }


async def reconcile_export(
    database: Database, *, source: str, file: Path, amounts: Amounts = Amounts.AUTO
) -> Reconciliation:
    """Match every row, then look for what no row speaks of, within the period of the export where its rows have dates.

    Raises `NotAnExport` for a file without rows in it, `AuditIncomplete` when MongoDB cannot be read.
    """
    found = Reconciliation(source)
    with closing(sqlite3.connect("")) as scratch:  # a file of its own that SQLite removes
        scratch.execute(
            "CREATE TABLE told (effect TEXT PRIMARY KEY, amount INTEGER, currency TEXT, line INTEGER, "
            "booked INTEGER, booked_currency TEXT) WITHOUT ROWID"
        )
        rows = _counted(read_rows(file, amounts), found)
        while batch := list(islice(rows, BATCH)):
            booked = await at_one_moment(database, partial(_booked, effects=_candidates(batch, source)))
            kept = [row for row in batch if not row.is_automatic or booked.keys() & _effects(row, source)]
            found.other_rows += len(batch) - len(kept)
            scratch.executemany(_TELL, (_told(row, source, booked) for row in kept))
        _compare(scratch, found)
        await at_one_moment(database, partial(_look_for_missing, scratch=scratch, found=found))
    return found


_TELL: Final = (
    "INSERT INTO told VALUES (?, ?, ?, ?, ?, ?) "  # several rows of one effect, such as a capture and its partial reversal
    "ON CONFLICT (effect) DO UPDATE SET amount = amount + excluded.amount"
)


def _counted(rows: Iterator[Row | OtherRow | BadRow], found: Reconciliation) -> Iterator[Row]:
    for row in rows:
        found.rows += 1
        if isinstance(row, BadRow):
            found.bad_rows.note(Example(None, row.line, None, None, row.why))
        elif isinstance(row, OtherRow):
            found.other_rows += 1
        else:
            if row.since is not None and row.until is not None:
                found.since = min(found.since or row.since, row.since)
                found.until = max(found.until or row.until, row.until)
            yield row


def _effects(row: Row, source: str) -> list[str]:
    return [f"{source}:{kind}:{object_id}" for kind in row.kinds for object_id in row.ids]


def _candidates(rows: Sequence[Row], source: str) -> list[str]:
    return [effect for row in rows for effect in _effects(row, source)]


async def _booked(moment: Moment, effects: list[str]) -> dict[str, Document]:
    fields = {"amount_minor": 1, "currency": 1}
    return {one["_id"]: one async for one in moment.stream("transactions", {"_id": {"$in": effects}}, fields=fields)}


def _told(row: Row, source: str, booked: dict[str, Document]) -> tuple[object, ...]:
    effects = _effects(row, source)
    effect = next((each for each in effects if each in booked), effects[0])
    ours = booked.get(effect, {})
    return effect, row.amount_minor, row.currency, row.line, ours.get("amount_minor"), ours.get("currency")


def _compare(scratch: sqlite3.Connection, found: Reconciliation) -> None:
    for effect, amount, currency, line, booked, booked_currency in scratch.execute("SELECT * FROM told ORDER BY line"):
        if booked is None:
            found.missing_here.note(Example(effect, line, _text(amount, currency), None))
        elif (amount, currency) != (booked, booked_currency):
            found.different_amount.note(Example(effect, line, _text(amount, currency), _text(booked, booked_currency)))
        else:
            found.matched += 1


async def _look_for_missing(moment: Moment, scratch: sqlite3.Connection, found: Reconciliation) -> None:
    found.missing_there = Difference("missing there")
    query: Document = {"source": found.source, "kind": {"$in": sorted(_kinds_listed(scratch))}}
    if found.since is not None:
        query["occurred_at"] = {"$gte": found.since, "$lt": found.until}
    fields = {"amount_minor": 1, "currency": 1}
    async for ours in moment.stream("transactions", query, order=[("seq", 1)], fields=fields):
        if not scratch.execute("SELECT 1 FROM told WHERE effect = ?", (ours["_id"],)).fetchone():
            found.missing_there.note(Example(ours["_id"], None, None, _text(ours["amount_minor"], ours["currency"])))


def _kinds_listed(scratch: sqlite3.Connection) -> set[str]:
    """An effect is named `<source>:<kind>:<id>`."""
    listed = scratch.execute(
        "SELECT DISTINCT substr(effect, instr(effect, ':') + 1, "
        "instr(substr(effect, instr(effect, ':') + 1), ':') - 1) FROM told"
    )
    return {kind for (kind,) in listed} | ALWAYS_SETTLED


def _text(amount_minor: int, currency: str) -> str:
    try:
        return f"{decimal_text(amount_minor, currency)} {currency}"
    except NotMoney:
        return f"{amount_minor} minor units of {currency}"
