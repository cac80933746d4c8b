"""Each provider's words as ours: what an event says of which object, how much, and whose wallet it is."""

from typing import Any

import pytest
from booked_store import Document, opened, stored, transfer

from gateway.events.event import NoMovement, Outcome, PaymentEvent
from gateway.events.normalise import normalise

CHARGE = {"object": "charge", "id": "ch_1", "payment_intent": "pi_1", "amount": 900, "currency": "usd"}
INTENT = {"id": "pi_1", "amount": 900, "amount_received": 800, "currency": "usd", "customer": "cus_1"}
REFUND = {"id": "re_1", "payment_intent": "pi_1", "amount": 300, "currency": "usd", "status": "succeeded"}
DISPUTE = {"id": "dp_1", "charge": "ch_9", "payment_intent": None, "amount": 900, "currency": "usd", "status": "lost"}
PAYOUT = {"id": "po_1", "amount": 500, "currency": "usd", "destination": "ba_1"}


def _stripe(kind: str, thing: Document) -> Document:
    return stored(
        {"id": "evt_1", "type": kind, "created": 1_795_000_000, "data": {"object": thing}},
        source="stripe",
        scheme="stripe",
    )


def _razorpay(event: str, **entities: Document) -> Document:
    return stored({"event": event, "payload": {name: {"entity": entity} for name, entity in entities.items()}})


def _standard(kind: str, **told: Any) -> Document:
    # The envelope's id travels in a header; here the content's hash stands in for it.
    body = {"type": kind, "timestamp": "2026-11-21T10:00:00Z", "data": told}
    return stored(body, source="standard", scheme="standard-webhooks")


def _one(document: Document) -> PaymentEvent:
    reading = normalise(opened(document))
    assert isinstance(reading, tuple), reading
    assert len(reading) == 1
    return reading[0]


@pytest.mark.parametrize(
    ("kind", "thing", "says"),
    [
        ("payment_intent.amount_capturable_updated", INTENT, ("payment", "authorized", "pi_1", 900)),
        ("payment_intent.succeeded", INTENT, ("payment", "captured", "pi_1", 800)),
        ("payment_intent.payment_failed", INTENT, ("payment", "failed", "pi_1", 900)),
        ("payment_intent.canceled", INTENT, ("payment", "canceled", "pi_1", 900)),
        ("charge.captured", {**CHARGE, "amount_captured": 800}, ("payment", "captured", "pi_1", 800)),
        (
            "charge.succeeded",
            {**CHARGE, "amount_captured": 800, "captured": True},
            ("payment", "captured", "pi_1", 800),
        ),
        ("charge.succeeded", {**CHARGE, "captured": False}, ("payment", "authorized", "pi_1", 900)),
        (
            "charge.captured",
            {**CHARGE, "payment_intent": None, "amount_captured": 1},
            ("payment", "captured", "ch_1", 1),
        ),
        (
            "charge.captured",
            {**CHARGE, "payment_intent": {"id": "pi_7"}, "amount_captured": 1},
            ("payment", "captured", "pi_7", 1),
        ),
        ("refund.created", REFUND, ("refund", "succeeded", "re_1", 300)),
        ("refund.created", {**REFUND, "status": "pending"}, ("refund", "created", "re_1", 300)),
        ("refund.failed", {**REFUND, "status": "failed"}, ("refund", "failed", "re_1", 300)),
        ("charge.refund.updated", {**REFUND, "status": "canceled"}, ("refund", "canceled", "re_1", 300)),
        ("charge.dispute.created", DISPUTE, ("dispute", "created", "dp_1", 900)),
        ("charge.dispute.funds_withdrawn", DISPUTE, ("dispute", "withdrawn", "dp_1", 900)),
        ("charge.dispute.funds_reinstated", DISPUTE, ("dispute", "reinstated", "dp_1", 900)),
        ("charge.dispute.closed", DISPUTE, ("dispute", "lost", "dp_1", 900)),
        ("charge.dispute.closed", {**DISPUTE, "status": "warning_closed"}, ("dispute", "won", "dp_1", 900)),
        ("payout.paid", PAYOUT, ("payout", "processed", "po_1", 500)),
        ("payout.failed", PAYOUT, ("payout", "failed", "po_1", 500)),
        (
            "customer.subscription.updated",
            {"id": "sub_1", "status": "past_due"},
            ("subscription", "past_due", "sub_1", 0),
        ),
        ("invoice.paid", {"id": "in_1"}, ("invoice", "paid", "in_1", 0)),
    ],
)
def test_stripe_says(kind: str, thing: Document, says: tuple[str, str, str, int]) -> None:
    """docs.stripe.com/api/events/types"""
    event = _one(_stripe(kind, thing))
    assert (event.kind, event.step, event.object_id, event.amount_minor) == says


