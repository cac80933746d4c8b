"""The insight document: its shape, its honesty about what is absent, and its place in the queue of narratives."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.analysis.assessment import Assessment
from gateway.analysis.features import Movement
from gateway.analysis.model import Reason
from gateway.insights.insight import build_insight, narrate_key

NOW = 1_800_000_000.5
MOVEMENT = Movement("evt_1", "stripe", "capture", "alice", "shop", "USD", 1_234, "in", 1_799_999_000.25)
HIGH = Assessment(65, "high", (Reason("amount", 45, "12.34 USD", "1.00 USD", "Much."),), 0.4)


def insight(assessment: Assessment | None = HIGH, **said: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"narrate_from_score": 60, "model_configured": True, "now": NOW}
    return build_insight(MOVEMENT, assessment, transaction="stripe:capture:pi_1", **{**usual, **said})


def test_an_insight_says_what_moved_and_what_it_means() -> None:
    """Every field of the stored shape, and no other."""
    assert insight() == {
        "_id": "evt_1",
        "transaction": "stripe:capture:pi_1",
        "source": "stripe",
        "kind": "capture",
        "wallet": "alice",
        "counterparty": "shop",
        "currency": "USD",
        "amount_minor": 1_234,
        "score": 65,
        "level": "high",
        "reasons": [{"code": "amount", "points": 45, "value": "12.34 USD", "usual": "1.00 USD", "text": "Much."}],
        "confidence": 0.4,
        "model": "rules-2",
        "occurred_at": datetime(2027, 1, 15, 7, 43, 20, 250_000, tzinfo=UTC),
        "at": datetime(2027, 1, 15, 8, 0, 0, 500_000, tzinfo=UTC),
        "narrate": narrate_key(65, datetime(2027, 1, 15, 8, 0, 0, 500_000, tzinfo=UTC)),
        "narrative": {"status": "pending"},
    }


def test_without_an_assessment_it_is_unscored_and_says_why() -> None:
    """No score is invented; the event stays booked."""
    unscored = insight(None, unscored_reason="scorer_failed")
    assert (unscored["score"], unscored["level"], unscored["confidence"]) == (None, "unscored", 0.0)
    assert [(reason["code"], reason["value"]) for reason in unscored["reasons"]] == [("unscored", "scorer_failed")]
    assert unscored["narrative"] == {"status": "absent", "reason": "unscored"}
    assert "narrate" not in unscored


@pytest.mark.parametrize(
    ("said", "reason"),
    [({"model_configured": False}, "no_model_key"), ({"narrate_from_score": 66}, "below_threshold")],
)
def test_a_narrative_that_will_not_come_says_why(said: dict[str, Any], reason: str) -> None:
    """Absent, with its reason, and not in the queue."""
    absent = insight(**said)
    assert absent["narrative"] == {"status": "absent", "reason": reason}
    assert "narrate" not in absent


def test_the_threshold_belongs_to_the_risky() -> None:
    """A score equal to the threshold is narrated."""
    assert insight(narrate_from_score=65)["narrative"] == {"status": "pending"}


def test_the_highest_score_is_narrated_first_and_of_equals_the_oldest() -> None:
    """The order of the queue."""
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
    keys = [narrate_key(100, early), narrate_key(100, late), narrate_key(99, early), narrate_key(0, late)]
    assert keys == sorted(keys)
    assert keys[-1] < 2**63
