"""The native source: one payment from a sender's wallet to a receiver's."""

from gateway.errors import NotJson, NotTheShape
from gateway.events.event import PaymentEvent
from gateway.events.normalise.fields import Told, Unreadable, moment
from gateway.ingress.native import read_native


def read(told: Told) -> tuple[PaymentEvent, ...]:
    try:
        payment = read_native(told.fields, told.body)
    except (NotTheShape, NotJson) as wrong:
        raise Unreadable(str(wrong)) from None
    return (
        PaymentEvent(
            event_id=told.event_id,
            source=told.source,
            kind="transfer",
            step="completed",
            object_id=payment.tx_id,
            occurred_at=moment(told, "timestamp"),
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            wallet=payment.sender,
            counterparty=payment.receiver,
        ),
    )
