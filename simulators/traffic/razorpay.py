"""Razorpay's events for one payment, in its envelope: entity, account_id, event, contains, payload, created_at.

A paid order is told twice (`payment.captured`, `order.paid`), and the delivery's id is an unsigned header.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from simulators.traffic.cast import Person, alphanumeric, digits
from simulators.traffic.fixtures import filled
from simulators.traffic.item import Effect, Item, captured, refunded

Fields = dict[str, Any]

SOURCE = "razorpay"

_DECLINED: Final = {
    "error_code": "BAD_REQUEST_ERROR",
    "error_description": "Payment was declined by the customer's bank.",
    "error_source": "bank",
    "error_step": "payment_authorization",
    "error_reason": "payment_failed",
}


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment for an order; `names_wallet` false leaves neither notes nor customer, so it lands in suspense."""

    random: Random
    person: Person
    amount_minor: int
    at: int
    payment: str
    order: str
    method: str
    names_wallet: bool
    manual: bool

    @property
    def capture(self) -> Effect:
        owner = self.person.owner if self.names_wallet else None
        return captured(SOURCE, self.payment, owner, self.person.currency, self.amount_minor)


def payment(
    random: Random, person: Person, amount_minor: int, at: int, *, names_wallet: bool = True, manual: bool = False
) -> Payment:
    """INR is mostly UPI; every other currency is an international card."""
    method = random.choice(("upi", "upi", "card", "netbanking")) if person.currency == "INR" else "card"
    ids = f"pay_{alphanumeric(random, 14)}", f"order_{alphanumeric(random, 14)}"
    return Payment(random, person, amount_minor, at, *ids, method, names_wallet, manual)


def captured_story(paid: Payment) -> Iterator[Item]:
    """Authorized, captured (by hand: later), and the order it paid: the last two are one credit."""
    yield _event(paid, "payment.authorized", {"payment": _payment(paid, "authorized")}, 1)
    delay = 1_200 if paid.manual else 4
    yield _event(paid, "payment.captured", {"payment": _payment(paid, "captured")}, delay, effect=paid.capture)
    told = {"payment": _payment(paid, "captured"), "order": _order(paid)}
    yield _event(paid, "order.paid", told, delay + 1, effect=paid.capture)


def failed_story(paid: Payment, *, tries_again: bool) -> Iterator[Item]:
    """Declined; late authorization means the same payment may still be captured minutes later."""
    yield _event(paid, "payment.failed", {"payment": _payment(paid, "failed", **_DECLINED)}, 3)
    if tries_again:
        told = {"payment": _payment(paid, "captured")}
        yield _event(paid, "payment.captured", told, 240, effect=paid.capture)


def canceled_story(paid: Payment) -> Iterator[Item]:
    """Authorized and never captured: Razorpay gives the money back without another event."""
    yield _event(paid, "payment.authorized", {"payment": _payment(paid, "authorized")}, 1)


def refund_story(paid: Payment, parts_minor: list[int], *, after_s: int) -> Iterator[Item]:
    """Each part is created pending and processed later; only then it debits the wallet."""
    total = 0
    for number, part_minor in enumerate(parts_minor):
        refund = f"rfnd_{alphanumeric(paid.random, 14)}"
        delay = after_s + number * 900
        total += part_minor
        state = _refunded(paid, total)
        told = {"refund": _refund(paid, refund, part_minor, "pending", delay), "payment": state}
        yield _event(paid, "refund.created", told, delay, about=refund)
        done = {"refund": _refund(paid, refund, part_minor, "processed", delay), "payment": state}
        effect = refunded(paid.capture, SOURCE, refund, part_minor)
        yield _event(paid, "refund.processed", done, delay + 2_700, effect=effect, about=refund)


def failed_refund_story(paid: Payment, part_minor: int, *, after_s: int) -> Iterator[Item]:
    """A refund that never reached the customer."""
    refund = f"rfnd_{alphanumeric(paid.random, 14)}"
    told = {"refund": _refund(paid, refund, part_minor, "pending", after_s), "payment": _refunded(paid, part_minor)}
    yield _event(paid, "refund.created", told, after_s, about=refund)
    gone = {"refund": _refund(paid, refund, part_minor, "failed", after_s), "payment": _payment(paid, "captured")}
    yield _event(paid, "refund.failed", gone, after_s + 2_700, about=refund)


