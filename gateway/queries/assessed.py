"""An insight as a caller reads it: how risky, why, and what the model wrote about it, if anything."""

from datetime import datetime

from gateway.money import decimal_text
from gateway.queries.reading import Answer, Document


class Reason(Answer):
    """One finding behind a score."""

    code: str
    points: int
    text: str


class InsightSummary(Answer):
    """One assessed event. `score` is null and `level` "unscored" when the scorer had nothing to say."""

    event_id: str
    source: str
    kind: str
    wallet: str | None
    currency: str | None
    amount: str | None
    amount_minor: int | None
    """Null for an event without an amount, such as the end of a subscription."""
    score: int | None
    level: str
    confidence: float | None
    reasons: list[Reason]
    model: str | None
    probability: float | None = None
    """Of fraud, calibrated on what the model was trained on; null where no model had anything to go by."""
    recommendation: str | None = None
    """none, review or block, by cost: advice, nothing is stopped on it; null without a probability."""
    occurred_at: datetime
    narrative_status: str
    """absent, pending, written or failed; `narrative_reason` says why."""
    narrative_reason: str | None
    headline: str | None
    narrative: str | None
    advice: str | None


def insight_summary(insight: Document) -> InsightSummary:
    """From the stored insight. The reasons' texts are the scorer's own, the narrative is the model's."""
    written = insight.get("narrative") or {"status": "absent"}
    currency = insight["currency"] or None
    return InsightSummary(
        event_id=insight["_id"],
        source=insight["source"],
        kind=insight["kind"],
        wallet=insight.get("wallet") or None,
        currency=currency,
        amount=decimal_text(insight["amount_minor"], currency) if currency else None,
        amount_minor=insight["amount_minor"] if currency else None,
        score=insight.get("score"),
        level=insight["level"],
        confidence=insight.get("confidence"),
        reasons=[
            Reason(code=reason["code"], points=reason["points"], text=reason["text"])
            for reason in insight.get("reasons", [])
        ],
        model=insight.get("model"),
        probability=insight.get("probability"),
        recommendation=insight.get("recommendation"),
        occurred_at=insight["occurred_at"],
        narrative_status=written["status"],
        narrative_reason=written.get("reason"),
        headline=written.get("headline"),
        narrative=written.get("text"),
        advice=written.get("advice"),
    )
