"""The sealed chain: whatever is booked is sealed with it, and what was sealed cannot change without being named."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from booked_store import NOW, Booking, Document, audit, razorpay

from gateway.audit import chain as read_again
from gateway.audit.report import Report
from gateway.ledger.chain import GENESIS, link_of
from gateway.queries.reading import Database

Ask = Callable[[Callable[[Database], Awaitable[Any]]], Any]
Change = Callable[[Database], Awaitable[object]]


def proof(ask: Ask, change: Change) -> tuple[int, str]:
    """Change something, audit: how many records I12 finds, and the first."""

    async def run(database: Database) -> Report:
        await change(database)
        return await audit(database)

    check = next(check for check in ask(run).checks if check.id == "I12")
    return check.broken, str(check.first)


def edit(key: str, change: Document) -> Change:
    return lambda database: database.transactions.update_one({"_id": key}, change)


async def nothing(database: Database) -> None:
    """The control."""


def test_everything_booked_is_sealed_and_verifies(books: Ask) -> None:
    """With the head of the chain, for whoever wants to keep it elsewhere."""
    report = books(audit)
    assert report.ok
    assert report.head.seq == 20
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
        {"$set": {"sealed_at": datetime(2020, 1, 1, tzinfo=UTC)}},
    ],
    ids=str,
)
def test_an_edited_seal_is_named(books: Ask, change: Document) -> None:
    """The chain's own records are under suspicion as well."""
    count, first = proof(books, lambda database: database.seals.update_one({"_id": 1}, change))
    assert count == 1
    assert first.startswith("seals 1: ")


def test_a_removed_seal_is_noticed_by_the_next(books: Ask) -> None:
    """Batches follow each other without a gap."""

    async def run(database: Database) -> Report:
        await database.seals.delete_one({"_id": 1})
        return await audit(database)

    found = books(run).first
    assert found.id == "I12"
    assert "the seal before ends at 0" in str(found.first)


def test_what_follows_the_last_seal_is_named(books: Ask) -> None:
    """A removed last seal would else be a licence to edit what it sealed."""

    async def run(database: Database) -> Report:
        last = await database.seals.find_one_and_delete({}, sort=[("_id", -1)])
        assert last
        return await audit(database)

    found = books(run).first
    assert found.id == "I12"
    assert found.broken >= 1
    assert "was never sealed" in str(found.first)


def test_the_next_writer_goes_on_where_the_last_one_ended(books: Ask) -> None:
    """The link is taken from what is stored, not from a memory that the process before had."""

    async def run(database: Database) -> Report:
        for number in range(3):
            await Booking(database, now=NOW + 1_000 + number).book([razorpay("payment.captured", f"pay_2{number}", 7)])
        return await audit(database)

    report = books(run)
    assert (report.ok, report.head.seq) == (True, 23)


def test_a_missing_last_seal_is_not_made_up(books: Ask) -> None:
    """The writer goes on, since money must; the gap stays for the audit to name."""

    async def run(database: Database) -> Report:
        await database.seals.find_one_and_delete({}, sort=[("_id", -1)])
        await Booking(database, now=NOW + 1_000).book([razorpay("payment.captured", "pay_20", 7)])
        return await audit(database)

    found = books(run).first
    assert found.id == "I12"
    assert "it starts at seq 21" in str(found.first)


def test_the_same_content_has_the_same_link_whatever_its_order() -> None:
    """A dump and a restore may order fields anew; the content is what is sealed."""
    one, other = {"_id": "t", "a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1, "_id": "t"}
    for link in (link_of, read_again.link_of):
        assert link(GENESIS, one) == link(GENESIS, other)
        assert link(GENESIS, one) != link(link(GENESIS, one), one)
        assert link(GENESIS, one) != link(GENESIS, {**one, "a": 1.0})
    assert link_of(GENESIS, one) == read_again.link_of(GENESIS, one)
