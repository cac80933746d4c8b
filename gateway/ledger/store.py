"""The ledger's collections: what a batch needs is loaded, and what it changed is written in one database transaction.

The writer alone changes these collections. `atomic` is the only way to write them, and proves the lease inside the same
transaction. Writes go as plain database commands with a list of statements: half the client-side cost of bulk operations.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from beanie import Document
from pymongo import ASCENDING, DESCENDING, IndexModel, ReadPreference, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern
from structlog import get_logger

from gateway.clock import utc
from gateway.errors import LeaseLost
from gateway.events.event import PaymentEvent
from gateway.ledger.books import Books, ProviderObject
from gateway.ledger.chain import GENESIS, ChainEnd
from gateway.ledger.lease import Lease
from gateway.ledger.limits import NO_LIMITS, Limits
from gateway.ledger.transaction import Transaction, leg_document
from gateway.ledger.wallet import Wallet, suspense_owner, wallet_from, wallet_key
from gateway.ledger.writes import Writes
from gateway.recent import Recent
from gateway.unhurried import unhurried

log = get_logger(__name__)

NOT_FOUND: Final = 47
"""MongoDB's code NoMatchingDocument."""
REMEMBERED_MAX: Final = 50_000
"""Objects, and wallets, that the writer keeps in memory; about 40 MB together."""


class WalletDocument(Document):
    id: str  # type: ignore[assignment]
    owner: str
    currency: str
    balance_minor: int
    locked_minor: int
    receivable_minor: int
    version: int
    day: str
    day_used_minor: int
    month: str
    month_used_minor: int
    partition: int
    updated_at: datetime

    class Settings:
        name = "wallets"


class ObjectDocument(Document):
    id: str  # type: ignore[assignment]
    kind: str
    source: str
    object_id: str
    state: str
    currency: str
    amount_minor: int
    refunded_minor: int
    disputes_open: int
    wallet: str | None
    parent: str | None
    first_event_id: str
    last_event_id: str
    updated_at: datetime

    class Settings:
        name = "objects"


class TransactionDocument(Document):
    id: str  # type: ignore[assignment]
    seq: int
    event_id: str
    source: str
    kind: str
    object: str
    change: dict[str, str]
    currency: str
    amount_minor: int
    legs: list[dict[str, Any]]
    wallets: list[str]
    occurred_at: datetime
    at: datetime

    class Settings:
        name = "transactions"
        indexes: ClassVar = [
            IndexModel([("seq", ASCENDING)], unique=True),
            IndexModel([("wallets", ASCENDING), ("seq", DESCENDING)]),
            IndexModel([("event_id", ASCENDING)]),
            IndexModel([("object", ASCENDING)]),
        ]