def test_stripe_charge_refunded_lists_refunds_or_says_nothing_new() -> None:
    """Its sum is cumulative, so only the refunds that it lists count; without the list the refunds' own events do."""
    listing = {**CHARGE, "refunds": {"data": [REFUND, {**REFUND, "id": "re_2", "amount": 5}]}}
    reading = normalise(opened(_stripe("charge.refunded", listing)))
    assert isinstance(reading, tuple)
    assert [(event.object_id, event.parent_id, event.amount_minor) for event in reading] == [
        ("re_1", "pi_1", 300),
        ("re_2", "pi_1", 5),
    ]
    without = normalise(opened(_stripe("charge.refunded", {**CHARGE, "amount_refunded": 300})))
    assert isinstance(without, NoMovement)
    assert without.outcome is Outcome.IGNORED


PAY = {"id": "pay_1", "amount": 700, "currency": "INR"}
RFND = {"id": "rfnd_1", "payment_id": "pay_1", "amount": 200, "currency": "INR"}
DISP = {"id": "disp_1", "payment_id": "pay_1", "amount": 700, "currency": "INR", "status": "won"}
POUT = {"id": "pout_1", "amount": 300, "currency": "INR"}


@pytest.mark.parametrize(
    ("name", "entities", "says"),
    [
        ("payment.authorized", {"payment": PAY}, ("payment", "authorized", "pay_1", 700)),
        ("payment.captured", {"payment": PAY}, ("payment", "captured", "pay_1", 700)),
        ("order.paid", {"order": {"id": "o"}, "payment": PAY}, ("payment", "captured", "pay_1", 700)),
        ("payment.failed", {"payment": PAY}, ("payment", "failed", "pay_1", 700)),
        ("refund.created", {"refund": RFND, "payment": PAY}, ("refund", "created", "rfnd_1", 200)),
        ("refund.processed", {"refund": RFND, "payment": PAY}, ("refund", "succeeded", "rfnd_1", 200)),
        ("refund.failed", {"refund": RFND}, ("refund", "failed", "rfnd_1", 200)),
        ("payment.dispute.created", {"dispute": DISP}, ("dispute", "created", "disp_1", 700)),
        ("payment.dispute.closed", {"dispute": DISP}, ("dispute", "won", "disp_1", 700)),
        ("payment.dispute.closed", {"dispute": {**DISP, "status": "closed"}}, ("dispute", "closed", "disp_1", 700)),
        ("payout.initiated", {"payout": POUT}, ("payout", "requested", "pout_1", 300)),
        ("payout.processed", {"payout": POUT}, ("payout", "processed", "pout_1", 300)),
        ("payout.reversed", {"payout": POUT}, ("payout", "reversed", "pout_1", 300)),
        ("subscription.halted", {"subscription": {"id": "sub_1"}}, ("subscription", "halted", "sub_1", 0)),
    ],
)
def test_razorpay_says(name: str, entities: dict[str, Document], says: tuple[str, str, str, int]) -> None:
    """razorpay.com/docs/webhooks/payloads"""
    event = _one(_razorpay(name, **entities))
    assert (event.kind, event.step, event.object_id, event.amount_minor) == says


@pytest.mark.parametrize(
    ("kind", "told", "says"),
    [
        ("payment.authorized", {"amount": "1.50"}, ("payment", "authorized", "p1", 150)),
        ("payment.captured", {"amount": "1.50"}, ("payment", "captured", "p1", 150)),
        ("payment.failed", {"amount": "1.50"}, ("payment", "failed", "p1", 150)),
        ("payment.canceled", {"amount": "1.50"}, ("payment", "canceled", "p1", 150)),
        ("refund.created", {"amount": "0.50", "refund_id": "r1"}, ("refund", "created", "r1", 50)),
        ("refund.succeeded", {"amount": "0.50", "refund_id": "r1"}, ("refund", "succeeded", "r1", 50)),
        ("refund.failed", {"amount": "0.50", "refund_id": "r1"}, ("refund", "failed", "r1", 50)),
    ],
)
def test_standard_webhooks_say(kind: str, told: Document, says: tuple[str, str, str, int]) -> None:
    """Our own names inside the specification's envelope."""
    event = _one(_standard(kind, payment_id="p1", currency="USD", **told))
    assert (event.kind, event.step, event.object_id, event.amount_minor) == says
    assert event.occurred_at == 1_795_255_200


