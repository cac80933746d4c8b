"""What a caller inside asks for (an agent's transfer), stored as an event like any other: durable before it is answered, decided
by funds and limits when the worker comes to it, and part of the ledger, the audit and every replay.

Its source is `agents`, a name that no door can have. It is not signed: `secret_id` names the key that asked.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import orjson

from gateway.encryption import Cipher
from gateway.errors import BadRequest, Conflict, NotTheShape
from gateway.events.event import event_document
from gateway.events.store import EventStore
from gateway.ingress.delivery import Delivery, VerifiedDelivery
from gateway.ingress.identity import identify
from gateway.ingress.providers.schemes import SCHEMES
from gateway.ingress.providers.terms import AGENTS

OUTCOME_S_MAX: Final = 5.0
"""How long a caller waits for the worker; the event stays, whether it waited long enough or not."""
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Transfer:
    """`tx_id` is its idempotency key: the same one again is the same transfer."""

    tx_id: str
    sender: str
    receiver: str
    amount: str
    currency: str


@dataclass(frozen=True, slots=True)
class Requested:
    """`outcome` is "waiting" until the worker has decided."""

    event_id: str
    outcome: str
    reason: str | None


async def request_transfer(
    store: EventStore, cipher: Cipher, transfer: Transfer, *, asked_by: str, now: float
) -> Requested:
    """Store it and wait a little for what becomes of it. Raises `BadRequest`, `Conflict` and `StoreUnavailable`."""
    payload = orjson.dumps(
        {
            "tx_id": transfer.tx_id,
            "kind": "transfer",
            "amount": transfer.amount,
            "currency": transfer.currency,
            "sender_account": transfer.sender,
            "receiver_account": transfer.receiver,
        }
    )
    verified = VerifiedDelivery(Delivery(AGENTS, (), payload, now, "mcp"), payload, asked_by, None, None)
    scheme = SCHEMES["native"]
    try:
        identity = identify(verified, scheme)
    except NotTheShape as wrong:
        raise BadRequest("; ".join(f"{name} {fault}" for name, fault in wrong.fields.items()) + ".") from None
    appended = await store.append(event_document(verified, identity, scheme.name, cipher))
    if not appended.created and appended.fingerprint != identity.fingerprint:
        raise Conflict("This transfer was asked for before with other content; nothing was changed.")
    return await _settled(store, identity.event_id)


async def _settled(store: EventStore, event_id: str) -> Requested:
    deadline = asyncio.get_running_loop().time() + OUTCOME_S_MAX
    while True:
        found = await store.state_of(event_id)
        if found and found.outcome:
            return Requested(event_id, found.outcome, found.reason)
        if asyncio.get_running_loop().time() >= deadline:
            return Requested(event_id, "waiting", None)
        await asyncio.sleep(_POLL_S)