class LedgerStore:
    """Loads and commits for the single writer."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], lease: Lease, limits: Limits = NO_LIMITS) -> None:
        self._database = database
        self.lease = lease
        self._limits = limits
        self._objects: Recent[ProviderObject] = Recent(REMEMBERED_MAX)
        self._wallets: Recent[Wallet] = Recent(REMEMBERED_MAX)

    async def load(self, events: Iterable[PaymentEvent]) -> Books:
        """The objects and wallets that the events touch, as they stand. Nobody else changes them while the lease is ours, so
        what was read or written before is remembered; `forget` when that may no longer be so."""
        events = list(events)
        objects, unknown = self._objects.known(
            {key for event in events for key in (event.key, event.parent_key) if key}
        )
        if unknown:
            async for found in self._database["objects"].find({"_id": {"$in": unknown}}):
                objects[found["_id"]] = _object_from(found)
        wallets, unknown = self._wallets.known({key for event in events for key in _wallets_touched(event, objects)})
        if unknown:
            async for found in self._database["wallets"].find({"_id": {"$in": unknown}}):
                wallets[found["_id"]] = wallet_from(found)
        levels = await self._levels({event.wallet for event in events if event.ours and event.wallet})
        return Books(objects=objects, wallets=wallets, limits=self._limits, levels=levels)

    async def _levels(self, owners: set[str]) -> dict[str, str]:
        """The KYC levels of the owners who ask to send something out; whoever has none has the default."""
        if not owners:
            return {}
        found = self._database["owners"].find({"_id": {"$in": list(owners)}}, {"kyc_level": 1})
        return {document["_id"]: document["kyc_level"] async for document in found}

    def remember(self, books: Books) -> None:
        """The books as they will be stored; `forget` if they are not."""
        self._objects.remember(books.objects)
        self._wallets.remember(books.wallets)

    def forget(self) -> None:
        self._objects.forget()
        self._wallets.forget()

    async def last_booked_at(self) -> float:
        """When the last transaction was booked, unix seconds; 0 before the first."""
        last = await self._database["transactions"].find_one({}, {"at": 1}, sort=[("seq", DESCENDING)])
        return last["at"].timestamp() if last else 0.0

    async def chain_end(self) -> ChainEnd:
        """What the next transaction follows. A last seal that is missing is not made up: the audit names the gap."""
        last = await self._database["seals"].find_one({}, {"last_seq": 1, "link": 1}, sort=[("_id", DESCENDING)])
        sealed, link = (last["last_seq"], bytes(last["link"])) if last else (0, GENESIS)
        if sealed + 1 != self.lease.next_seq:
            log.error("chain_gap", sealed_to=sealed, booked_to=self.lease.next_seq - 1)
        return ChainEnd(self.lease.next_seq, link)

    async def atomic(self, writes: Sequence[Writes], *, next_seq: int) -> None:
        """Write everything or nothing, durably (majority, journaled). Raises `LeaseLost` when another writer took over."""

        async def body(session: AsyncClientSession) -> None:
            fence = {"update": "leases", "updates": [self.lease.fence(next_seq)]}
            if (await self._database.command(fence, session=session))["n"] != 1:
                raise LeaseLost("Another writer holds the lease.")
            for write in writes:
                await self._write(write, session)

        await self.lease.session.with_transaction(
            body,
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern(w="majority", j=True),
            read_preference=ReadPreference.PRIMARY,
        )
        self.lease.next_seq = next_seq

    async def _write(self, write: Writes, session: AsyncClientSession) -> None:
        """A refused statement raises `WriteRefused`, which is not retried: the same batch would be refused again."""
        for command in write.commands():
            reply = await self._database.command(command.body(), session=session)
            if reply.get("writeErrors"):
                raise WriteRefused(reply["writeErrors"][0].get("code", 0))
            if command.matches is not None and reply["n"] != command.matches:
                raise WriteRefused(NOT_FOUND)


class WriteRefused(Exception):
    """MongoDB refused one statement of a batch (a used key, a document too large); the transaction was aborted."""

    def __init__(self, code: int) -> None:
        super().__init__(f"MongoDB error {code}")
        self.code = code


async def ledger_writes(
    books: Books, transactions: Sequence[Transaction], *, first_seq: int, now: float
) -> list[Writes]:
    """What a folded batch changes, as writes for `LedgerStore.atomic`; the transactions come last."""
    at = utc(now)
    wallets = {key: _wallet_document(books.wallets[key], at) async for key in unhurried(list(books.changed_wallets))}
    objects = {key: _object_document(books.objects[key], at) async for key in unhurried(list(books.changed_objects))}
    booked = enumerate(transactions, start=first_seq)
    return [
        _by_novelty("wallets", wallets, books.wallets_before),
        _by_novelty("objects", objects, books.objects_before),
        Writes(
            "transactions",
            inserts=[_transaction_document(each, seq, at) async for seq, each in unhurried(list(booked))],
        ),
    ]


def _by_novelty(collection: str, documents: dict[str, dict[str, Any]], before: frozenset[str]) -> Writes:
    """New ones are inserted, which costs MongoDB a third of what an upsert does; the others are replaced."""
    return Writes(
        collection,
        inserts=[document for key, document in documents.items() if key not in before],
        replacements=[document for key, document in documents.items() if key in before],
    )


def _wallets_touched(event: PaymentEvent, objects: dict[str, ProviderObject]) -> list[str]:
    """The keys of every wallet the event may post to; asking for one too many costs a look-up and changes nothing."""
    known, parent = objects.get(event.key), objects.get(event.parent_key or "")
    owners = [event.wallet, event.counterparty if event.kind == "transfer" else None, suspense_owner(event.source)]
    owners += [thing.wallet for thing in (known, parent) if thing]
    return [wallet_key(event.currency, owner) for owner in owners if owner]


def _wallet_document(wallet: Wallet, now: datetime) -> dict[str, Any]:
    return {
        "_id": wallet.key,
        "owner": wallet.owner,
        "currency": wallet.currency,
        "balance_minor": wallet.balance_minor,
        "locked_minor": wallet.locked_minor,
        "receivable_minor": wallet.receivable_minor,
        "version": wallet.version,
        "day": wallet.day,
        "day_used_minor": wallet.day_used_minor,
        "month": wallet.month,
        "month_used_minor": wallet.month_used_minor,
        "partition": 0,
        "updated_at": now,
    }


def _object_document(thing: ProviderObject, now: datetime) -> dict[str, Any]:
    return {
        "_id": thing.key,
        "kind": thing.kind,
        "source": thing.source,
        "object_id": thing.object_id,
        "state": thing.state,
        "currency": thing.currency,
        "amount_minor": thing.amount_minor,
        "refunded_minor": thing.refunded_minor,
        "disputes_open": thing.disputes_open,
        "wallet": thing.wallet,
        "parent": thing.parent,
        "first_event_id": thing.first_event_id,
        "last_event_id": thing.last_event_id,
        "updated_at": now,
    }


def _object_from(document: dict[str, Any]) -> ProviderObject:
    return ProviderObject(
        key=document["_id"],
        kind=document["kind"],
        source=document["source"],
        object_id=document["object_id"],
        state=document["state"],
        currency=document["currency"],
        amount_minor=document["amount_minor"],
        refunded_minor=document["refunded_minor"],
        disputes_open=document["disputes_open"],
        wallet=document["wallet"],
        parent=document["parent"],
        first_event_id=document["first_event_id"],
        last_event_id=document["last_event_id"],
    )


def _transaction_document(transaction: Transaction, seq: int, now: datetime) -> dict[str, Any]:
    return {
        "_id": transaction.key,
        "seq": seq,
        "event_id": transaction.event_id,
        "source": transaction.source,
        "kind": transaction.effect,
        "object": transaction.object_key,
        "change": {"from": transaction.from_state, "to": transaction.to_state},
        "currency": transaction.currency,
        "amount_minor": transaction.amount_minor,
        "legs": [leg_document(leg) for leg in transaction.legs],
        "wallets": [leg.wallet.owner for leg in transaction.legs if leg.wallet is not None],
        "occurred_at": utc(transaction.occurred_at),
        "at": now,
    }