def other_story(random: Random, person: Person, at: int) -> Iterator[Item]:
    """A type the ledger has no rule for: a bank's UPI handle is slow today."""
    downtime = filled("razorpay/downtime", id=f"down_{alphanumeric(random, 14)}", begin=at, created_at=at)
    paid = payment(random, person, person.usual_minor, at)
    yield _event(paid, "payment.downtime.started", {"payment.downtime": downtime}, 0, about=downtime["id"])


def _payment(paid: Payment, status: str, **more: Any) -> Fields:
    fee = paid.amount_minor * 236 // 10_000
    charged = status in ("captured", "refunded")
    return filled("razorpay/payment", id=paid.payment, order_id=paid.order, status=status) | {
        "amount": paid.amount_minor,
        "currency": paid.person.currency,
        "international": paid.person.currency != "INR",
        "captured": charged,
        "email": paid.person.email,
        "customer_id": paid.person.customer if paid.names_wallet else None,
        "notes": (paid.person.metadata if paid.names_wallet else {}) or [],
        "fee": fee if charged else None,
        "tax": fee * 18 // 118 if charged else None,
        "created_at": paid.at,
        **_instrument(paid),
        **more,
    }


def _instrument(paid: Payment) -> Fields:
    """The fields that depend on how the money came. Empty notes are `[]`, not `{}`: Razorpay's habit."""
    if paid.method == "upi":
        vpa = f"{paid.person.email.split('@')[0]}@okhdfcbank"
        acquirer = {"rrn": digits(paid.random, 12), "upi_transaction_id": alphanumeric(paid.random, 32).upper()}
        return {"method": "upi", "vpa": vpa, "upi": {"vpa": vpa, "flow": "intent"}, "acquirer_data": acquirer}
    plain = {"method": paid.method, "vpa": None, "upi": None}
    if paid.method == "netbanking":
        return {**plain, "bank": "HDFC", "acquirer_data": {"bank_transaction_id": digits(paid.random, 8)}}
    card = filled("razorpay/card", id=f"card_{alphanumeric(paid.random, 14)}", last4=digits(paid.random, 4))
    card["international"] = paid.person.currency != "INR"
    return {**plain, "card_id": card["id"], "card": card, "acquirer_data": {"auth_code": digits(paid.random, 6)}}


def _refunded(paid: Payment, total_minor: int) -> Fields:
    whole = total_minor == paid.amount_minor
    status = "refunded" if whole else "captured"
    return _payment(paid, status, amount_refunded=total_minor, refund_status="full" if whole else "partial")


def _refund(paid: Payment, refund: str, amount_minor: int, status: str, delay_s: int) -> Fields:
    done = status == "processed"
    return filled("razorpay/refund", id=refund, payment_id=paid.payment, amount=amount_minor, status=status) | {
        "currency": paid.person.currency,
        "created_at": paid.at + delay_s,
        "acquirer_data": {"rrn": digits(paid.random, 12) if done else None},
        "speed_processed": "normal" if done else None,
    }


def _order(paid: Payment) -> Fields:
    return filled("razorpay/order", id=paid.order, amount=paid.amount_minor, amount_paid=paid.amount_minor) | {
        "currency": paid.person.currency,
        "receipt": f"rcpt-{digits(paid.random, 6)}",
        "notes": (paid.person.metadata if paid.names_wallet else {}) or [],
        "created_at": paid.at - 10,
    }


def _event(
    paid: Payment,
    kind: str,
    entities: dict[str, Fields],
    delay_s: int,
    *,
    effect: Effect | None = None,
    about: str | None = None,
) -> Item:
    wrapped = {name: {"entity": entity} for name, entity in entities.items()}
    fields = filled("razorpay/event", event=kind, contains=list(entities), payload=wrapped)
    fields["created_at"] = paid.at + delay_s
    body = json.dumps(fields, separators=(",", ":")).encode()
    event_id = alphanumeric(paid.random, 14)
    return Item(SOURCE, kind, event_id, about or paid.payment, body, paid.at + delay_s, effect)
