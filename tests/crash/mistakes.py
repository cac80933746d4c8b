"""Mistakes that engines like ours are known to make, each switched on by a test and never anywhere else.

Each takes `patch(owner, name, replacement)`: a test's `monkeypatch.setattr`, or `setattr` in a gateway process of its own, where
the functions `in_process_*` are called before the gateway's code.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from gateway.events.event import Outcome, PaymentEvent
from gateway.events.group_commit import GroupCommit
from gateway.events.store import Appended, EventStore
from gateway.ledger.books import Applied, Books
from gateway.ledger.lease import Lease
from gateway.ledger.store import LedgerStore
from gateway.ledger.transaction import Transaction
from gateway.ledger.writes import Writes
from gateway.pipeline import processing
from simulators.crash.control import FOLDER, Control

Patch = Callable[[Any, str, Any], None]
Mistake = Callable[[Patch], None]
Document = dict[str, Any]


def check_then_insert(patch: Patch) -> None:
    """Ask whether the event is there, insert it if not: two processes that ask at the same time both insert.

    They meet between the two, so that they do.
    """
    both = asyncio.Barrier(2)

    async def insert(store: EventStore, documents: Sequence[Document]) -> list[int]:
        keys = [document["event_key"] for document in documents]
        found = await store._events.distinct("event_key", {"event_key": {"$in": keys}})
        await both.wait()
        fresh = [{**each, "_id": f"evt_{uuid4().hex}"} for each in documents if each["event_key"] not in found]
        await store._events.insert_many(fresh)
        return [place for place, key in enumerate(keys) if key in found]

    patch(EventStore, "_insert", insert)


def altered_accepted(patch: Patch) -> None:
    """Whoever knows a used id may say what he likes under it."""
    append = EventStore.append

    async def trusting(store: EventStore, document: Document) -> Appended:
        return (await append(store, document))._replace(fingerprint=document["fingerprint"])

    patch(EventStore, "append", trusting)


def acknowledged_early(patch: Patch) -> None:
    """The answer goes out while the event is still on its way to the store."""
    submit = GroupCommit.submit
    under_way: set[asyncio.Task[Any]] = set()

    async def at_once(commits: GroupCommit[Document, Appended], document: Document) -> Appended:
        task = asyncio.ensure_future(submit(commits, document))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        return Appended(True, document["fingerprint"])

    patch(GroupCommit, "submit", at_once)


def outcomes_first(patch: Patch, between: Callable[[], None] = lambda: None) -> None:
    """Events are taken off the queue in one write, and their effects follow in another; `between` is called in between, where
    money moves."""
    _split(patch, lambda write: write.collection == "events", in_a_transaction=True, between=between)


def wallets_outside(patch: Patch) -> None:
    """Read the balance, change it, write it back: beside the transaction, not in it."""
    _split(patch, lambda write: write.collection == "wallets", in_a_transaction=False)


def _split(
    patch: Patch,
    goes_first: Callable[[Writes], bool],
    *,
    in_a_transaction: bool,
    between: Callable[[], None] = lambda: None,
) -> None:
    atomic = LedgerStore.atomic

    async def in_two(ledger: LedgerStore, writes: Sequence[Writes], *, next_seq: int) -> None:
        first = [write for write in writes if goes_first(write)]
        if in_a_transaction:
            await atomic(ledger, first, next_seq=ledger.lease.next_seq)
        else:
            for document in (each for write in first for each in (*write.inserts, *write.replacements)):
                fields = {"$set": {name: value for name, value in document.items() if name != "_id"}}
                await ledger._database[first[0].collection].update_one({"_id": document["_id"]}, fields, upsert=True)
        if any("legs" in document and document["legs"] for write in writes for document in write.inserts):
            between()
        await atomic(ledger, [write for write in writes if not goes_first(write)], next_seq=next_seq)

    patch(LedgerStore, "atomic", in_two)


def stale_memory(patch: Patch) -> None:
    """A writer that gets its lease back believes what it remembers from before: read, modify, write, without the read."""
    patch(LedgerStore, "forget", lambda ledger: None)


def unfenced(patch: Patch) -> None:
    """Whoever once had the lease may write."""
    fence = Lease.fence

    def open_to_all(lease: Lease, next_seq: int) -> Document:
        return {**fence(lease, next_seq), "q": {"_id": "writer"}}

    patch(Lease, "fence", open_to_all)


def refund_keyed_by_charge(patch: Patch) -> None:
    """A payment is refunded or it is not: the second part of a refund in two parts is taken for the first."""
    _retold(patch, lambda event: replace(event, object_id=event.parent_id) if event.kind == "refund" else event)


def effect_keyed_by_event(patch: Patch) -> None:
    """Each event is an effect of its own; providers tell of one capture in two."""
    _retold(
        patch,
        lambda event: (
            replace(event, object_id=f"{event.object_id}.{event.event_id}") if event.step == "captured" else event
        ),
    )


def _retold(patch: Patch, retell: Callable[[PaymentEvent], PaymentEvent]) -> None:
    normalise = processing.normalise

    def wrongly(document: Document) -> Any:
        reading = normalise(document)
        return tuple(retell(event) for event in reading) if isinstance(reading, tuple) else reading

    patch(processing, "normalise", wrongly)


def order_by_time(patch: Patch) -> None:
    """What the provider dates earlier than what is known already is old news."""
    apply, latest = Books.apply, dict[str, float]()

    def newest_only(books: Books, event: PaymentEvent, **how: bool) -> Applied:
        if event.occurred_at < latest.get(event.key, 0.0):
            return Applied(Outcome.STALE, "older than what is known")
        latest[event.key] = event.occurred_at
        return apply(books, event, **how)

    patch(Books, "apply", newest_only)


def hold_released_twice(patch: Patch) -> None:
    """A dispute that is closed releases its amount, and closed once more releases it once more."""
    apply = Books.apply

    def again(books: Books, event: PaymentEvent, **how: bool) -> Applied:
        result = apply(books, event, **how)
        if result.outcome is not Outcome.STALE or (event.kind, event.step) != ("dispute", "closed"):
            return result
        known = books.objects[event.key]
        legs = books._wallet_legs(known.wallet or "", known.currency, 0, -known.amount_minor)
        for leg in legs:
            assert leg.wallet
            books.wallets[leg.wallet.key] = leg.wallet
            books.changed_wallets.add(leg.wallet.key)
        transaction = Transaction(
            key=f"{event.source}:dispute_released:{event.object_id}:{event.event_id}",
            effect="dispute_released",
            event_id=event.event_id,
            source=event.source,
            object_key=known.key,
            from_state=known.state,
            to_state=known.state,
            currency=known.currency,
            amount_minor=known.amount_minor,
            legs=legs,
            occurred_at=event.occurred_at,
        )
        return Applied(Outcome.APPLIED, "dispute_released", transaction, known.wallet)

    patch(Books, "apply", again)


def in_process_acknowledged_early() -> None:
    acknowledged_early(setattr)


def in_process_outcomes_first() -> None:
    control = Control(Path(os.environ[FOLDER]))
    outcomes_first(setattr, lambda: control.reach("between_writes"))
