"""Stories told by a provider's events, stored and booked by the real engine on a real MongoDB: what audits are tried on."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from pymongo.errors import DuplicateKeyError

from gateway.audit.report import Report
from gateway.audit.report import audit as audit_with_keys
from gateway.encryption import Cipher, open_cipher
from gateway.events.at_rest import plain_body, sealed_body
from gateway.events.event import event_document
from gateway.ingress.delivery import Delivery, VerifiedDelivery
from gateway.ingress.identity import identify
from gateway.ingress.providers.schemes import SCHEMES
from gateway.ledger.lease import Lease
from gateway.ledger.store import LedgerStore
from gateway.mongo import connect
from gateway.pipeline import Processing
from gateway.pipeline.scoring import Scoring
from gateway.queries.reading import Database
from gateway.schema import prepare
from gateway.settings import Settings

NOW = 1_795_255_200.0
"""2026-11-21 10:00 UTC."""

CIPHER: Final = open_cipher(Settings(_env_file=None))
"""With the key of the test run (conftest)."""

Document = dict[str, Any]
Answer = TypeVar("Answer")


def stored(body: Document, *, source: str = "razorpay", scheme: str = "razorpay", at: float = NOW) -> Document:
    """The event as the web process stores it, waiting in the queue."""
    payload = json.dumps(body).encode()
    delivery = Delivery(source, (), payload, at, "192.0.2.1")
    verified = VerifiedDelivery(delivery, payload, "1", None, None)
    return event_document(verified, identify(verified, SCHEMES[scheme]), scheme, CIPHER)


def opened(event: Document) -> Document:
    """The event as the pipeline reads it, its body plain."""
    return {**event, "body": plain_body(event, event["_id"], CIPHER)}


def poisoned(event: Document) -> Document:
    """The event with a content that our code fails on: no web process lets such a body in."""
    return {**event, **sealed_body(b"{", event["_id"], CIPHER)}


def razorpay(
    event: str,
    object_id: str,
    amount: int,
    *,
    of: str | None = None,
    wallet: str | None = "alice",
    n: int = 0,
    card: str | None = None,
) -> Document:
    """One event: `payment.captured` of `pay_1`, `refund.processed` of `rfnd_1` `of` `pay_1`, `payout.initiated`, …; `n` tells
    events apart that say the same."""
    kind = "dispute" if ".dispute." in event else event.split(".")[0]
    entity = {"id": object_id, "amount": amount, "currency": "INR", "notes": {"wallet_id": wallet} if wallet else {}}
    if of is not None:
        entity["payment_id"] = of
    if card is not None:
        entity["card_id"] = card
    return stored(
        {
            "event": event,
            "account_id": "acc_1",
            "created_at": int(NOW) + n,
            "payload": {kind: {"entity": entity}},
        }
    )


def transfer(tx_id: str, sender: str, receiver: str, amount: str) -> Document:
    """One native payment."""
    body = {
        "tx_id": tx_id,
        "amount": amount,
        "currency": "INR",
        "sender_account": sender,
        "receiver_account": receiver,
    }
    return stored(body, source="payments", scheme="native")


def story() -> list[Document]:
    """Something of everything: captures, refunds that fail, disputes, payouts, debts, suspense, parked, ignored, rejected."""
    return [
        razorpay("payment.authorized", "pay_1", 100_00),
        razorpay("payment.captured", "pay_1", 100_00),
        razorpay("refund.created", "rfnd_1", 30_00, of="pay_1"),
        razorpay("refund.processed", "rfnd_1", 30_00, of="pay_1"),
        razorpay("refund.processed", "rfnd_2", 20_00, of="pay_1"),
        razorpay("refund.failed", "rfnd_2", 20_00, of="pay_1"),
        razorpay("payment.captured", "pay_2", 40_00, wallet="bob"),
        razorpay("payment.dispute.created", "disp_1", 40_00, of="pay_2", wallet=None),
        razorpay("payment.captured", "pay_3", 25_00, wallet="carol"),
        razorpay("payment.dispute.created", "disp_2", 25_00, of="pay_3", wallet=None),
        razorpay("payment.dispute.lost", "disp_2", 25_00, of="pay_3", wallet=None),
        razorpay("payout.initiated", "pout_1", 10_00),
        razorpay("payout.processed", "pout_1", 10_00),
        razorpay("payout.initiated", "pout_2", 5_00),
        razorpay("payout.initiated", "pout_3", 2_00),
        razorpay("payout.reversed", "pout_3", 2_00),
        razorpay("payment.captured", "pay_4", 8_00, wallet=None),
        transfer("tx-1", "alice", "bob", "3.00"),
        transfer("tx-2", "dave", "bob", "50.00"),
        transfer("tx-3", "bob", "dave", "20.00"),
        razorpay("refund.processed", "rfnd_9", 1_00, of="pay_9"),
        razorpay("payment.captured", "pay_1", 100_00, n=1),
        razorpay("payment.downtime.started", "down_1", 1),
        stored({"event": "payment.captured", "payload": {}}),
    ]


async def audit(database: Database, *, acknowledged: Iterable[str] | None = None) -> Report:
    """The whole audit, with the key of the test run."""
    return await audit_with_keys(database, CIPHER, acknowledged=acknowledged)


class Booking:
    """The engine on one database: `book` stores the events and processes them in batches of `batch`."""

    def __init__(self, database: Database, *, now: float = NOW, cipher: Cipher = CIPHER) -> None:
        self.database = database
        self.now = now
        self._cipher = cipher
        self._lease = Lease(database, lease_s=300)
        self._processing: Processing | None = None

    async def book(self, events: Iterable[Document], *, batch: int = 5) -> None:
        for event in events:
            with suppress(DuplicateKeyError):
                await self.database["events"].insert_one(event)
        await self.drain(batch=batch)
        await self._lease.release()
        self._processing = None

    async def drain(self, *, batch: int) -> None:
        """Process until the queue is empty; each batch is booked ten seconds after the one before."""
        processing = await self._started()
        while waiting := await self._waiting(batch):
            await processing.process(waiting)
            self.now += 10

    async def _waiting(self, batch: int) -> Sequence[Document]:
        found = self.database["events"].find({"outcome": None}).sort("queue", 1).limit(batch)
        return await found.to_list()

    async def _started(self) -> Processing:
        if self._processing is None:
            await self._lease.acquire(asyncio.Event())
            ledger = LedgerStore(self.database, self._lease)
            self._processing = Processing(
                self.database,
                ledger,
                cipher=self._cipher,
                clock=lambda: self.now,
                scoring=Scoring(self.database, narrate_from_score=60, model_configured=False),
            )
            await self._processing.start()
        return self._processing


def on_database(uri: str, name: str, use: Callable[[Database], Awaitable[Answer]], *, prepared: bool = True) -> Answer:
    """Run `use` on a fresh client of a database, `prepared` with every index."""

    async def run() -> Answer:
        async with connect(uri, Settings(_env_file=None, mongo_timeout_ms=20_000)) as client:
            if prepared:
                await prepare(client[name], CIPHER)
            return await use(client[name])

    return asyncio.run(run())
