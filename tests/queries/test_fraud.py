"""What looked risky, and saying so when there is nothing to judge by."""

from datetime import timedelta

import pytest
from seeded_store import NOW, Ask

from gateway.errors import NotFound
from gateway.queries.fraud import FraudPatterns, fraud_patterns
from gateway.queries.period import Period, period

DAY = period("day", NOW)


def counted(found: FraudPatterns, what: str) -> dict[str, int]:
    return {count.name: count.count for count in getattr(found, what)}


def test_levels_reasons_and_the_riskiest_come_from_the_stored_insights(ask: Ask) -> None:
    """Low and unscored events are counted but not listed."""
    found = ask(lambda database: fraud_patterns(database, DAY, now=NOW))
    assert counted(found, "levels") == {"low": 1, "medium": 1, "critical": 1, "unscored": 1}
    assert counted(found, "reasons") == {"velocity": 2, "new_counterparty": 1}
    assert [insight.score for insight in found.riskiest] == [85, 45]
    assert (found.scored, found.unscored, found.note) == (3, 1, None)


def test_refusals_at_the_door_are_counted_with_how_far_back_they_reach(ask: Ask) -> None:
    """The log is bounded, so an old period may not be all there."""
    refused = ask(lambda database: fraud_patterns(database, DAY, now=NOW)).refused_requests
    assert {count.name: count.count for count in refused.by_reason} == {"signature": 2, "stale": 1}
    assert (refused.count, refused.kept_since) == (3, NOW - timedelta(days=40))


def test_one_wallet_can_be_asked_for(ask: Ask) -> None:
    """By owner, or in one currency."""
    assert ask(lambda database: fraud_patterns(database, DAY, now=NOW, wallet="alice")).scored == 3
    assert ask(lambda database: fraud_patterns(database, DAY, now=NOW, wallet="EUR:alice")).scored == 0


def test_nothing_scored_is_said_not_shown_as_safe(ask: Ask) -> None:
    """An empty period has no level at all."""
    past = Period(NOW - timedelta(days=300), NOW - timedelta(days=299))
    found = ask(lambda database: fraud_patterns(database, past, now=NOW))
    assert found.note is not None
    assert found.note.startswith("no scored events between 2026-01-25")
    assert (found.scored, found.levels, found.riskiest) == (0, [], [])


def test_an_unknown_wallet_is_an_error(ask: Ask) -> None:
    """ "No risk found" would be a lie."""
    with pytest.raises(NotFound):
        ask(lambda database: fraud_patterns(database, DAY, now=NOW, wallet="nobody"))


def test_an_empty_store_answers(empty: Ask) -> None:
    """A fresh gateway is not an error."""
    found = empty(lambda database: fraud_patterns(database, DAY, now=NOW))
    assert (found.scored, found.refused_requests.count, found.refused_requests.kept_since) == (0, 0, None)
