"""Stripe's events for one payment, as API version 2025-10-29.clover writes them, in the order Stripe usually sends them.

Two things trip a ledger that guesses: one capture is told by several events, and `charge.refunded` counts up.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from simulators.traffic.cast import Person, alphanumeric, digits
from simulators.traffic.fixtures import filled
from simulators.traffic.item import Effect, Item, captured, refunded

Fields = dict[str, Any]

SOURCE = "stripe"


@dataclass(frozen=True, slots=True)
class Payment:
    """A card payment: `amount_minor` is authorized, `captured_minor` is what the shop takes of it in the end."""

    random: Random
    person: Person
    amount_minor: int
    captured_minor: int
    at: int
    intent: str
    charge: str
    method: str
    names_wallet: bool
    manual: bool

    @property
    def owner(self) -> str | None:
        return self.person.owner if self.names_wallet else None

    @property
    def capture(self) -> Effect:
        return captured(SOURCE, self.intent, self.owner, self.person.currency, self.captured_minor)


def payment(
    random: Random, person: Person, amount_minor: int, at: int, *, names_wallet: bool = True, manual: bool = False
) -> Payment:
    """A payment; a manual capture sometimes takes less than was authorized."""
    part = random.choice((1.0, 1.0, 0.8)) if manual else 1.0
    taken = max(1, round(amount_minor * part / person.step_minor)) * person.step_minor
    tail = alphanumeric(random, 14)
    return Payment(
        random=random,
        person=person,
        amount_minor=amount_minor,
        captured_minor=min(taken, amount_minor),
        at=at,
        intent=f"pi_3{tail}0{alphanumeric(random, 8)}",
        charge=f"ch_3{tail}0{alphanumeric(random, 8)}",
        method=f"pm_1{alphanumeric(random, 23)}",
        names_wallet=names_wallet,
        manual=manual,
    )


def captured_story(paid: Payment) -> Iterator[Item]:
    """From the intent to the money: two events carry the one capture, the others carry none."""
    yield _event(paid, "payment_intent.created", _intent(paid, "requires_payment_method"), 0)
    if not paid.manual:
        yield _event(paid, "payment_intent.succeeded", _taken(paid), 2, effect=paid.capture)
        yield _event(paid, "charge.succeeded", _charge(paid, captured=True), 2, effect=paid.capture)
        return
    yield _event(paid, "payment_intent.amount_capturable_updated", _authorized(paid), 2)
    yield _event(paid, "charge.succeeded", _charge(paid, captured=False), 2)
    yield _event(paid, "payment_intent.succeeded", _taken(paid), 1_800, effect=paid.capture)
    yield _event(
        paid, "charge.captured", _charge(paid, captured=True), 1_800, effect=paid.capture, before={"captured": False}
    )


def failed_story(paid: Payment, *, tries_again: bool) -> Iterator[Item]:
    """Declined; and sometimes paid at the second try, which a failed payment may do."""
    declined = filled("stripe/last_payment_error", charge=paid.charge)
    failed = _intent(paid, "requires_payment_method", last_payment_error=declined, latest_charge=paid.charge)
    yield _event(paid, "payment_intent.payment_failed", failed, 2)
    if tries_again:
        yield _event(paid, "payment_intent.succeeded", _taken(paid), 95, effect=paid.capture)


def canceled_story(paid: Payment) -> Iterator[Item]:
    """Authorized and let go: no money moves although a charge succeeded."""
    yield _event(paid, "payment_intent.amount_capturable_updated", _authorized(paid), 2)
    gone = _intent(paid, "canceled", canceled_at=paid.at + 3_600, cancellation_reason="abandoned")
    yield _event(paid, "payment_intent.canceled", gone, 3_600)


def refund_story(paid: Payment, parts_minor: list[int], *, after_s: int) -> Iterator[Item]:
    """Refunds of a captured payment, one after the other; a quarter are pending first and succeed an hour later."""
    pending = paid.random.random() < 0.25
    total = 0
    for number, part_minor in enumerate(parts_minor):
        refund = f"re_3{alphanumeric(paid.random, 23)}"
        effect = refunded(paid.capture, SOURCE, refund, part_minor)
        delay = after_s + number * 900
        first = _refund(paid, refund, part_minor, "pending" if pending else "succeeded", delay)
        yield _event(paid, "refund.created", first, delay, effect=None if pending else effect)
        before = {"amount_refunded": total, "refunded": False, "receipt_url": None}
        total += part_minor
        yield _event(paid, "charge.refunded", _charge(paid, captured=True, refunded_minor=total), delay, before=before)
        done = _refund(paid, refund, part_minor, "succeeded", delay, settled=True)
        status = {"status": "pending"} if pending else {"destination_details": first["destination_details"]}
        yield _event(paid, "refund.updated", done, delay + 3_600, effect=effect, before=status)


def failed_refund_story(paid: Payment, part_minor: int, *, after_s: int) -> Iterator[Item]:
    """A refund that the bank sent back before it ever succeeded."""
    refund = f"re_3{alphanumeric(paid.random, 23)}"
    yield _event(paid, "refund.created", _refund(paid, refund, part_minor, "pending", after_s), after_s)
    gone = _refund(paid, refund, part_minor, "failed", after_s)
    gone |= {"failure_balance_transaction": _transaction(paid), "failure_reason": "expired_or_canceled_card"}
    yield _event(paid, "refund.failed", gone, after_s + 3_600, before={"status": "pending"})


def other_story(random: Random, person: Person, at: int) -> Iterator[Item]:
    """A type the ledger has no rule for."""
    customer = filled("stripe/customer", id=person.customer, email=person.email, metadata=person.metadata)
    customer["currency"] = person.currency.lower()
    paid = payment(random, person, person.usual_minor, at)
    yield _event(paid, "customer.updated", customer, 0, before={"preferred_locales": []})


def _intent(paid: Payment, status: str, **more: Any) -> Fields:
    secret = f"{paid.intent}_secret_{alphanumeric(paid.random, 25)}"
    return filled("stripe/payment_intent", id=paid.intent, client_secret=secret, status=status) | {
        **_shared(paid),
        "capture_method": "manual" if paid.manual else "automatic_async",
        "created": paid.at,
        "payment_method": None if status == "requires_payment_method" else paid.method,
        "receipt_email": paid.person.email,
        **more,
    }


def _authorized(paid: Payment) -> Fields:
    capturable = paid.amount_minor
    return _intent(paid, "requires_capture", amount_capturable=capturable, latest_charge=paid.charge)


def _taken(paid: Payment) -> Fields:
    return _intent(paid, "succeeded", amount_received=paid.captured_minor, latest_charge=paid.charge)


def _charge(paid: Payment, *, captured: bool, refunded_minor: int = 0) -> Fields:
    charge = filled("stripe/charge", id=paid.charge, payment_intent=paid.intent, payment_method=paid.method)
    charge["billing_details"]["email"] = paid.person.email
    card = charge["payment_method_details"]["card"]
    card["amount_authorized"] = card["overcapture"]["maximum_amount_capturable"] = paid.amount_minor
    card["last4"] = digits(paid.random, 4)
    return charge | {
        **_shared(paid),
        "amount_captured": paid.captured_minor if captured else 0,
        "amount_refunded": refunded_minor,
        "balance_transaction": _transaction(paid) if captured else None,
        "captured": captured,
        "created": paid.at + 1,
        "receipt_email": paid.person.email,
        "refunded": refunded_minor == paid.captured_minor,
    }


def _refund(
    paid: Payment, refund: str, amount_minor: int, status: str, delay_s: int, *, settled: bool = False
) -> Fields:
    """Stripe does not copy the payment's metadata to its refunds: the wallet is found through the payment."""
    shape = filled("stripe/refund", id=refund, charge=paid.charge, payment_intent=paid.intent, status=status)
    if settled:
        arn = {"reference": digits(paid.random, 23), "reference_status": "available"}
        shape["destination_details"]["card"] = arn | shape["destination_details"]["card"] | arn
    created = {"amount": amount_minor, "currency": paid.person.currency.lower(), "created": paid.at + delay_s}
    return shape | created | {"balance_transaction": _transaction(paid)}


def _shared(paid: Payment) -> Fields:
    """What an intent and its charge have in common."""
    return {
        "amount": paid.amount_minor,
        "currency": paid.person.currency.lower(),
        "customer": paid.person.customer if paid.names_wallet else None,
        "description": "Wallet top-up",
        "metadata": paid.person.metadata if paid.names_wallet else {},
    }


def _transaction(paid: Payment) -> str:
    return f"txn_3{alphanumeric(paid.random, 23)}"


def _event(
    paid: Payment, kind: str, about: Fields, delay_s: int, *, effect: Effect | None = None, before: Fields | None = None
) -> Item:
    event_id = f"evt_3{alphanumeric(paid.random, 23)}"
    changed = {"object": about} | ({"previous_attributes": before} if before else {})
    fields = filled("stripe/event", id=event_id, type=kind, data=changed, created=paid.at + delay_s)
    fields["request"] = {"id": f"req_{alphanumeric(paid.random, 14)}", "idempotency_key": None}
    body = json.dumps(fields, indent=2).encode()
    return Item(SOURCE, kind, event_id, event_id, body, paid.at + delay_s, effect)
