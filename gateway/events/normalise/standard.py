"""Standard Webhooks senders (standardwebhooks.com) that speak our own event names:

    {"type": "payment.captured", "timestamp": "2026-11-21T10:00:00Z",
     "data": {"payment_id": "p1", "amount": "12.30", "currency": "USD", "wallet_id": "alice"}}

`refund.*` adds `refund_id`. The specification fixes the envelope (type, timestamp, data); the names inside data are ours.
"""

from datetime import datetime
from typing import Final

from gateway.events.event import PaymentEvent
from gateway.events.normalise.fields import (
    UNIX_S_MAX,
    Told,
    Unreadable,
    at,
    currency_code,
    identifier,
    optional_identifier,
    owner,
)
from gateway.money import NotMoney, minor_units

_TYPES: Final = {
    "payment.authorized": ("payment", "authorized"),
    "payment.captured": ("payment", "captured"),
    "payment.failed": ("payment", "failed"),
    "payment.canceled": ("payment", "canceled"),
    "refund.created": ("refund", "created"),
    "refund.succeeded": ("refund", "succeeded"),
    "refund.failed": ("refund", "failed"),
    "refund.canceled": ("refund", "canceled"),
}


def read(told: Told) -> tuple[PaymentEvent, ...] | None:
    """The step the event reports; None when its type has no rule."""
    if told.type not in _TYPES:
        return None
    kind, step = _TYPES[told.type]
    told_data = at(told.fields, "data")
    currency = currency_code(told_data, "currency")
    payment_id = identifier(told_data, "payment_id")
    return (
        PaymentEvent(
            event_id=told.event_id,
            source=told.source,
            kind=kind,
            step=step,
            object_id=payment_id if kind == "payment" else identifier(told_data, "refund_id"),
            occurred_at=_moment(told),
            parent_id=payment_id if kind == "refund" else None,
            amount_minor=_amount(told_data, currency),
            currency=currency,
            wallet=owner(told_data, "wallet_id"),
            counterparty=optional_identifier(told_data, "counterparty"),
        ),
    )


def _amount(told_data: object, currency: str) -> int:
    written = at(told_data, "amount")
    if not isinstance(written, str):
        raise Unreadable("data.amount must be a decimal string")
    try:
        return minor_units(written, currency)
    except NotMoney as wrong:
        raise Unreadable(f"data.amount: {wrong}") from None


def _moment(told: Told) -> float:
    written = at(told.fields, "timestamp")
    try:
        moment = datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        moment = None
    unix_s = moment.timestamp() if moment and moment.tzinfo else 0.0
    return unix_s if 0 < unix_s < UNIX_S_MAX else told.received_at