def test_a_native_payment_is_a_transfer() -> None:
    """From the sender's wallet, with the receiver on the other side."""
    event = _one(transfer("t1", "alice", "bob", "3.00"))
    assert (event.kind, event.step, event.object_id) == ("transfer", "completed", "t1")
    assert (event.wallet, event.counterparty, event.amount_minor, event.currency) == ("alice", "bob", 300, "INR")


@pytest.mark.parametrize(
    ("thing", "wallet"),
    [
        ({"metadata": {"wallet_id": "w1"}, "customer": "cus_1"}, "w1"),
        ({"metadata": {}, "customer": "cus_1"}, "cus_1"),
        ({"metadata": "text", "customer": {"id": "cus_2"}}, "cus_2"),
        ({"metadata": {"wallet_id": "suspense:stripe"}}, None),
        ({"metadata": {"wallet_id": "a b"}}, None),
        ({}, None),
    ],
)
def test_whose_wallet_it_is(thing: Document, wallet: str | None) -> None:
    """The sender's own reference, else the customer; a name of the gateway's own accounts is nobody's."""
    event = _one(_stripe("payment_intent.succeeded", {"id": "pi_1", "amount_received": 1, "currency": "usd", **thing}))
    assert event.wallet == wallet


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("jpy", 500, 500), ("kwd", 1_230, 1_230), ("isk", 500, 5), ("ugx", 300, 3), ("mga", 7, 700)],
)
def test_stripes_minor_units_become_iso_4217s(currency: str, amount: int, minor: int) -> None:
    """Where they differ (docs.stripe.com/currencies): crowns and shillings are sent with two decimals that do not exist."""
    thing = {"id": "pi_1", "amount_received": amount, "currency": currency}
    assert _one(_stripe("payment_intent.succeeded", thing)).amount_minor == minor


@pytest.mark.parametrize(
    "document",
    [
        _stripe("payment_intent.succeeded", {**INTENT, "amount_received": 0}),
        _stripe("payment_intent.succeeded", {**INTENT, "amount_received": 8.5}),
        _stripe("payment_intent.succeeded", {**INTENT, "amount_received": True}),
        _stripe("payment_intent.succeeded", {**INTENT, "amount_received": 2**53}),
        _stripe("payment_intent.succeeded", {**INTENT, "currency": "isk", "amount_received": 501}),
        _stripe("payment_intent.succeeded", {**INTENT, "currency": "xxx"}),
        _stripe("payment_intent.succeeded", {**INTENT, "id": "with space"}),
        _stripe("refund.created", {**REFUND, "status": "unheard"}),
        _stripe("refund.created", {**REFUND, "payment_intent": None}),
        _stripe("charge.refunded", {**CHARGE, "refunds": {"data": ["re_1"]}}),
        _stripe("customer.subscription.updated", {"id": "sub_1", "status": "unheard"}),
        _razorpay("payment.captured", payment={**PAY, "amount": "700"}),
        _razorpay("refund.processed", refund={**RFND, "payment_id": None}),
        _standard("payment.captured", payment_id="p1", currency="USD", amount=1.5),
        _standard("payment.captured", payment_id="p1", currency="JPY", amount="1.5"),
        _standard("refund.created", payment_id="p1", currency="USD", amount="1.50"),
    ],
)
def test_a_known_type_that_cannot_be_read_is_rejected_with_its_field(document: Document) -> None:
    """Never guessed, never rounded; the reason is what an operator takes to the provider."""
    reading = normalise(opened(document))
    assert isinstance(reading, NoMovement)
    assert reading.outcome is Outcome.REJECTED
    assert reading.reason


def test_a_time_beyond_the_calendar_is_the_arrivals() -> None:
    """It is only a hint, and must not stop the event."""
    body = {
        "type": "payment.captured",
        "timestamp": "9999-12-31T23:59:59-23:59",
        "data": {"payment_id": "p1", "amount": "1.50", "currency": "USD"},
    }
    document = stored(body, source="standard", scheme="standard-webhooks", at=1_795_255_200.0)
    assert _one(document).occurred_at == 1_795_255_200
