"""The worker: drains what waits in batches, gives way to another writer, and comes back after whatever failed."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from booked_store import CIPHER, Document, on_database, poisoned, razorpay, transfer
from pymongo.errors import WriteConcernError

from gateway.clock import system_clock
from gateway.events.standing import RELEASED
from gateway.ledger.lease import Lease
from gateway.ledger.store import LedgerStore, WriteRefused
from gateway.ledger.writes import Writes
from gateway.pipeline import Processing
from gateway.pipeline.scoring import Scoring
from gateway.queries.reading import Database
from gateway.worker import BESIDE_ARRIVALS, LATE_US, Worker

LATE = 10**16
"""A place in the queue behind all that have arrived."""


@asynccontextmanager
async def _working(
    database: Database,
    *,
    batch_max: int = 10,
    lease_s: float = 0.6,
    store: type[LedgerStore] = LedgerStore,
    analyse: bool = True,
) -> AsyncIterator[Lease]:
    """A worker as a process runs it, for as long as the block lasts."""
    lease = Lease(database, lease_s=lease_s)
    async with _running(_worker(database, lease, batch_max=batch_max, lease_s=lease_s, store=store, analyse=analyse)):
        yield lease


def _worker(
    database: Database,
    lease: Lease,
    *,
    batch_max: int = 10,
    lease_s: float = 0.6,
    store: type[LedgerStore] = LedgerStore,
    analyse: bool,
) -> Worker:
    processing = Processing(
        database,
        store(database, lease),
        cipher=CIPHER,
        clock=system_clock,
        scoring=Scoring(database, narrate_from_score=60, model_configured=False) if analyse else None,
    )
    return Worker(database, lease, processing, batch_max=batch_max, lease_s=lease_s)


@asynccontextmanager
async def _running(worker: Worker) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await running


async def _until_settled(database: Database) -> None:
    async with asyncio.timeout(20):
        while await database["events"].count_documents({"outcome": {"$exists": False}}):
            await asyncio.sleep(0.02)


async def _balance(database: Database, wallet: str) -> int:
    found = await database["wallets"].find_one({"_id": f"INR:{wallet}"})
    assert found is not None
    return int(found["balance_minor"])


def _payments(count: int, *, prefix: str = "t") -> list[Document]:
    """Each with its own place in the queue, as real ones have."""
    made = [transfer(f"{prefix}{n}", "alice", "bob", "1.00") for n in range(count)]
    return [{**event, "queue": event["queue"] + n} for n, event in enumerate(made)]


def test_a_backlog_is_drained_in_batches(mongo_uri: str, database_name: str) -> None:
    """Every event once, over many batches that are prepared on top of each other, in the order of the queue."""

    async def story(database: Database) -> None:
        await database["events"].insert_many(_payments(95))
        async with _working(database):
            await _until_settled(database)
        assert await _balance(database, "bob") == 9_500
        rows = await database["transactions"].find().sort("seq", 1).to_list()
        assert [row["object"] for row in rows] == [f"payments:transfer:t{n}" for n in range(95)]
        versions = [leg["version"] for row in rows for leg in row["legs"] if leg["account"] == "wallet:bob"]
        assert versions == list(range(1, 96))

    on_database(mongo_uri, database_name, story)


async def _batches(database: Database) -> list[int]:
    """How many transactions each batch wrote: it has one seal."""
    seals = await database["seals"].find().sort("_id", 1).to_list()
    return [seal["last_seq"] - seal["_id"] + 1 for seal in seals]


def test_a_backlog_alone_is_drained_in_large_batches(mongo_uri: str, database_name: str) -> None:
    """Once a second look has shown that nothing arrives."""

    async def story(database: Database) -> None:
        await database["events"].insert_many(_payments(1_100))
        async with _working(database, batch_max=500, analyse=False):
            await _until_settled(database)
        batches = await _batches(database)
        assert sum(batches) == 1_100
        assert max(batches) > BESIDE_ARRIVALS

    on_database(mongo_uri, database_name, story)


def test_batches_are_small_while_webhooks_arrive(mongo_uri: str, database_name: str) -> None:
    """Whoever waits for an answer waits for the transaction that is being committed too."""

    async def arrive(database: Database) -> None:
        for number in range(100_000):
            late = transfer(f"late{number}", "alice", "bob", "1.00") | {"queue": LATE + number}
            await database["events"].insert_one(late)

    async def story(database: Database) -> None:
        await database["events"].insert_many(_payments(1_100))
        arriving = asyncio.create_task(arrive(database))
        async with _working(database, batch_max=500, analyse=False), asyncio.timeout(20):
            while await database["events"].count_documents({"queue": {"$lt": LATE}}):
                await asyncio.sleep(0.02)
            arriving.cancel()
        assert max((await _batches(database))[:6]) <= BESIDE_ARRIVALS

    on_database(mongo_uri, database_name, story)


def test_events_of_one_moment_are_all_found(mongo_uri: str, database_name: str) -> None:
    """More of them than a batch holds, with the same place in the queue: none is passed over for good."""

    async def story(database: Database) -> None:
        await database["events"].insert_many([{**event, "queue": 5} for event in _payments(37)])
        async with _working(database):
            await _until_settled(database)
        assert await _balance(database, "bob") == 3_700

    on_database(mongo_uri, database_name, story)


def test_what_arrives_meanwhile_is_picked_up(mongo_uri: str, database_name: str) -> None:
    """Also with an earlier place in the queue than what is being worked on: clocks of two web processes may differ."""

    async def story(database: Database) -> None:
        events = _payments(60)
        random.Random(7).shuffle(events)
        async with _working(database, batch_max=5):
            for event in events:
                await database["events"].insert_one(event)
            await _until_settled(database)
        assert await _balance(database, "bob") == 6_000

    on_database(mongo_uri, database_name, story)


def test_an_event_far_behind_what_is_settled_is_found(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One web process had a clock that was ahead, so the worker looks where nothing is, but not for long."""
    monkeypatch.setattr("gateway.worker.LOOK_AT_ALL_S", 0.5)

    async def story(database: Database) -> None:
        async with _working(database):
            for number in range(3):
                ahead = transfer(f"ahead{number}", "alice", "bob", "1.00") | {"queue": LATE}
                await database["events"].insert_one(ahead)
                await _until_settled(database)
                await database["events"].insert_many(_payments(25, prefix=f"t{number}-"))
                await _until_settled(database)
        assert await _balance(database, "bob") == 7_800

    on_database(mongo_uri, database_name, story)


