"""Stripe's events. Names and shapes: docs.stripe.com/api/events/types.

A payment is known by its payment intent, or by its charge where there is none, so that `payment_intent.succeeded` and
`charge.captured` are one effect. Refunds are booked by refund id: `charge.refunded` carries a cumulative sum, and moves
money only where it lists the refunds themselves.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from gateway.events.event import PaymentEvent
from gateway.events.normalise.fields import (
    NoConcern,
    Told,
    Unreadable,
    at,
    currency_code,
    identifier,
    moment,
    optional_identifier,
    owner,
    whole_amount,
)
from gateway.money import exponent

_EXPONENTS: Final = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe's minor unit is not ISO 4217's (docs.stripe.com/currencies, special cases)."""

REFUNDS_MAX: Final = 25
"""Refunds of one event; Stripe lists ten. What a batch of events touches must fit the writer's memory twice."""
_REFUND_STEPS: Final = {
    "pending": "created",
    "requires_action": "created",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "canceled",
}
_DISPUTE_CLOSED: Final = {
    "won": "won",
    "lost": "lost",
    "warning_closed": "won",
    "prevented": "won",
    "charge_refunded": "closed",  # of accounts that stay at an old version of the API
}
_SUBSCRIPTION_STEPS: Final = {
    "incomplete": "created",
    "incomplete_expired": "expired",
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "halted",
    "paused": "paused",
    "canceled": "canceled",
}


def read(told: Told) -> tuple[PaymentEvent, ...] | None:
    """The steps the event reports; None when its type has no rule."""
    reader = _TYPES.get(told.type)
    if reader is None:
        return None
    thing = at(told.fields, "data", "object")
    if not isinstance(thing, dict):
        raise Unreadable("data.object is missing")
    return reader(told, thing)


def _payment(told: Told, thing: dict[str, Any], *, step: str, amount: str) -> tuple[PaymentEvent, ...]:
    intent = thing.get("payment_intent") if thing.get("object") == "charge" else None
    return (
        _event(
            told,
            thing,
            kind="payment",
            step=step,
            object_id=optional_identifier({"intent": intent}, "intent") or identifier(thing, "id"),
            amount=amount,
            counterparty=optional_identifier(thing, "payment_method") or optional_identifier(thing, "customer"),
        ),
    )


def _charge_succeeded(told: Told, thing: dict[str, Any]) -> tuple[PaymentEvent, ...]:
    captured = thing.get("captured") is True
    return _payment(
        told, thing, step="captured" if captured else "authorized", amount="amount_captured" if captured else "amount"
    )


def _charge_refunded(told: Told, thing: dict[str, Any]) -> tuple[PaymentEvent, ...] | None:
    """The refunds that are listed (API versions before 2022-11-15 do); of a charge that was never captured, the authorisation
    is released."""
    if thing.get("captured") is False:
        return _payment(told, thing, step="canceled", amount="amount")
    refunds = at(thing, "refunds", "data")
    if not isinstance(refunds, list):
        return None
    if len(refunds) > REFUNDS_MAX:
        raise Unreadable(f"data.object.refunds.data lists more than {REFUNDS_MAX} refunds")
    if not all(isinstance(refund, dict) for refund in refunds):
        raise Unreadable("data.object.refunds.data lists something that is no refund")
    booked = [event for refund in refunds if not _is_release(thing, refund) for event in _refund(told, refund)]
    return tuple(booked) or None


def _is_release(charge: dict[str, Any], refund: dict[str, Any]) -> bool:
    """What a capture in part leaves is listed as a refund, too. Nothing was captured of it, so no balance transaction is its."""
    return charge.get("amount_captured") != charge.get("amount") and refund.get("balance_transaction", "") is None


def _refund(told: Told, thing: dict[str, Any]) -> tuple[PaymentEvent, ...]:
    step = _REFUND_STEPS.get(str(thing.get("status")))
    if step is None:
        raise Unreadable("refund status is unknown")
    return (_event(told, thing, kind="refund", step=step, parent_id=_parent(thing)),)


def _dispute(told: Told, thing: dict[str, Any], *, step: str) -> tuple[PaymentEvent, ...]:
    if step == "closed":
        closed = _DISPUTE_CLOSED.get(str(thing.get("status")))
        if closed is None:  # taken for an update, its hold would never end
            raise Unreadable("dispute status is unknown")
        step = closed
    return (_event(told, thing, kind="dispute", step=step, parent_id=_parent(thing)),)


