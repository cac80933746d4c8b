"""The events worth a person's time: the highest scores of the period, each with its reasons."""

from collections.abc import Mapping
from typing import Any, Final

from reports.reading import Document, Reading
from reports.table import Builder, Kind, Table, columns
from reports.text import shown

LISTED_MAX: Final = 12
REASONS_MAX: Final = 6
LEVELS: Final = ("critical", "high", "medium", "low", "unscored")


async def levels(reading: Reading) -> Table:
    """Events by level, the highest first."""
    key = {"$cond": [{"$lt": ["$score", 0]}, "unscored", "$level"]}  # null and absent sort below every number
    rows = await reading.rows("insights", [{"$match": _wanted(reading)}, {"$group": {"_id": key, "n": {"$sum": 1}}}])
    counts = {str(row["_id"]): row["n"] for row in rows}
    built = Builder(columns(("level", "Level", Kind.TEXT), ("events", "Events", Kind.COUNT, True)))
    for level in [*(each for each in LEVELS if each in counts), *sorted(counts.keys() - set(LEVELS))]:
        built.add(level=shown(level).capitalize(), events=counts[level])
    return built.table(
        "risk_levels",
        "Risk by level",
        "The local scorer's verdict on each movement. A level says how unusual an event is, not that it is fraud.",
        empty="No insight was stored in this period.",
    )


async def riskiest(reading: Reading) -> Table:
    """The highest scores, none of zero."""
    wanted = _wanted(reading) | {"score": {"$gt": 0}}
    order = {"$sort": {"score": -1, "at": -1, "_id": 1}}
    rows = await reading.rows("insights", [{"$match": wanted}, order, {"$limit": LISTED_MAX}])
    built = Builder(
        columns(
            ("score", "Score", Kind.COUNT),
            ("level", "Level", Kind.TEXT),
            ("at", "When", Kind.MOMENT),
            ("kind", "What", Kind.TEXT),
            ("currency", "Currency", Kind.TEXT),
            ("amount", "Amount", Kind.MONEY),
            ("wallet", "Wallet", Kind.CODE),
            ("counterparty", "Counterparty", Kind.CODE),
            ("reasons", "Reasons", Kind.TEXT),
            ("event", "Event", Kind.CODE),
        )
    )
    for row in rows:
        built.add(**_cells(row, reading))
    left_out = await reading.database["insights"].count_documents(wanted) - len(rows) if rows else 0
    reading.step_done("risk")
    return built.table(
        "risk",
        "Events worth a look",
        "The highest risk scores (0 to 100) with the scorer's reasons. Nothing was held or refused because of them.",
        empty="No event of this period scored above zero.",
        left_out=left_out,
    )


def _wanted(reading: Reading) -> Document:
    period = reading.asked.period
    wanted: Document = {"at": {"$gte": period.since, "$lt": period.until}} | reading.asked.source_and_currency
    return wanted | ({"wallet": reading.asked.wallet} if reading.asked.wallet else {})


def _cells(row: Document, reading: Reading) -> dict[str, Any]:
    currency = row.get("currency") or None
    return {
        "score": int(row["score"]),
        "level": shown(row.get("level")).capitalize(),
        "at": reading.asked.period.local(row["at"]),
        "kind": shown(row.get("kind")).replace("_", " "),
        "currency": currency,
        "amount": int(row["amount_minor"]) if currency else None,
        "wallet": shown(row.get("wallet")),
        "counterparty": shown(row.get("counterparty") or ""),
        "reasons": _reasons(row.get("reasons") or []),
        "event": shown(row["_id"]),
    }


def _reasons(reasons: list[Mapping[str, Any]]) -> str:
    """Those that gave points, each in the scorer's words."""
    said = [f"{shown(each.get('text'), 300).rstrip('.')} (+{each['points']})" for each in reasons if each.get("points")]
    return "; ".join(said[:REASONS_MAX])