def test_a_poisoned_event_far_behind_what_is_settled_stops_nobody(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for where it stands."""
    monkeypatch.setattr("gateway.worker.LOOK_AT_ALL_S", 0.3)

    async def story(database: Database) -> None:
        async with _working(database):
            await database["events"].insert_one(transfer("ahead", "alice", "bob", "1.00") | {"queue": LATE})
            await _until_settled(database)
            await database["events"].insert_many([poisoned(event) for event in _payments(2)])
            await _until_settled(database)
        assert await database["events"].count_documents({"outcome": "parked"}) == 2

    on_database(mongo_uri, database_name, story)


def test_the_worker_says_up_to_where_all_is_settled(mongo_uri: str, database_name: str) -> None:
    """By the arrivals that it settled, less what may still come late; not by what was released, and nothing before it began."""

    async def story(database: Database) -> None:
        events = [{**event, "queue": LATE + number} for number, event in enumerate(_payments(25))]
        again = transfer("again", "alice", "bob", "1.00") | {"queue": RELEASED}
        worker = _worker(database, Lease(database, lease_s=0.6), analyse=False)
        assert worker.state() == {"settled_to": -1}
        await database["events"].insert_many([again, *events])
        async with _running(worker):
            await _until_settled(database)
        assert worker.state() == {"settled_to": LATE + 24 - LATE_US}

    on_database(mongo_uri, database_name, story)


def test_a_poisoned_event_stops_nobody(mongo_uri: str, database_name: str) -> None:
    """Found by halving its batch, parked alone; what was prepared on top of its batch is prepared again."""

    async def story(database: Database) -> None:
        events = _payments(45)
        for number in (0, 17, 44):
            events[number] = poisoned(events[number])
        await database["events"].insert_many(events)
        async with _working(database):
            await _until_settled(database)
        assert await database["events"].count_documents({"outcome": "parked"}) == 3
        assert await _balance(database, "bob") == 4_200

    on_database(mongo_uri, database_name, story)


def test_a_refund_waits_for_its_payment(mongo_uri: str, database_name: str) -> None:
    """Parked by one batch and released by a later one, to the front of the queue."""

    async def story(database: Database) -> None:
        early = [razorpay("refund.processed", f"rfnd_{n}", 10, of=f"pay_{n}") for n in range(15)]
        late = [razorpay("payment.captured", f"pay_{n}", 100, n=1) for n in range(15)]
        events = [{**event, "queue": 100 + n} for n, event in enumerate([*early, *late])]
        await database["events"].insert_many(events)
        async with _working(database, batch_max=4):
            async with asyncio.timeout(20):
                while await database["events"].count_documents({"outcome": "applied"}) < 30:
                    await asyncio.sleep(0.02)
        assert await _balance(database, "alice") == 15 * 90

    on_database(mongo_uri, database_name, story)


def test_of_two_workers_one_writes_and_the_other_takes_over(mongo_uri: str, database_name: str) -> None:
    """While both run each event is applied once; when the first stops, the second goes on with what it left."""

    async def story(database: Database) -> None:
        await database["events"].insert_many(_payments(40))
        async with _working(database, batch_max=3) as second:
            async with _working(database, batch_max=3) as first:
                await _until_settled(database)
                assert (first.epoch, second.epoch) in ((1, 0), (0, 1))
            await database["events"].insert_many(_payments(20, prefix="u"))
            await _until_settled(database)
        assert await _balance(database, "bob") == 6_000

    on_database(mongo_uri, database_name, story)


def test_a_worker_whose_lease_was_taken_stands_by_and_comes_back(mongo_uri: str, database_name: str) -> None:
    """It forgets what it remembered of the books, since another has written meanwhile, and takes the lease when it is free."""

    async def story(database: Database) -> None:
        await database["events"].insert_many(_payments(10))
        async with _working(database, lease_s=5):
            await _until_settled(database)
            await _steal(database)
            await database["wallets"].update_one({"_id": "INR:bob"}, {"$set": {"balance_minor": 5_000, "version": 77}})
            await database["events"].insert_many(_payments(10, prefix="u"))
            await asyncio.sleep(0.3)
            assert await _balance(database, "bob") == 5_000
            await database["leases"].update_one(
                {"_id": "writer"}, [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}]
            )
            await _until_settled(database)
        assert await _balance(database, "bob") == 6_000

    on_database(mongo_uri, database_name, story)


@pytest.mark.parametrize("reported", [WriteConcernError("operation was interrupted", 11601), WriteRefused(11000)])
def test_a_commit_that_happened_and_is_reported_as_failed_is_not_done_again(
    mongo_uri: str, database_name: str, reported: Exception
) -> None:
    """The writer's memory is behind what is stored, and neither books again nor takes used sequence numbers."""

    class ReportsOneAsFailed(LedgerStore):
        reports = True

        async def atomic(self, writes: Sequence[Writes], *, next_seq: int) -> None:
            believed = self.lease.next_seq
            await super().atomic(writes, next_seq=next_seq)
            if ReportsOneAsFailed.reports:
                ReportsOneAsFailed.reports = False
                self.lease.next_seq = believed
                raise reported

    async def story(database: Database) -> None:
        await database["events"].insert_many(_payments(25))
        async with _working(database, store=ReportsOneAsFailed):
            await _until_settled(database)
            await database["events"].insert_many(_payments(5, prefix="later"))
            await _until_settled(database)
        assert await _balance(database, "bob") == 3_000
        assert await database["events"].distinct("outcome") == ["applied"]
        lease = await database["leases"].find_one({"_id": "writer"})
        assert lease is not None
        assert lease["next_seq"] == 31

    on_database(mongo_uri, database_name, story)


async def _steal(database: Database) -> None:
    held = {"holder": "another", "epoch": {"$add": ["$epoch", 1]}, "expires_at": {"$add": ["$$NOW", 60_000]}}
    await database["leases"].update_one({"_id": "writer"}, [{"$set": held}])


def test_without_the_analysis_money_moves_all_the_same(mongo_uri: str, database_name: str) -> None:
    """Each event is applied, and none has an insight; when the analysis comes back it begins with what is new."""

    async def story(database: Database) -> None:
        early, late = _payments(12)[:6], _payments(12)[6:]
        await database["events"].insert_many(early)
        async with _working(database, analyse=False):
            await _until_settled(database)
        assert await database["insights"].count_documents({}) == 0
        await database["events"].insert_many(late)
        async with _working(database):
            await _until_settled(database)
        assert await database["events"].distinct("outcome") == ["applied"]
        assert {each["_id"] async for each in database["insights"].find()} == {each["_id"] for each in late}

    on_database(mongo_uri, database_name, story)


def test_an_idle_worker_keeps_its_lease(mongo_uri: str, database_name: str) -> None:
    """With nothing to write it renews, so a standby does not take over for no reason."""

    async def story(database: Database) -> None:
        async with _working(database, lease_s=0.6):
            await asyncio.sleep(1.5)
            lease = await database["leases"].find_one({"_id": "writer"})
            free = await database["leases"].count_documents({"$expr": {"$lt": ["$expires_at", "$$NOW"]}})
        assert lease is not None
        assert (lease["epoch"], free) == (1, 0)

    on_database(mongo_uri, database_name, story)


class _SlowToStart(Processing):
    """Has much to learn again: longer than its lease lasts."""

    async def start(self) -> None:
        await asyncio.sleep(2.0)
        await super().start()


def test_a_start_that_takes_longer_than_a_lease_keeps_it(mongo_uri: str, database_name: str) -> None:
    """Of two workers one begins once; else they would take the lease from each other for ever, and nothing would be settled."""

    async def story(database: Database) -> None:
        await database["events"].insert_many(_payments(3))
        workers = []
        for _ in range(2):
            lease = Lease(database, lease_s=0.6)
            store = LedgerStore(database, lease)
            slow = _SlowToStart(database, store, cipher=CIPHER, clock=system_clock, scoring=None)
            workers.append(Worker(database, lease, slow, batch_max=10, lease_s=0.6))
        async with _running(workers[0]), _running(workers[1]):
            await _until_settled(database)
            holder = await database["leases"].find_one({"_id": "writer"})
            assert holder is not None
            assert holder["epoch"] == 1

    on_database(mongo_uri, database_name, story)
