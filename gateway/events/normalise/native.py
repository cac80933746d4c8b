"""The native source: payments that happened between two wallets, and transfers and withdrawals that our systems ask for."""

from typing import Final

from gateway.errors import NotJson, NotTheShape
from gateway.events.event import PaymentEvent
from gateway.events.normalise.fields import NoConcern, Told, Unreadable, moment
from gateway.ingress.native import read_native

_STEPS: Final = {
    "payment": ("transfer", "completed"),
    "transfer": ("transfer", "completed"),
    "withdrawal": ("payout", "requested"),
    "withdrawal_processed": ("payout", "processed"),
    "withdrawal_failed": ("payout", "failed"),
    "withdrawal_reversed": ("payout", "reversed"),
}
_ASKED_FOR: Final = frozenset({"transfer", "withdrawal"})


def read(told: Told) -> tuple[PaymentEvent, ...]:
    try:
        payment = read_native(told.fields, told.body)
    except (NotTheShape, NotJson) as wrong:
        raise Unreadable(str(wrong)) from None
    if payment.kind == "test":
        raise NoConcern("a test of the source")
    kind, step = _STEPS[payment.kind]
    return (
        PaymentEvent(
            event_id=told.event_id,
            source=told.source,
            kind=kind,
            step=step,
            object_id=payment.withdrawal or payment.tx_id,
            occurred_at=moment(told, "timestamp"),
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            wallet=payment.sender,
            counterparty=payment.receiver,
            ours=payment.kind in _ASKED_FOR,
            arrived_at=told.received_at,
        ),
    )
