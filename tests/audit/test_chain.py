"""The sealed chain: what was sealed cannot change without being named, and sealing survives whatever happens to sealers."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import pytest
from booked_store import NOW, Booking, Document, razorpay

from gateway.audit.chain import BLOCK_MAX, GENESIS, ChainGap, link_of, links_of, seal, seal_block
from gateway.audit.report import Report, audit
from gateway.mongo import connect
from gateway.queries.reading import Database
from gateway.settings import Settings

Ask = Callable[[Callable[[Database], Awaitable[Any]]], Any]
Change = Callable[[Database], Awaitable[object]]


def proof(ask: Ask, change: Change) -> tuple[int, str]:
    """Seal everything, change something, audit: how many records I12 finds, and the first."""

    async def run(database: Database) -> Report:
        await seal_block(database)
        await change(database)
        return await audit(database)

    check = next(check for check in ask(run).checks if check.id == "I12")
    return check.broken, str(check.first)


def edit(key: str, change: Document) -> Change:
    return lambda database: database.transactions.update_one({"_id": key}, change)


async def nothing(database: Database) -> None:
    """The control."""


def test_what_was_sealed_and_not_touched_verifies(books: Ask) -> None:
    """With the head of the chain, for whoever wants to keep it elsewhere."""

    async def run(database: Database) -> Report:
        assert await seal_block(database) == 20
        assert await seal_block(database) == 0
        return await audit(database)

    report = books(run)
    assert report.ok
    assert (report.head.seq, report.unsealed) == (20, 0)
    assert len(report.head.link) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"$set": {"occurred_at": None}},
        {"$set": {"note": "new"}},
        {"$set": {"amount_minor": 100_00.0}},
        {"$unset": {"event_id": ""}},
        {"$push": {"wallets": "mallory"}},
    ],
    ids=str,
)
def test_an_edited_record_is_named_itself(books: Ask, change: Document) -> None:
    """Alone, and not all that come after it; also an edit that no other invariant minds."""
    count, first = proof(books, edit("razorpay:refund:rfnd_1", change))
    assert count == 1
    assert first.startswith("transactions razorpay:refund:rfnd_1 (seq 4): was changed")


def test_a_removed_record_is_named_itself(books: Ask) -> None:
    """By the number and the id that its seal kept."""
    count, first = proof(books, lambda database: database.transactions.delete_one({"_id": "razorpay:refund:rfnd_1"}))
    assert count == 1
    assert first.startswith("transactions razorpay:refund:rfnd_1 (seq 4): was removed")


def test_the_last_record_is_missed_too(books: Ask) -> None:
    """Nothing follows it that could not fit any more; its seal remembers it."""
    count, first = proof(books, lambda database: database.transactions.delete_one({"_id": "payments:transfer:tx-3"}))
    assert count == 1
    assert first.startswith("transactions payments:transfer:tx-3 (seq 20): was removed")


def test_an_inserted_record_is_named_itself(books: Ask) -> None:
    """There is no whole number left between two sealed ones, but MongoDB would take a half."""

    async def insert(database: Database) -> None:
        found = await database.transactions.find_one({"seq": 4})
        assert found
        await database.transactions.insert_one({**found, "_id": "inserted", "seq": 4.5})

    count, first = proof(books, insert)
    assert count == 1
    assert first.startswith("transactions inserted (seq 4.5): was inserted")


def test_a_replaced_record_is_named_itself(books: Ask) -> None:
    """Another one under the same number."""

    async def swap(database: Database) -> None:
        found = await database.transactions.find_one_and_delete({"seq": 4})
        assert found
        await database.transactions.insert_one({**found, "_id": "replaced"})

    count, first = proof(books, swap)
    assert count == 1
    assert first.startswith("transactions replaced (seq 4): was changed")


@pytest.mark.parametrize(
    "change",
    [
        {"$set": {"previous": bytes(31) + b"\1"}},
        {"$inc": {"last_seq": 1}},
        {"$pop": {"ids": 1}},
        {"$unset": {"links": 1}},
    ],
    ids=str,
)
def test_an_edited_seal_is_named(books: Ask, change: Document) -> None:
    """The chain's own records are under suspicion as well."""
    count, first = proof(books, lambda database: database.seals.update_one({"_id": 1}, change))
    assert count == 1
    assert first.startswith("seals 1: ")


