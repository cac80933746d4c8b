"""The ledger's one way to write: everything of a batch or nothing, and only while the lease is ours."""

import asyncio
from typing import Any

import pytest
from booked_store import NOW, on_database, opened, transfer
from bson.errors import BSONError

from gateway.errors import LeaseLost
from gateway.events.event import PaymentEvent
from gateway.events.normalise import normalise
from gateway.ledger.lease import Lease
from gateway.ledger.store import LedgerStore, WriteRefused, ledger_writes
from gateway.ledger.writes import REPLACED_AT_ONCE, Writes
from gateway.pipeline.processing import is_about_content
from gateway.queries.reading import Database


async def _holder(database: Database, *, lease_s: float = 300) -> LedgerStore:
    lease = Lease(database, lease_s=lease_s)
    assert await lease.acquire(asyncio.Event())
    return LedgerStore(database, lease)


async def _counts(database: Database) -> dict[str, int]:
    return {name: await database[name].count_documents({}) for name in ("wallets", "objects", "transactions")}


def _event(tx_id: str, amount: str = "1.00", *, sender: str = "alice", receiver: str = "bob") -> PaymentEvent:
    reading = normalise(opened(transfer(tx_id, sender, receiver, amount)))
    assert isinstance(reading, tuple)
    return reading[0]


async def _book(ledger: LedgerStore, *events: PaymentEvent) -> None:
    """As the pipeline does, without the events collection."""
    books = await ledger.load(events)
    transactions = [applied.transaction for event in events if (applied := books.apply(event)).transaction]
    first_seq = ledger.lease.next_seq
    writes = await ledger_writes(books, [each for each in transactions if each], first_seq=first_seq, now=NOW)
    await ledger.atomic(writes, next_seq=first_seq + len(transactions))
    ledger.remember(books)


def test_what_was_written_is_loaded_again(mongo_uri: str, database_name: str) -> None:
    """Objects and wallets come back as they were folded, also by a writer that starts with an empty memory."""

    async def story(database: Database) -> None:
        ledger = await _holder(database)
        event = _event("t1")
        await _book(ledger, event, _event("t2", "2.50"))
        remembered = await ledger.load([event])
        ledger.forget()
        read = await ledger.load([event])
        assert remembered.wallets["INR:bob"] == read.wallets["INR:bob"]
        assert (read.wallets["INR:bob"].balance_minor, read.wallets["INR:alice"].receivable_minor) == (350, 350)
        assert read.objects[event.key].state == "COMPLETED"
        assert remembered.objects[event.key] == read.objects[event.key]

    on_database(mongo_uri, database_name, story)


def test_sequence_numbers_have_no_gap(mongo_uri: str, database_name: str) -> None:
    """One after the other over all batches and writers, since they are taken in the transaction that uses them."""

    async def story(database: Database) -> None:
        first = await _holder(database)
        await _book(first, _event("t1"), _event("t2"))
        await first.lease.release()
        second = await _holder(database)
        await _book(second, _event("t3"))
        rows = await database["transactions"].find({}, {"seq": 1}).sort("seq", 1).to_list()
        assert [row["seq"] for row in rows] == [1, 2, 3]

    on_database(mongo_uri, database_name, story)


@pytest.mark.parametrize(
    "bad",
    [
        Writes("transactions", inserts=[{"_id": "used", "seq": 900}, {"_id": "used", "seq": 901}]),
        Writes("transactions", inserts=[{"_id": "other", "seq": 1}]),
        Writes("wallets", updates=[{"q": {}, "u": {"$nonsense": 1}, "multi": True}]),
    ],
    ids=["a used key", "a used number", "a statement that is none"],
)
def test_a_refused_statement_leaves_nothing_of_its_batch(mongo_uri: str, database_name: str, bad: Writes) -> None:
    """Not the wallets, not the numbers, not the outcomes of its events; the next batch is written as if it had not been."""

    async def story(database: Database) -> None:
        ledger = await _holder(database)
        await _book(ledger, _event("t0"))
        waiting = transfer("t1", "alice", "bob", "1.00")
        await database["events"].insert_one(waiting)
        stored = await database["events"].find_one()
        settled = Writes("events", updates=[{"q": {}, "u": {"$set": {"outcome": "applied"}, "$unset": {"queue": ""}}}])
        books = await ledger.load([_event("t1")])
        transaction = books.apply(_event("t1")).transaction
        assert transaction is not None
        writes = [*await ledger_writes(books, [transaction], first_seq=2, now=NOW), settled, bad]
        before = await _counts(database)
        with pytest.raises(WriteRefused):
            await ledger.atomic(writes, next_seq=3)
        assert await _counts(database) == before
        assert await database["events"].find_one() == stored
        assert ledger.lease.next_seq == 2
        await _book(ledger, _event("t1"))
        assert (await _counts(database))["transactions"] == before["transactions"] + 1

    on_database(mongo_uri, database_name, story)


