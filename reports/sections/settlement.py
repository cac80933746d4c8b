"""A provider's settlement file against the ledger, as tables; the comparison itself is `gateway reconcile`'s."""

from dataclasses import dataclass
from pathlib import Path

from gateway.audit.reconcile import Reconciliation, reconcile_export
from gateway.errors import BadRequest
from reports.reading import Reading
from reports.table import Builder, Kind, Table, columns
from reports.text import shown


@dataclass(frozen=True, slots=True)
class Settlement:
    """The file, and whose it is."""

    source: str
    file: Path


def read_settlement(text: str) -> Settlement:
    """From SOURCE=FILE. Raises `BadRequest`."""
    source, equals, name = text.partition("=")
    if not equals or not source or not name:
        raise BadRequest("Write --settlement as SOURCE=FILE, such as stripe=balance-november.csv.")
    file = Path(name)
    if not file.is_file():
        raise BadRequest(
            f"There is no file {name!r}; --settlement takes SOURCE=FILE, a CSV, JSON or JSON-lines export."
        )
    if file.stat().st_size == 0:
        raise BadRequest(f"The file {name!r} is empty; export it again from the provider.")
    return Settlement(source, file)


async def reconciled(reading: Reading, settlement: Settlement) -> tuple[Table, Table]:
    """What matches and what does not, and examples. Raises `NotAnExport` for a file that is none."""
    found = await reconcile_export(reading.database, source=settlement.source, file=settlement.file)
    reading.step_done("settlement file")
    return _summary(found, settlement), _examples(found)


def _summary(found: Reconciliation, settlement: Settlement) -> Table:
    built = Builder(
        columns(
            ("result", "Result", Kind.TEXT), ("rows", "How many", Kind.COUNT), ("what_to_do", "What to do", Kind.TEXT)
        )
    )
    built.add(result="Rows in the file", rows=found.rows)
    built.add(result="Matched", rows=found.matched)
    built.add(
        result="Of other kinds (fees, reserves)", rows=found.other_rows, what_to_do="Nothing: the ledger keeps none."
    )
    told = {
        "missing here": "The provider moved money we were never told of: ask it to send these events again.",
        "missing there": "We booked what the provider does not list: look whether it is in the next settlement.",
        "different amount": "Look both up at the provider; the ledger keeps what the signed event said.",
        "bad row": "Correct these lines of the file and make the report again; the other rows were compared.",
    }
    for difference in found.differences:
        built.add(
            result=difference.what.capitalize(),
            rows=difference.count,
            what_to_do=told[difference.what] if difference.count else None,
        )
    name = f"{shown(settlement.file.name)} of {shown(settlement.source)}"
    return built.table("settlement", "Settlement", f"The file {name} against the ledger.")


def _examples(found: Reconciliation) -> Table:
    built = Builder(
        columns(
            ("result", "Result", Kind.TEXT),
            ("line", "Line", Kind.COUNT),
            ("effect", "Effect", Kind.CODE),
            ("told", "The provider says", Kind.TEXT),
            ("booked", "We booked", Kind.TEXT),
            ("why", "Why", Kind.TEXT),
        )
    )
    left_out = 0
    for difference in found.differences:
        left_out += difference.count - len(difference.examples)
        for each in difference.examples:
            built.add(
                result=difference.what.capitalize(),
                line=each.line,
                effect=shown(each.effect) if each.effect else None,
                told=each.told,
                booked=each.booked,
                why=shown(each.why) if each.why else None,
            )
    return built.table(
        "settlement_differences",
        "Settlement, line by line",
        "Each difference, as far as they are listed.",
        empty="Everything matches.",
        left_out=left_out,
    )