def test_a_removed_seal_is_noticed_by_the_next(books: Ask) -> None:
    """Blocks follow each other without a gap."""

    async def run(database: Database) -> Report:
        await seal_block(database)
        await Booking(database, now=NOW + 1_000).book([razorpay("payment.captured", "pay_20", 7)])
        await seal_block(database)
        await database.seals.delete_one({"_id": 1})
        return await audit(database)

    assert "seals 21: it starts at seq 21" in str(books(run).first.first)


def test_sealers_beside_each_other_make_one_chain(books: Ask) -> None:
    """Whoever comes second finds the block written and goes on behind it."""

    async def run(database: Database) -> Report:
        await asyncio.gather(*(seal_block(database) for _ in range(8)))
        assert await database.seals.count_documents({}) == 1
        return await audit(database)

    assert books(run).ok


def test_blocks_follow_each_other_and_what_waits_is_counted(books: Ask) -> None:
    """A new transaction is not yet proven, and the report says so."""

    async def run(database: Database) -> Report:
        await seal_block(database)
        await Booking(database, now=NOW + 1_000).book([razorpay("payment.captured", f"pay_2{n}", 7) for n in range(3)])
        first = await audit(database)
        assert (first.ok, first.head and first.head.seq, first.unsealed) == (True, 20, 3)
        await seal_block(database)
        return await audit(database)

    report = books(run)
    assert (report.ok, report.head.seq, report.unsealed) == (True, 23, 0)


def test_nothing_is_sealed_across_a_gap(books: Ask) -> None:
    """Sealing what follows a missing record would make the loss part of the truth."""

    async def run(database: Database) -> None:
        await database.transactions.delete_one({"seq": 4})
        with pytest.raises(ChainGap, match="seq 1 to"):
            await seal_block(database)
        assert await database.seals.count_documents({}) == 0

    books(run)


def test_the_sealer_seals_what_comes_and_stops_when_told(books: Ask) -> None:
    """It runs beside the writer for as long as the worker does."""

    async def run(database: Database) -> Report:
        stop = asyncio.Event()
        sealer = asyncio.create_task(seal(database, stop))
        while not await database.seals.count_documents({}):
            await asyncio.sleep(0.02)
        stop.set()
        await asyncio.wait_for(sealer, 5)
        return await audit(database)

    assert books(run).head.seq == 20


def test_a_sealer_outlives_a_mongodb_that_is_away() -> None:
    """It is a task of the worker: neither ends the worker nor keeps it from stopping."""

    async def run() -> None:
        settings = Settings(_env_file=None, mongo_timeout_ms=100)
        async with connect("mongodb://127.0.0.1:1/", settings) as client:
            stop = asyncio.Event()
            sealer = asyncio.create_task(seal(client["nowhere"], stop))
            await asyncio.sleep(0.5)
            assert not sealer.done()
            stop.set()
            await asyncio.wait_for(sealer, 2)

    asyncio.run(run())


def test_the_same_content_has_the_same_link_whatever_its_order() -> None:
    """A dump and a restore may order fields anew; the content is what is sealed."""
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert link_of(GENESIS, one) == link_of(GENESIS, other)
    assert link_of(GENESIS, one) != link_of(link_of(GENESIS, one), one)
    assert link_of(GENESIS, one) != link_of(GENESIS, {"a": 1.0, "b": {"c": 2, "d": 3}})


def test_sealing_is_no_bottleneck(books: Ask) -> None:
    """Hashing a block of real transactions: several times faster than the ledger can be written. The floor is generous."""

    async def run(database: Database) -> list[Document]:
        return await database.transactions.find().to_list()

    block = (books(run) * BLOCK_MAX)[:BLOCK_MAX]
    started = perf_counter()
    for _ in range(10):
        links_of(GENESIS, block)
    assert 10 * BLOCK_MAX / (perf_counter() - started) > 10_000
