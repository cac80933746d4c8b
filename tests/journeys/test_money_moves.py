"""What events do to wallets, through the whole gateway: each effect once, in whatever order its events come."""

import pytest
from deliveries import (
    new_id,
    payment_of,
    razorpay_captured,
    razorpay_refunded,
    signed,
    standard_event,
    stripe_captured,
    stripe_charge_captured,
    stripe_event,
    stripe_refunded,
    transfer,
)
from provider import Provider
from running_gateway import until


def test_a_native_payment_moves_money_from_sender_to_receiver(provider: Provider) -> None:
    """What the receiver got, the sender gave or owes; the legs of the posting sum to zero."""
    alice, bob, carol = new_id("alice"), new_id("bob"), new_id("carol")
    provider.send(signed("stripe", stripe_captured(10_000, payment=new_id("pi"), wallet=alice)), wait=True)
    first = transfer("30.00", sender=alice, receiver=bob)
    assert provider.outcome(signed("payments", first)) == ("applied", "transfer")
    assert provider.outcome(signed("payments", transfer("12.50", sender=bob, receiver=carol))) == (
        "applied",
        "transfer",
    )
    assert [provider.balance(owner) for owner in (alice, bob, carol)] == [7_000, 1_750, 1_250]
    posted = provider.rows.transactions.find_one({"_id": f"payments:transfer:{first['tx_id']}"})
    assert posted is not None
    assert {leg["account"]: leg["amount_minor"] for leg in posted["legs"]} == {
        f"wallet:{alice}": -3_000,
        f"wallet:{bob}": 3_000,
    }


def test_a_senders_shortfall_is_owed(provider: Provider) -> None:
    """A wallet never goes below zero: what the sender lacks is booked to his receivable, and paid by the next credit."""
    alice, bob = new_id("alice"), new_id("bob")
    provider.send(signed("payments", transfer("5.00", sender=alice, receiver=bob)), wait=True)
    wallet = provider.rows.wallets.find_one({"_id": f"USD:{alice}"})
    assert wallet is not None
    assert (wallet["balance_minor"], wallet["receivable_minor"]) == (0, 500)
    assert provider.balance(bob) == 500
    provider.send(signed("stripe", stripe_captured(800, payment=new_id("pi"), wallet=alice)), wait=True)
    wallet = provider.rows.wallets.find_one({"_id": f"USD:{alice}"})
    assert wallet is not None
    assert (wallet["balance_minor"], wallet["receivable_minor"]) == (300, 0)


@pytest.mark.parametrize(
    ("source", "currency"), [("stripe", "USD"), ("razorpay", "INR"), ("standard", "USD")], ids=lambda value: str(value)
)
def test_a_captured_payment_credits_the_wallet(provider: Provider, source: str, currency: str) -> None:
    """Once, in the currency it was captured in, against the source's clearing account."""
    wallet = new_id("w")
    answer = provider.send(signed(source, payment_of(source, wallet=wallet, amount_minor=1_234)), wait=True)
    assert (answer.json()["outcome"], answer.json()["reason"]) == ("applied", "capture")
    assert provider.balance(wallet, currency) == 1_234
    posted = provider.rows.transactions.find_one({"event_id": answer.json()["event_id"]})
    assert posted is not None
    assert [(leg["account"], leg["amount_minor"]) for leg in posted["legs"]] == [
        (f"wallet:{wallet}", 1_234),
        (f"clearing:{source}", -1_234),
    ]


def test_refunds_debit_the_wallet(provider: Provider) -> None:
    """In part and then in full, at each provider that has them."""
    wallet, payment = new_id("w"), new_id("pay")
    provider.send(signed("razorpay", razorpay_captured(1_000, payment=payment, wallet=wallet)), wait=True)
    for refunded, left, state in ((300, 700, "PARTIALLY_REFUNDED"), (700, 0, "REFUNDED")):
        assert provider.outcome(signed("razorpay", razorpay_refunded(refunded, payment=payment)))[0] == "applied"
        found = provider.rows.objects.find_one({"_id": f"razorpay:payment:{payment}"})
        assert found is not None
        assert (provider.balance(wallet, "INR"), found["state"]) == (left, state)


def test_a_refund_beyond_what_was_captured_waits_for_a_person(provider: Provider) -> None:
    """Parked with a conflict, and the wallet keeps what it has."""
    wallet, payment = new_id("w"), new_id("pi")
    provider.send(signed("stripe", stripe_captured(500, payment=payment, wallet=wallet)), wait=True)
    outcome, reason = provider.outcome(signed("stripe", stripe_refunded(501, payment=payment)))
    assert outcome == "parked"
    assert reason.startswith("conflict")
    assert provider.balance(wallet) == 500


