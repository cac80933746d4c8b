"""Movement and Assessment → the insight that is stored, in the shape of the `insights` collection."""

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from gateway.analysis.assessment import Assessment
from gateway.analysis.features import Movement
from gateway.analysis.model import MODEL
from gateway.clock import utc

UNSCORED: Final = "unscored"
FIRST_MET: Final = "first_met"
SUSPICIOUS: Final = "suspicious"
CHARGEBACK: Final = "chargeback"
"""Fields that are there only where they say something: what the states of the counterparty learned from the event."""
_MILLISECONDS: Final = 10**13
"""More than any time in milliseconds that a `Movement` can have."""


def build_insight(
    movement: Movement,
    assessment: Assessment | None,
    *,
    transaction: str,
    narrate_from_score: int,
    model_configured: bool,
    now: float,
    unscored_reason: str = "scorer_failed",
) -> dict[str, Any]:
    """The document. `now` is in unix seconds; without an assessment it is marked unscored and says why."""
    at = _batch_time(now)
    insight: dict[str, Any] = {
        "_id": movement.event_id,
        "transaction": transaction,
        "source": movement.source,
        "kind": movement.kind,
        "wallet": movement.wallet,
        "counterparty": movement.counterparty,
        "currency": movement.currency,
        "amount_minor": movement.amount_minor,
        **(_scored(assessment) if assessment else _unscored(unscored_reason)),
        "occurred_at": utc(movement.occurred_at),
        "at": at,
        "narrative": _narrative(assessment, narrate_from_score, model_configured=model_configured),
    }
    if assessment and insight["narrative"]["status"] == "pending":
        insight["narrate"] = narrate_key(assessment.score, at)
    return insight


def build_insight_without_amount(
    *, event_id: str, transaction: str, source: str, kind: str, wallet: str, occurred_at: float, now: float
) -> dict[str, Any]:
    """The document of an event that moves nothing a scorer could judge, a subscription's say: it says so."""
    return {
        "_id": event_id,
        "transaction": transaction,
        "source": source,
        "kind": kind,
        "wallet": wallet,
        "counterparty": None,
        "currency": "",
        "amount_minor": 0,
        **_unscored("no_amount", "This event carries no amount: there is nothing to score."),
        "occurred_at": utc(occurred_at),
        "at": utc(now),
        "narrative": {"status": "absent", "reason": UNSCORED},
    }


@lru_cache(maxsize=1)
def _batch_time(now: float) -> datetime:
    """All insights of a batch are made at the same time."""
    return utc(now)


def narrate_key(score: int, at: datetime) -> int:
    """Sorts ascending: the highest score first, the oldest of equal scores first."""
    return (100 - score) * _MILLISECONDS + int(at.timestamp() * 1000)


def _scored(assessment: Assessment) -> dict[str, Any]:
    score, level, reasons, confidence, model, probability, recommendation = assessment
    scored: dict[str, Any] = {
        "score": score,
        "level": level,
        "reasons": [_reason(*reason) for reason in reasons],
        "confidence": confidence,
        "model": model,
    }
    if probability is not None:  # absent where no model said anything: it is computed or not there
        scored["probability"], scored["recommendation"] = probability, recommendation
    return scored


def _reason(code: str, points: int, value: str, usual: str | None, text: str) -> dict[str, Any]:
    """Spelled out: nothing in it needs masking, which would cost as much as the scoring: the rules write numbers and never a
    name (tests/properties/test_scores.py)."""
    return {"code": code, "points": points, "value": value, "usual": usual, "text": text}


def _unscored(
    reason: str, text: str = "The local scorer gave no score for this event; the money was booked all the same."
) -> dict[str, Any]:
    said = {
        "code": UNSCORED,
        "points": 0,
        "value": reason,
        "usual": None,
        "text": text,
    }
    return {"score": None, "level": UNSCORED, "reasons": [said], "confidence": 0.0, "model": MODEL}


def _narrative(assessment: Assessment | None, narrate_from_score: int, *, model_configured: bool) -> dict[str, Any]:
    if not model_configured:
        return {"status": "absent", "reason": "no_model_key"}
    if assessment is None:
        return {"status": "absent", "reason": UNSCORED}
    if assessment.score < narrate_from_score:
        return {"status": "absent", "reason": "below_threshold"}
    return {"status": "pending"}
