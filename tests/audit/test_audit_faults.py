"""Every invariant has mistakes that hurt it, and the audit names the invariant and the record."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from booked_store import Document, audit
from faults import FAULTS, Fault, event_of

from gateway.audit.events import _fingerprints
from gateway.audit.findings import INVARIANTS
from gateway.audit.report import Report
from gateway.queries.reading import Database

Ask = Callable[[Callable[[Database], Awaitable[Any]]], Any]


def broken(report: Report) -> list[str]:
    """But for the chain, which minds every edit of a transaction beside the invariant that it hurts."""
    return [check.id for check in report.checks if check.broken and check.id != "I12"]


def test_a_store_that_the_engine_wrote_breaks_nothing(books: Ask) -> None:
    """And every invariant had something to be held against."""
    report = books(audit)
    assert report.ok
    assert all(check.checked for check in report.checks)


def test_an_empty_store_breaks_nothing(empty: Ask) -> None:
    """There is nothing to find."""
    assert empty(audit).ok


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_mistake_is_found_by_its_invariant_and_by_no_other(books: Ask, fault: Fault) -> None:
    """The report names the invariant and the first broken record."""
    report = books(lambda database: made(database, fault))
    assert broken(report) == list(fault.broken)
    assert report.first is not None
    assert report.first.first is not None
    if fault.record:
        assert fault.record in books(lambda database: names(database, report.first.first.record))


async def made(database: Database, fault: Fault) -> Report:
    await fault.make(database)
    return await audit(database)


async def names(database: Database, record: str) -> set[str]:
    """What a record is known by: its id, the transactions of an event, its former outcome."""
    known: set[str] = {record, record.partition(":")[0]}
    async for transaction in database.transactions.find({"event_id": record}):
        known.add(transaction["_id"])
    event: Document | None = await database.events.find_one({"_id": record})
    if event:
        known |= {"ignored" if "downtime" in event["type"] else "", str(event.get("outcome"))}
    return known


def test_every_invariant_has_a_mistake() -> None:
    """Those of the chain and of past balances that need a faulty question or are minded by every edit have theirs beside them."""
    elsewhere = {"I5", "I12"}  # test_engine_faults, test_chain
    assert {invariant for fault in FAULTS for invariant in fault.broken} | elsewhere == set(INVARIANTS)


def test_an_acknowledged_event_that_is_missing_is_named(books: Ask) -> None:
    """Acknowledged before it was durable: only the sender's own list can show it."""

    async def lose(database: Database) -> Report:
        kept = await event_of(database, "razorpay:capture:pay_1")
        lost = await database.events.find_one_and_delete({"outcome": "ignored"})
        assert lost
        report = await audit(database, acknowledged=[kept, lost["_id"]])
        assert report.first
        assert report.first.first
        assert report.first.first.record == lost["_id"]
        return report

    assert broken(books(lose)) == ["I1"]


@pytest.mark.parametrize("collection", ["transactions", "wallets", "objects"])
@pytest.mark.parametrize("shape", [{"_id": "junk"}, {"_id": 7, "seq": "x", "legs": 3}, {"_id": "a:b:c", "legs": [{}]}])
def test_a_record_of_no_known_shape_is_a_finding_and_not_a_crash(books: Ask, collection: str, shape: Document) -> None:
    """Whoever can write to the store can write anything."""

    async def write(database: Database) -> Report:
        await database[collection].insert_one(dict(shape))
        return await audit(database)

    report = books(write)
    assert not report.ok
    assert any(check.first and "cannot be read" in check.first.why for check in report.checks)


@pytest.mark.parametrize("depth", [200, 300, 990, 1_015])
def test_a_body_nested_as_deep_as_the_door_reads_is_known_by_its_bytes(depth: int) -> None:
    """Or the audit would accuse a correct store of it each time."""
    body = b'{"tx_id":"t1","amount":"1.00","currency":"INR","more":' + b"[" * depth + b"]" * depth + b"}"
    payload = orjson.loads(body)
    lasting = {**payload, "amount": 100}
    try:
        due = hashlib.sha256(orjson.dumps(lasting, option=orjson.OPT_SORT_KEYS)).hexdigest()
    except orjson.JSONEncodeError:
        due = hashlib.sha256(body).hexdigest()
    assert _fingerprints({"scheme": "native"}, body) == {due}
