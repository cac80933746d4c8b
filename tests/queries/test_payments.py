"""What became of a payment, by every name it has."""

from typing import Any

import pytest
from seeded_store import (
    CAPTURE_EVENT,
    REFUND_EVENT,
    TRANSFER_EVENT,
    Ask,
    event,
    event_id,
    insight,
    leg,
    stored_object,
    transaction,
)

from gateway.errors import BadRequest, NotFound
from gateway.queries.events import EventStatus, event_status
from gateway.queries.payments import PaymentStatus, payment_status
from gateway.queries.reading import Database


def test_a_providers_payment_id_tells_state_movements_and_risk(ask: Ask) -> None:
    """The object's own effects, and the riskiest insight among its events."""
    status = ask(lambda database: payment_status(database, "pi_1"))
    assert (status.object_id, status.state, status.amount, status.refunded) == (
        "stripe:payment:pi_1",
        "PARTIALLY_REFUNDED",
        "120.00",
        "20.00",
    )
    assert [movement.transaction_id for movement in status.transactions] == ["stripe:capture:pi_1"]
    assert [leg.amount for leg in status.transactions[0].legs] == ["-120.00", "120.00"]
    assert (status.event_id, status.outcome) == (REFUND_EVENT, "applied")
    assert status.insight.score == 45


@pytest.mark.parametrize(
    ("name", "object_id"),
    [
        ("re_1", "stripe:refund:re_1"),
        ("stripe:refund:re_1", "stripe:refund:re_1"),
        ("tx-1", "payments:transfer:tx-1"),
        ("payments:transfer:tx-1", "payments:transfer:tx-1"),
        ("stripe:capture:pi_1", "stripe:payment:pi_1"),
        ("evt_capture", "stripe:payment:pi_1"),
        (CAPTURE_EVENT, "stripe:payment:pi_1"),
    ],
)
def test_every_name_finds_the_same_thing(ask: Ask, name: str, object_id: str) -> None:
    """A provider's id, a native tx_id, our full name, a transaction, a provider's event id, our event id."""
    assert ask(lambda database: payment_status(database, name)).object_id == object_id


def test_an_event_that_still_waits_is_said_to_wait(ask: Ask) -> None:
    """Between the 202 and the ledger there is something to tell, and it is not a state."""
    status = ask(lambda database: payment_status(database, "tx-waiting"))
    assert (status.outcome, status.state, status.transactions) == ("waiting", None, [])
    assert status.event_id == event_id("payments", "tx-waiting")


def test_an_event_that_moved_nothing_tells_why(ask: Ask) -> None:
    """Its outcome and reason, and a type that is no name is not repeated."""
    status = ask(lambda database: payment_status(database, "evt_odd"))
    assert (status.outcome, status.reason, status.event_type) == ("ignored", "no_rule", "(other)")


def test_an_unknown_payment_is_an_error(ask: Ask) -> None:
    """It is not a payment with nothing in it."""
    with pytest.raises(NotFound, match="No payment"):
        ask(lambda database: payment_status(database, "pi_unknown"))


def test_an_id_that_two_sources_use_is_refused_with_the_full_names(ask: Ask) -> None:
    """Guessing could show one customer's payment for another's."""
    with pytest.raises(BadRequest, match="razorpay:payment:same, stripe:payment:same"):
        ask(lambda database: payment_status(database, "same"))
    assert ask(lambda database: payment_status(database, "stripe:payment:same")).source == "stripe"


def test_an_event_of_a_source_that_was_added_is_found_too(ask: Ask) -> None:
    """Waiting, so that only its event is known: the source's name is the operator's, and it may be closed by now."""

    async def with_added(database: Database) -> PaymentStatus:
        await database.sources.insert_one({"_id": "shop-eu", "disabled_at": None})
        await database.events.insert_one(event("shop-eu", "order-7"))
        return await payment_status(database, "order-7")

    status = ask(with_added)
    assert (status.source, status.outcome, status.event_id) == ("shop-eu", "waiting", event_id("shop-eu", "order-7"))


def test_an_event_id_that_two_sources_use_is_refused_with_both(ask: Ask) -> None:
    """As with payments: whose is meant is not guessed, and each can be asked for by our own id of it."""

    async def in_two(database: Database) -> PaymentStatus:
        await database.events.insert_many([event(source, "twice") for source in ("payments", "standard")])
        with pytest.raises(BadRequest, match="Several events") as refused:
            await payment_status(database, "twice")
        assert all(f"{event_id(each, 'twice')} of {each}" in str(refused.value) for each in ("payments", "standard"))
        return await payment_status(database, event_id("standard", "twice"))

    assert ask(in_two).source == "standard"


def _of_account(account: str, delivered_id: str, tx_id: str, **fields: Any) -> dict[str, Any]:
    """An event whose id is computed from more than what it is about."""
    told = event("stripe", f"{account}:{delivered_id}", **fields)
    return told | {"account": account, "tx_id": tx_id}


