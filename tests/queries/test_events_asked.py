"""What became of one delivery."""

import pytest
from seeded_store import TRANSFER_EVENT, Ask, event_id

from gateway.errors import BadRequest, NotFound
from gateway.queries.events import event_status


def test_an_applied_event_tells_what_it_led_to(ask: Ask) -> None:
    """Its transactions and its insight, with what the model wrote."""
    status = ask(lambda database: event_status(database, TRANSFER_EVENT))
    assert (status.source, status.tx_id, status.outcome) == ("payments", "tx-1", "applied")
    assert status.transaction_ids == ["payments:transfer:tx-1"]
    assert (status.insight.level, status.insight.narrative_status) == ("critical", "written")
    assert (status.insight.headline, status.insight.narrative, status.insight.advice) == ("Unusual", "Look.", "Ask.")


def test_a_waiting_event_waits(ask: Ask) -> None:
    """No outcome, no reason, nothing led to."""
    status = ask(lambda database: event_status(database, event_id("payments", "tx-waiting")))
    assert (status.outcome, status.settled_at, status.transaction_ids, status.insight) == ("waiting", None, [], None)


def test_a_parked_event_says_what_it_waits_for(ask: Ask) -> None:
    """By its reason."""
    status = ask(lambda database: event_status(database, event_id("stripe", "evt_parked")))
    assert (status.outcome, status.reason) == ("parked", "parent_unknown")


def test_the_body_is_never_told(ask: Ask) -> None:
    """Neither whole nor in parts."""
    assert "SECRET-FREE-TEXT" not in ask(lambda database: event_status(database, TRANSFER_EVENT)).model_dump_json()


@pytest.mark.parametrize("name", ["evt_" + "0" * 32, "evt_1AbcStripe", "anything"])
def test_an_unknown_event_is_not_found(ask: Ask, name: str) -> None:
    """Whether it looks like an id of ours or not."""
    with pytest.raises(NotFound):
        ask(lambda database: event_status(database, name))


def test_a_text_that_can_be_no_id_is_refused(ask: Ask) -> None:
    """Before the store is asked."""
    with pytest.raises(BadRequest):
        ask(lambda database: event_status(database, "evt_\x00"))