def _payout(told: Told, thing: dict[str, Any], *, step: str) -> tuple[PaymentEvent, ...]:
    if thing.get("automatic") is True and _wallet(thing) is None:
        raise NoConcern("an automatic payout to the merchant's own bank account")
    return (_event(told, thing, kind="payout", step=step, counterparty=optional_identifier(thing, "destination")),)


def _subscription(told: Told, thing: dict[str, Any]) -> tuple[PaymentEvent, ...]:
    step = _SUBSCRIPTION_STEPS.get(str(thing.get("status")))
    if step is None:
        raise Unreadable("subscription status is unknown")
    return (_entitlement(told, thing, kind="subscription", step=step),)


def _invoice(told: Told, thing: dict[str, Any], *, step: str) -> tuple[PaymentEvent, ...]:
    return (_entitlement(told, thing, kind="invoice", step=step),)


def _entitlement(told: Told, thing: dict[str, Any], *, kind: str, step: str) -> PaymentEvent:
    return PaymentEvent(
        event_id=told.event_id,
        source=told.source,
        kind=kind,
        step=step,
        object_id=identifier(thing, "id"),
        occurred_at=moment(told, "created"),
        wallet=_wallet(thing),
    )


def _event(
    told: Told,
    thing: dict[str, Any],
    *,
    kind: str,
    step: str,
    object_id: str | None = None,
    parent_id: str | None = None,
    amount: str = "amount",
    counterparty: str | None = None,
) -> PaymentEvent:
    currency = currency_code(thing, "currency")
    return PaymentEvent(
        event_id=told.event_id,
        source=told.source,
        kind=kind,
        step=step,
        object_id=object_id or identifier(thing, "id"),
        occurred_at=moment(told, "created"),
        parent_id=parent_id,
        amount_minor=_minor(whole_amount(thing, amount), currency),
        currency=currency,
        wallet=_wallet(thing),
        counterparty=counterparty,
    )


def _parent(thing: dict[str, Any]) -> str:
    return optional_identifier(thing, "payment_intent") or identifier(thing, "charge")


def _wallet(thing: dict[str, Any]) -> str | None:
    return owner(thing, "metadata", "wallet_id") or owner(thing, "customer")


def _minor(amount: int, currency: str) -> int:
    """Stripe's minor units as ISO 4217's, exact or refused."""
    places, stripe_places = exponent(currency), _EXPONENTS.get(currency)
    if stripe_places is None or stripe_places == places:
        return amount
    if stripe_places < places:
        return int(amount * 10 ** (places - stripe_places))
    whole, part = divmod(amount, 10 ** (stripe_places - places))
    if part:
        raise Unreadable(f"amount is no whole {currency}")
    return int(whole)


_Reader = Callable[[Told, dict[str, Any]], tuple[PaymentEvent, ...] | None]

_TYPES: Final[Mapping[str, _Reader]] = {
    "payment_intent.amount_capturable_updated": partial(_payment, step="authorized", amount="amount"),
    "payment_intent.succeeded": partial(_payment, step="captured", amount="amount_received"),
    "payment_intent.payment_failed": partial(_payment, step="failed", amount="amount"),
    "payment_intent.canceled": partial(_payment, step="canceled", amount="amount"),
    "charge.succeeded": _charge_succeeded,
    "charge.captured": partial(_payment, step="captured", amount="amount_captured"),
    "charge.refunded": _charge_refunded,
    "charge.refund.updated": _refund,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.dispute.created": partial(_dispute, step="created"),
    "charge.dispute.updated": partial(_dispute, step="updated"),
    "charge.dispute.funds_withdrawn": partial(_dispute, step="withdrawn"),
    "charge.dispute.funds_reinstated": partial(_dispute, step="reinstated"),
    "charge.dispute.closed": partial(_dispute, step="closed"),
    "payout.created": partial(_payout, step="requested"),
    "payout.paid": partial(_payout, step="processed"),
    "payout.failed": partial(_payout, step="failed"),
    "payout.canceled": partial(_payout, step="canceled"),
    **{
        f"customer.subscription.{name}": _subscription
        for name in (
            "created",
            "updated",
            "deleted",
            "paused",
            "resumed",
            "trial_will_end",
            "pending_update_applied",
            "pending_update_expired",
        )
    },
    "invoice.paid": partial(_invoice, step="paid"),
    "invoice.payment_failed": partial(_invoice, step="payment_failed"),
}
