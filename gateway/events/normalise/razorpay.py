"""Razorpay's events. Names and shapes: razorpay.com/docs/webhooks/payloads; amounts are in the currency's minor units."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from gateway.events.event import PaymentEvent
from gateway.events.normalise.fields import (
    Told,
    Unreadable,
    at,
    currency_code,
    identifier,
    moment,
    optional_identifier,
    owner,
    pseudonym,
    whole_amount,
)

_SUBSCRIPTION_STEPS: Final = {
    "subscription.authenticated": "authenticated",
    "subscription.activated": "active",
    "subscription.charged": "active",
    "subscription.resumed": "active",
    "subscription.pending": "pending",
    "subscription.halted": "halted",
    "subscription.paused": "paused",
    "subscription.cancelled": "canceled",
    "subscription.completed": "completed",
    "subscription.expired": "expired",
}
_SUBSCRIPTION_STATES: Final = frozenset(
    {"created", "authenticated", "active", "pending", "halted", "paused", "completed", "expired"}
)
"""As Razorpay spells them, and we; only "cancelled" is another word here."""


def read(told: Told) -> tuple[PaymentEvent, ...] | None:
    """The step the event reports; None when its type has no rule, or it tells of nothing that was ours."""
    reader = _TYPES.get(told.type)
    event = reader(told) if reader else None
    return (event,) if event else None


def _entity(told: Told, kind: str) -> dict[str, Any]:
    entity = at(told.fields, "payload", kind, "entity")
    if not isinstance(entity, dict):
        raise Unreadable(f"payload.{kind}.entity is missing")
    return entity


def _money(told: Told, *, kind: str, step: str) -> PaymentEvent:
    entity = _entity(told, kind)
    return PaymentEvent(
        event_id=told.event_id,
        source=told.source,
        kind=kind,
        step=step,
        object_id=identifier(entity, "id"),
        occurred_at=moment(told, "created_at"),
        parent_id=identifier(entity, "payment_id") if kind in ("refund", "dispute") else None,
        amount_minor=whole_amount(entity, "amount"),
        currency=currency_code(entity, "currency"),
        wallet=_wallet(entity),
        counterparty=_counterparty(entity),
    )


def _refund(told: Told, *, step: str) -> PaymentEvent | None:
    """A refund of a payment that was never captured is Razorpay's own: the authorisation lapsed and nothing of ours moves
    (razorpay.com/docs/webhooks/refunds, "Identify Auto-Refunds")."""
    if at(told.fields, "payload", "payment", "entity", "captured") is not False:
        return _money(told, kind="refund", step=step)
    return None if step == "failed" else _money(told, kind="payment", step="canceled")


def _dispute_closed(told: Told) -> PaymentEvent:
    status = _entity(told, "dispute").get("status")
    return _money(told, kind="dispute", step=status if status in ("won", "lost") else "closed")


def _subscription_updated(told: Told) -> PaymentEvent:
    """An update of the plan leaves the state; the entity says which it is."""
    status = str(_entity(told, "subscription").get("status"))
    step = "canceled" if status == "cancelled" else status
    if step not in _SUBSCRIPTION_STATES | {"canceled"}:
        raise Unreadable("subscription status is unknown")
    return _subscription(told, step=step)


def _subscription(told: Told, *, step: str) -> PaymentEvent:
    entity = _entity(told, "subscription")
    return PaymentEvent(
        event_id=told.event_id,
        source=told.source,
        kind="subscription",
        step=step,
        object_id=identifier(entity, "id"),
        occurred_at=moment(told, "created_at"),
        wallet=_wallet(entity),
    )


def _wallet(entity: dict[str, Any]) -> str | None:
    return owner(entity, "notes", "wallet_id") or owner(entity, "customer_id")


def _counterparty(entity: dict[str, Any]) -> str | None:
    """The instrument paid with, or the account paid out to; a UPI handle only as a stand-in."""
    vpa = entity.get("vpa")
    return (
        optional_identifier(entity, "fund_account_id")
        or optional_identifier(entity, "card_id")
        or (pseudonym("upi", vpa) if isinstance(vpa, str) and vpa else None)
        or optional_identifier(entity, "method")
    )


_TYPES: Final[Mapping[str, Callable[[Told], PaymentEvent | None]]] = {
    "payment.authorized": partial(_money, kind="payment", step="authorized"),
    "payment.captured": partial(_money, kind="payment", step="captured"),
    "order.paid": partial(_money, kind="payment", step="captured"),
    "payment.failed": partial(_money, kind="payment", step="failed"),
    "refund.created": partial(_refund, step="created"),
    "refund.processed": partial(_refund, step="succeeded"),
    "refund.failed": partial(_refund, step="failed"),
    "payment.dispute.created": partial(_money, kind="dispute", step="created"),
    "payment.dispute.under_review": partial(_money, kind="dispute", step="updated"),
    "payment.dispute.action_required": partial(_money, kind="dispute", step="updated"),
    "payment.dispute.won": partial(_money, kind="dispute", step="won"),
    "payment.dispute.lost": partial(_money, kind="dispute", step="lost"),
    "payment.dispute.closed": _dispute_closed,
    "payout.initiated": partial(_money, kind="payout", step="requested"),
    "payout.processed": partial(_money, kind="payout", step="processed"),
    "payout.reversed": partial(_money, kind="payout", step="reversed"),
    "payout.failed": partial(_money, kind="payout", step="failed"),
    "subscription.updated": _subscription_updated,
    **{name: partial(_subscription, step=step) for name, step in _SUBSCRIPTION_STEPS.items()},
}
