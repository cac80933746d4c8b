"""The whole report as one value: words, tables, checks, and where the ledger stood. Its JSON is the report; all else is drawn."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reports.period import Period
from reports.position import Position
from reports.table import Table, by_key, from_document, to_document

FORMAT: Final = "auto-pay-gateway/report/2"
"""Changes when a field of the JSON is renamed, removed or means something else."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be true of the tables, and whether it is."""

    name: str
    holds: bool
    words: str


@dataclass(frozen=True, slots=True)
class Narrative:
    """Paragraphs; who wrote them; and how many sentences were dropped for a number that no table has."""

    paragraphs: tuple[str, ...]
    author: str
    note: str = ""
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """`closed`: the period is over, so the same is said whenever it is asked. `made_at` is only said of an open one."""

    period: Period
    filters: Mapping[str, str]
    closed: bool
    made_at: datetime | None
    position: Position
    narrative: Narrative
    tables: tuple[Table, ...]
    checks: tuple[Check, ...]

    @property
    def by_key(self) -> dict[str, Table]:
        return by_key(self.tables)

    @property
    def title(self) -> str:
        return f"Payments report, {self.period.words}"

    @property
    def filter_words(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.filters.items())

    @property
    def standing(self) -> str:
        """One sentence on what the figures are computed from."""
        at = f"Computed from the ledger at {self.position.words}."
        if self.closed:
            return f"{at} The period is closed: the same report gives the same figures."
        made = f", made {self.period.local(self.made_at):%Y-%m-%d %H:%M}" if self.made_at else ""
        return f"{at} The period is still open{made}: later figures will differ."


def as_json(report: Report) -> bytes:
    """The same bytes for the same report."""
    document = {
        "format": FORMAT,
        "since": _utc(report.period.since),
        "until": _utc(report.period.until),
        "time_zone": report.period.zone,
        "unit": report.period.unit,
        "filters": dict(report.filters),
        "closed": report.closed,
        "made_at": _utc(report.made_at) if report.made_at else None,
        "ledger": {"seq": report.position.seq, "link": report.position.link},
        "narrative": {
            "paragraphs": list(report.narrative.paragraphs),
            "author": report.narrative.author,
            "note": report.narrative.note,
            "dropped": report.narrative.dropped,
        },
        "checks": [{"name": each.name, "holds": each.holds, "words": each.words} for each in report.checks],
        "tables": [to_document(table) for table in report.tables],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def from_json(content: bytes) -> Report:
    """The report that `as_json` wrote."""
    document: dict[str, Any] = json.loads(content)
    told = document["narrative"]
    return Report(
        period=Period(
            datetime.fromisoformat(document["since"]),
            datetime.fromisoformat(document["until"]),
            document["time_zone"],
            document["unit"],
        ),
        filters=document["filters"],
        closed=document["closed"],
        made_at=datetime.fromisoformat(document["made_at"]) if document["made_at"] else None,
        position=Position(document["ledger"]["seq"], document["ledger"]["link"]),
        narrative=Narrative(tuple(told["paragraphs"]), told["author"], told["note"], told["dropped"]),
        tables=tuple(from_document(each) for each in document["tables"]),
        checks=tuple(Check(each["name"], each["holds"], each["words"]) for each in document["checks"]),
    )


def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
