"""The stored event and what the ledger reads out of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.clock import utc
from gateway.encryption import Cipher
from gateway.events.at_rest import sealed_body
from gateway.events.standing import GIVEN_BY_MONGODB
from gateway.ingress.delivery import VerifiedDelivery
from gateway.ingress.identity import Identity
from gateway.value import value


class Outcome(StrEnum):
    """How an event ended. Each stored event has one, or waits in the queue."""

    APPLIED = "applied"
    REJECTED = "rejected"
    STALE = "stale"
    PARKED = "parked"
    IGNORED = "ignored"


def event_document(verified: VerifiedDelivery, identity: Identity, scheme: str, cipher: Cipher) -> dict[str, Any]:
    """The document of a new event, its body sealed, which will wait in the queue where MongoDB stores it."""
    delivery = verified.delivery
    return {
        "_id": identity.event_id,
        "event_key": identity.event_key,
        "source": delivery.source,
        "scheme": scheme,
        "account": identity.account,
        "type": identity.type,
        "tx_id": identity.tx_id,
        "fingerprint": identity.fingerprint,
        "secret_id": verified.secret_id,
        "signed_at": verified.signed_at,
        "received_at": utc(delivery.received_at),
        **sealed_body(verified.payload, identity.event_id, cipher),
        "queue": GIVEN_BY_MONGODB,
    }


def settle_as_filtered(document: dict[str, Any]) -> None:
    """Store it without ever queueing it: its source is not for events of this type."""
    del document["queue"]
    document["outcome"] = Outcome.IGNORED.value
    document["reason"] = f"filtered: the source takes no {document['type']}"
    document["settled_at"] = document["received_at"]


@value(frozen=True, slots=True)
class PaymentEvent:
    """One step of one provider object, in our words: what the ledger's tables are written in."""

    event_id: str
    source: str
    kind: str
    """payment, refund, dispute, payout, subscription, invoice or transfer."""
    step: str
    """The column of the kind's table: authorized, captured, succeeded, …"""
    object_id: str
    """The provider's id of the object."""
    occurred_at: float
    """Unix seconds by the provider's clock; a hint for people, never used to order anything."""
    parent_id: str | None = None
    """The payment a refund or dispute belongs to."""
    amount_minor: int = 0
    currency: str = ""
    wallet: str | None = None
    """The owner it concerns; None: the parent's, else the source's suspense wallet."""
    counterparty: str | None = None
    """Who is on the other side: the receiver of a transfer, the customer or merchant of a payment."""

    ours: bool = False
    """Whether our own systems ask for it, so that funds and limits decide; what a provider reports has happened."""
    arrived_at: float = 0.0
    """Unix seconds of the delivery; the day its limits count in."""

    @property
    def key(self) -> str:
        return f"{self.source}:{self.kind}:{self.object_id}"

    @property
    def parent_key(self) -> str | None:
        return f"{self.source}:payment:{self.parent_id}" if self.parent_id else None


@dataclass(frozen=True, slots=True)
class NoMovement:
    """An event that asks nothing of the ledger, with the outcome and the reason to store."""

    outcome: Outcome
    reason: str
    awaits: str | None = None
    """What a parked one waits for; None: a person."""