def test_a_refund_before_its_capture_waits_and_is_then_applied(provider: Provider) -> None:
    """Providers deliver in any order: the refund is parked, and booked when the payment is captured."""
    wallet, payment = new_id("w"), new_id("pi")
    refund = signed("stripe", stripe_refunded(400, payment=payment))
    assert provider.outcome(refund) == ("parked", "the payment is not captured yet")
    assert provider.balance(wallet) is None
    provider.send(signed("stripe", stripe_captured(1_000, payment=payment, wallet=wallet)), wait=True)
    until(lambda: provider.outcome(refund)[0] == "applied", within_s=30, what="the parked refund is applied")
    assert provider.balance(wallet) == 600


def test_two_events_of_one_effect_are_one_credit(provider: Provider) -> None:
    """`payment_intent.succeeded` and `charge.captured` report one payment: the second is stale, whichever it is."""
    for swapped in (False, True):
        wallet, payment = new_id("w"), new_id("pi")
        bodies = [
            stripe_captured(900, payment=payment, wallet=wallet),
            stripe_charge_captured(900, payment=payment, wallet=wallet),
        ]
        first, second = reversed(bodies) if swapped else bodies
        assert provider.outcome(signed("stripe", first)) == ("applied", "capture")
        assert provider.outcome(signed("stripe", second))[0] == "stale"
        assert provider.balance(wallet) == 900


def test_a_second_event_with_another_amount_is_a_conflict(provider: Provider) -> None:
    """The provider says two things of one payment: neither hidden nor booked twice, a person decides."""
    wallet, payment = new_id("w"), new_id("pi")
    provider.send(signed("stripe", stripe_captured(900, payment=payment, wallet=wallet)), wait=True)
    outcome, reason = provider.outcome(signed("stripe", stripe_charge_captured(901, payment=payment, wallet=wallet)))
    assert (outcome, reason[:9]) == ("parked", "conflict:")
    assert provider.balance(wallet) == 900


@pytest.mark.parametrize(
    ("source", "kind", "body"),
    [
        ("stripe", "radar.early_fraud_warning.created", stripe_event("radar.early_fraud_warning.created", {"id": "x"})),
        ("razorpay", "invoice.expired", {"event": "invoice.expired", "payload": {}}),
        ("standard", "user.created", standard_event("user.created")),
    ],
)
def test_an_event_without_a_rule_is_kept_with_its_type(
    provider: Provider, source: str, kind: str, body: dict[str, object]
) -> None:
    """`ignored`, with the provider's name for it and every byte: a later version may know what to do."""
    delivery = signed(source, {**body, "n": new_id()})
    answer = provider.send(delivery, wait=True)
    stored = provider.event(answer)
    assert (stored["outcome"], stored["type"], provider.gateway.body(stored)) == ("ignored", kind, delivery.body)
    assert kind in stored["reason"]


def test_money_that_names_no_wallet_waits_in_suspense(provider: Provider) -> None:
    """It is never dropped: the source's suspense wallet holds it for a person."""
    before = provider.balance("suspense:stripe") or 0
    provider.send(signed("stripe", stripe_captured(77, payment=new_id("pi"), wallet=None)), wait=True)
    assert provider.balance("suspense:stripe") == before + 77


@pytest.mark.parametrize(("currency", "amount", "minor"), [("JPY", "500", 500), ("KWD", "1.234", 1_234)])
def test_currencies_keep_their_own_decimals(provider: Provider, currency: str, amount: str, minor: int) -> None:
    """Yen have none, dinars three; an owner has one wallet for each."""
    receiver = new_id("w")
    provider.send(signed("payments", transfer(amount, receiver=receiver, currency=currency)), wait=True)
    assert provider.balance(receiver, currency) == minor
    assert provider.balance(receiver, "USD") is None


def test_every_applied_event_has_an_insight(provider: Provider) -> None:
    """Written with its effect: a score or the word unscored, and reasons."""
    answer = provider.send(signed("payments", transfer("4.00")), wait=True)
    insight = provider.rows.insights.find_one({"_id": answer.json()["event_id"]})
    assert insight is not None
    assert insight["transaction"].startswith("payments:transfer:")
    assert insight["level"] in ("low", "medium", "high", "critical", "unscored")
