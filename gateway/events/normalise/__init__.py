"""From each provider's words to ours: a stored event's body becomes `PaymentEvent`s, or a reason why it moves nothing.

One file per provider, each with its table of event names. An event that cannot be read is stored as `rejected`, one whose
type has no rule as `ignored`: neither is ever dropped.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from gateway.events.event import NoMovement, Outcome, PaymentEvent
from gateway.events.normalise import native, razorpay, standard, stripe
from gateway.events.normalise.fields import NoConcern, Told, Unreadable

_READERS: Final[Mapping[str, Callable[[Told], tuple[PaymentEvent, ...] | None]]] = {
    "native": native.read,
    "stripe": stripe.read,
    "razorpay": razorpay.read,
    "standard-webhooks": standard.read,
    "svix": standard.read,
}


def normalise(document: Mapping[str, Any]) -> tuple[PaymentEvent, ...] | NoMovement:
    """What the stored event says about money. Pure and total: any stored body gives an answer."""
    fields = orjson.loads(document["body"])  # it was JSON when it was let in
    if not isinstance(fields, dict):
        return NoMovement(Outcome.REJECTED, "body is not an object")
    told = Told(
        event_id=document["_id"],
        source=document["source"],
        type=document["type"],
        received_at=document["received_at"].timestamp(),
        fields=fields,
        body=document["body"],
    )
    reader = _READERS.get(document["scheme"])
    if reader is None:
        return NoMovement(Outcome.IGNORED, f"no rule for events of {document['scheme']}")
    try:
        events = reader(told)
    except Unreadable as wrong:
        return NoMovement(Outcome.REJECTED, str(wrong))
    except NoConcern as understood:
        return NoMovement(Outcome.IGNORED, str(understood))
    if events is None:
        return NoMovement(Outcome.IGNORED, f"no rule for {document['type']}")
    return events