@pytest.mark.parametrize(
    "ending",
    [
        {},
        {"outcome": "parked", "reason": "parent_unknown", "awaits": "stripe:payment:pi_9"},
        {"outcome": "parked", "reason": "failed"},
        {"outcome": "rejected", "reason": "not_the_shape"},
    ],
)
def test_what_an_undone_event_is_about_finds_it(ask: Ask, ending: dict[str, str]) -> None:
    """Its 202 named this id, its object is not there yet, and its own id is computed from the account as well."""
    undone = _of_account("acct_1", "evt_9", "re_9", **ending)

    async def found(database: Database) -> PaymentStatus:
        await database.events.insert_one(undone)
        return await payment_status(database, "re_9")

    status = ask(found)
    assert (status.event_id, status.object_id, status.transactions) == (undone["_id"], None, [])
    assert (status.outcome, status.reason) == (ending.get("outcome", "waiting"), ending.get("reason"))


def test_the_latest_undone_event_tells_and_that_of_another_account_is_not_guessed(ask: Ask) -> None:
    """A refund that is created and done while its payment is missing is one refund; the same id elsewhere is another."""
    stuck = {"outcome": "parked", "reason": "parent_unknown", "awaits": "stripe:payment:pi_9"}
    first = _of_account("acct_1", "evt_9", "re_9", minutes_ago=9, **stuck)
    latest = _of_account("acct_1", "evt_10", "re_9", minutes_ago=8)
    before = _of_account("acct_1", "evt_8", "re_9", minutes_ago=10)
    other = _of_account("acct_2", "evt_9", "re_9", minutes_ago=7)

    async def found(database: Database) -> PaymentStatus:
        await database.events.insert_many([latest, first, before])
        status = await payment_status(database, "re_9")
        await database.events.insert_one(other)
        with pytest.raises(BadRequest, match="Several events") as refused:
            await payment_status(database, "re_9")
        named = {each["_id"] for each in (first, latest, before, other) if each["_id"] in str(refused.value)}
        assert named == {latest["_id"], other["_id"]}
        return status

    assert ask(found).event_id == latest["_id"]


def test_what_a_done_event_was_about_is_not_searched_for_and_the_answer_claims_no_more(ask: Ask) -> None:
    """No index is on it; the event is stored, and found by our id of it."""
    done = _of_account("acct_1", "evt_9", "re_9", outcome="ignored", reason="no_rule")

    async def found(database: Database) -> PaymentStatus:
        await database.events.insert_one(done)
        with pytest.raises(NotFound, match="event that is done is always found by its evt_ id") as unknown:
            await payment_status(database, "re_9")
        assert "is stored" not in str(unknown.value)
        return await payment_status(database, done["_id"])

    assert ask(found).outcome == "ignored"


@pytest.mark.parametrize("name", ["", "x" * 513, "a\x00b", "a\nb", "\ud800", "\u202eabc"])
def test_what_can_be_no_id_is_refused_before_the_store_is_asked(ask: Ask, name: str) -> None:
    """Control, bidi and surrogate characters are in no id we store."""
    with pytest.raises(BadRequest):
        ask(lambda database: payment_status(database, name))


def test_what_a_provider_wrote_is_not_in_the_answer(ask: Ask) -> None:
    """A signature proves who wrote it, not that an agent may read it."""
    for name in ("pi_1", "tx-1", "evt_odd", TRANSFER_EVENT):
        assert (
            "SECRET-FREE-TEXT" not in ask(lambda database, name=name: payment_status(database, name)).model_dump_json()
        )


def test_an_event_that_only_changed_a_state_is_found_and_moved_nothing(ask: Ask) -> None:
    """An authorization, or a subscription that has no currency of its own."""

    async def with_subscription(database: Database) -> tuple[PaymentStatus, EventStatus]:
        happened = event("stripe", "evt_sub", outcome="applied")
        await database.events.insert_one(happened)
        await database.objects.insert_one(
            stored_object("stripe", "subscription", "sub_1", "ACTIVE", 0, currency="", last_event_id=happened["_id"])
        )
        name = f"state:{happened['_id']}:stripe:subscription:sub_1"
        changed = transaction(9, "stripe:state:x", [leg("clearing:stripe", 0)], event_id=happened["_id"], currency="")
        await database.transactions.insert_one(
            changed | {"_id": name, "object": "stripe:subscription:sub_1", "legs": [], "wallets": []}
        )
        unscored = insight(happened["_id"], "stripe:state:x", None, "unscored", currency="", amount_minor=0, wallet="")
        await database.insights.insert_one(unscored)
        return await payment_status(database, "evt_sub"), await event_status(database, happened["_id"])

    status, told = ask(with_subscription)
    assert (status.object_id, status.state, status.transactions) == ("stripe:subscription:sub_1", "ACTIVE", [])
    assert (status.currency, status.amount, status.insight.amount, status.insight.wallet) == (None, None, None, None)
    assert [name.startswith("state:") for name in told.transaction_ids] == [True]
