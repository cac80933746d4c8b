"""Before the 202: prove a delivery, name it, store it durably. One at a time, in the web processes."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from gateway.clock import utc
from gateway.encryption import Cipher
from gateway.errors import Conflict, StoreUnavailable, UnknownSource
from gateway.events.at_rest import of_incident, sealed_body
from gateway.events.event import event_document, settle_as_filtered
from gateway.events.store import Appended, EventStore
from gateway.ingress.delivery import Delivery, VerifiedDelivery
from gateway.ingress.endpoint import Limiter, Receipt
from gateway.ingress.identity import Identity, identify
from gateway.ingress.providers.sources import Source, Window
from gateway.ingress.verify import verify
from gateway.monitoring.metrics import SETTLED

WAIT_POLL_S: Final = 0.05


class Reception:
    """Before the 202: prove, name, store."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        store: EventStore,
        incidents: "Incidents",
        *,
        cipher: Cipher,
        limits: Limiter,
        window: Window,
    ) -> None:
        self._sources = sources
        self._store = store
        self._incidents = incidents
        self._cipher = cipher
        self._limits = limits
        self._window = window

    async def receive(self, delivery: Delivery) -> Receipt:
        """The event is durable when this returns. Raises the refusals of `verify` and `identify`, `Conflict`, `Limited`
        and `StoreUnavailable`."""
        source = self._sources.get(delivery.source)
        if source is None:
            raise UnknownSource("There is no open source of this name.")
        verified = verify(delivery, source, self._window)
        self._limits.hit("webhooks", source.name, rate=source.rate)
        identity = identify(verified, source.scheme)
        document = event_document(verified, identity, source.scheme.name, self._cipher)
        if not source.is_for(identity.type):
            settle_as_filtered(document)
        appended = await self._store.append(document)
        if appended.created:
            if "outcome" in document:
                SETTLED.labels(document["outcome"]).inc()
            return Receipt(True, identity.event_id, identity.tx_id, {})
        if appended.fingerprint != identity.fingerprint:
            await self._incidents.note_conflict(verified, identity, appended)
            raise Conflict("This id was used before with other content; nothing was changed.")
        return Receipt(False, identity.event_id, identity.tx_id, _state(appended))

    async def outcome_of(self, event_id: str, wait_s: float) -> Mapping[str, Any]:
        """The event's outcome, waiting for it at most `wait_s`; nothing when the store cannot say: the event is durable."""
        deadline = asyncio.get_running_loop().time() + wait_s
        try:
            while True:
                found = await self._store.state_of(event_id)
                if (found and found.outcome) or asyncio.get_running_loop().time() >= deadline:
                    return {**_state(found), **await self._store.insight_of(event_id)} if found else {}
                await asyncio.sleep(WAIT_POLL_S)
        except StoreUnavailable:
            return {}


class Incidents:
    """Deliveries that a secret vouched for and that contradict what is stored: kept whole, never applied."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], cipher: Cipher) -> None:
        self._incidents = database["incidents"]
        self._cipher = cipher

    async def note_conflict(self, verified: VerifiedDelivery, identity: Identity, standing: Appended) -> None:
        """Raises `StoreUnavailable`: a conflict that is not on record is not answered as one."""
        incident = {
            "at": utc(verified.delivery.received_at),
            "kind": "conflict",
            "event_id": identity.event_id,
            "source": verified.delivery.source,
            "fingerprint_stored": standing.fingerprint,
            "fingerprint_seen": identity.fingerprint,
            "remote": verified.delivery.remote,
            **sealed_body(verified.payload, of_incident(identity.event_id), self._cipher),
        }
        try:
            await self._incidents.insert_one(incident)
        except PyMongoError as failure:
            raise StoreUnavailable("The store did not answer in time; send it again.") from failure


def _state(appended: Appended) -> dict[str, Any]:
    state: dict[str, Any] = {"outcome": appended.outcome or "waiting"}
    if appended.reason:
        state["reason"] = appended.reason
    return state