@pytest.mark.parametrize(
    "unheard_of", [2**64, "\ud800", object()], ids=["an integer too large", "half a sign", "no value"]
)
def test_what_mongodb_cannot_hold_leaves_nothing_of_its_batch(
    mongo_uri: str, database_name: str, unheard_of: object
) -> None:
    """It is found where it is encoded, ahead of the transaction or in the middle of it: a fault with the content, found by
    halving; and the next batch is written at once."""

    async def story(database: Database) -> None:
        ledger = await _holder(database)
        books = await ledger.load([_event("t1")])
        transaction = books.apply(_event("t1")).transaction
        assert transaction is not None
        bad = Writes("insights", inserts=[{"_id": "evt_1", "told": unheard_of}])
        with pytest.raises((OverflowError, UnicodeEncodeError, BSONError)) as found:
            await bad.encode()
        assert is_about_content(found.value)
        with pytest.raises((OverflowError, UnicodeEncodeError, BSONError)) as failed:
            await ledger.atomic([*await ledger_writes(books, [transaction], first_seq=1, now=NOW), bad], next_seq=2)
        assert is_about_content(failed.value)
        assert await _counts(database) == {"wallets": 0, "objects": 0, "transactions": 0}
        async with asyncio.timeout(5):
            await _book(ledger, _event("t1"))
        assert await _counts(database) == {"wallets": 2, "objects": 1, "transactions": 1}

    on_database(mongo_uri, database_name, story)


@pytest.mark.parametrize("ahead", [True, False], ids=["encoded ahead", "encoded as it is sent"])
def test_a_batch_of_many_documents_is_written_whole(mongo_uri: str, database_name: str, ahead: bool) -> None:
    """More than one statement replaces, and more than is encoded without a pause; each document becomes its own new self."""

    async def story(database: Database) -> None:
        ledger = await _holder(database)
        before = [{"_id": f"INR:{number}", "version": 1, "old": number} for number in range(2 * REPLACED_AT_ONCE + 30)]
        after = [{"_id": document["_id"], "version": 2, "told": {"own": document["_id"]}} for document in before]
        marks = [{"_id": "wallets", "floor": 7}]
        for number, writes in enumerate(
            [
                [Writes("wallets", inserts=before)],
                [Writes("wallets", replacements=after), Writes("marks", upserts=marks)],
            ]
        ):
            for write in writes:
                if ahead:
                    await write.encode()
            await ledger.atomic(writes, next_seq=number + 2)
        assert await database["wallets"].find().sort("told.own", 1).to_list() == sorted(
            after, key=lambda each: each["_id"]
        )
        assert await database["marks"].find().to_list() == marks

    on_database(mongo_uri, database_name, story)


def test_a_document_that_is_not_there_is_not_replaced(mongo_uri: str, database_name: str) -> None:
    """What the writer remembers is not what is stored: the batch is refused."""

    async def story(database: Database) -> None:
        ledger = await _holder(database)
        there = [{"_id": f"INR:{number}", "version": 1} for number in range(REPLACED_AT_ONCE + 1)]
        await ledger.atomic([Writes("wallets", inserts=there)], next_seq=2)
        changed = Writes("wallets", replacements=[*({**each, "version": 2} for each in there), {"_id": "INR:missing"}])
        await changed.encode()
        with pytest.raises(WriteRefused):
            await ledger.atomic([changed], next_seq=3)
        assert await database["wallets"].distinct("version") == [1]

    on_database(mongo_uri, database_name, story)


def test_a_writer_whose_lease_is_anothers_writes_nothing(mongo_uri: str, database_name: str) -> None:
    """However sure it is: the lease is proven inside the transaction, so a paused writer that wakes up changes nothing."""

    async def story(database: Database) -> None:
        paused = await _holder(database, lease_s=0.5)
        await _book(paused, _event("t1"))
        await asyncio.sleep(0.6)
        successor = await _holder(database)
        with pytest.raises(LeaseLost):
            await _book(paused, _event("t2"))
        with pytest.raises(LeaseLost):
            await paused.lease.renew()
        await _book(successor, _event("t3"))
        booked = await database["transactions"].distinct("object")
        assert sorted(booked) == ["payments:transfer:t1", "payments:transfer:t3"]
        assert successor.lease.epoch == paused.lease.epoch + 1

    on_database(mongo_uri, database_name, story)


def test_one_writer_at_a_time(mongo_uri: str, database_name: str) -> None:
    """The second stands by while the first renews, takes over at once when it is released, and gives up when told to."""

    async def story(database: Database) -> None:
        first = Lease(database, lease_s=0.8)
        second = Lease(database, lease_s=0.8)
        stop = asyncio.Event()
        assert await first.acquire(stop)
        standing_by = asyncio.create_task(second.acquire(stop))
        for _ in range(5):
            await asyncio.sleep(0.3)
            await first.renew()
        assert not standing_by.done()
        await first.release()
        async with asyncio.timeout(30):
            assert await standing_by
        third = asyncio.create_task(Lease(database, lease_s=300).acquire(stop))
        await asyncio.sleep(0.05)
        stop.set()
        async with asyncio.timeout(30):
            assert not await third

    on_database(mongo_uri, database_name, story)


def test_a_dead_writers_open_transaction_stops_nobody(mongo_uri: str, database_name: str) -> None:
    """One that died inside a transaction holds what it touched, the lease among it; its successor ends it and goes on."""

    async def story(database: Database) -> None:
        dead = await _holder(database, lease_s=0.5)
        await _book(dead, _event("t1"))
        session = dead.lease.session
        await session.start_transaction()
        fence: dict[str, Any] = dead.lease.fence(dead.lease.next_seq)
        await database.command({"update": "leases", "updates": [fence]}, session=session)
        await database["wallets"].update_one({"_id": "INR:bob"}, {"$set": {"balance_minor": 7}}, session=session)
        await asyncio.sleep(0.6)
        async with asyncio.timeout(30):
            successor = await _holder(database)
            await _book(successor, _event("t2"))
        wallet = await database["wallets"].find_one({"_id": "INR:bob"})
        assert wallet is not None
        assert wallet["balance_minor"] == 200

    on_database(mongo_uri, database_name, story)
