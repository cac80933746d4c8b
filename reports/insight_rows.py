"""Stored insights → the risk part of a report. What a model wrote keeps its author's name."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reports.books import Amount, Listing
from reports.figures import LevelCount, Narrative, NarrativeCount, Reason, RiskFigures, RiskyEvent
from reports.rows import Facets, shown

Row = Mapping[str, Any]

REASONS_MAX: Final = 8
MODEL_CHARS_MAX: Final = 1_200
LEVELS: Final = ("critical", "high", "medium", "low", "unscored")


def risk(facets: Facets, riskiest: Sequence[Row]) -> RiskFigures:
    """Counts per level from the highest down, the narratives' fates, and the riskiest events with their reasons."""
    counts = {shown(row["_id"].get("level")): row["n"] for row in facets["levels"]}
    ordered = [*(level for level in LEVELS if level in counts), *sorted(set(counts) - set(LEVELS))]
    narratives = tuple(
        NarrativeCount(shown(row["_id"]["status"]), shown(row["_id"]["reason"]), row["n"])
        for row in facets["narratives"]
    )
    risky = facets["risky"][0]["n"] if facets["risky"] else 0
    fates = facets["narratives_count"][0]["n"] if facets["narratives_count"] else 0
    return RiskFigures(
        levels=tuple(LevelCount(level, counts[level]) for level in ordered),
        narratives=Listing(narratives, fates - len(narratives)),
        riskiest=Listing(tuple(_risky(row) for row in riskiest), risky - len(riskiest)),
    )


def _risky(row: Row) -> RiskyEvent:
    reasons = row.get("reasons") or []
    return RiskyEvent(
        event_id=shown(row["_id"]),
        at=row["at"],
        source=shown(row.get("source")),
        kind=shown(row.get("kind")),
        wallet=shown(row.get("wallet")),
        counterparty=shown(row.get("counterparty")),
        amount=Amount(int(row["amount_minor"]), row["currency"]) if row.get("currency") else None,
        score=int(row["score"]),
        level=shown(row.get("level")),
        confidence=shown(row.get("confidence")),
        scored_by=shown(row.get("model")),
        reasons=tuple(
            Reason(shown(each.get("code")), shown(each.get("points")), shown(each.get("text"), 300))
            for each in reasons[:REASONS_MAX]
        ),
        narrative=_narrative(row.get("narrative") or {}),
    )


def _narrative(stored: Row) -> Narrative:
    """Only a text that is there counts as written."""
    written = stored.get("status") == "written" and bool(stored.get("text"))
    status = "written" if written else stored.get("status") or "absent"
    return Narrative(
        status=shown("failed" if status == "written" and not written else status),
        reason=shown(stored.get("reason"), 300),
        headline=shown(stored.get("headline"), 300) if written else "",
        text=shown(stored.get("text"), MODEL_CHARS_MAX) if written else "",
        advice=shown(stored.get("advice"), MODEL_CHARS_MAX) if written else "",
        model=shown(stored.get("model") or "an unnamed model") if written else "",
        prompt_version=shown(stored.get("prompt_version")) if written else "",
        written_at=stored.get("written_at") if written else None,
    )
