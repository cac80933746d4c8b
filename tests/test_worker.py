"""The worker: drains what waits in batches, gives way to another writer, and comes back after whatever failed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from booked_store import CIPHER, Document, on_database, poisoned, razorpay, transfer
from bson import Timestamp
from pymongo.errors import WriteConcernError

from gateway.clock import system_clock
from gateway.events import progress
from gateway.events.progress import Progress, read_progress
from gateway.events.standing import RELEASED
from gateway.events.store import newest_arrival, time_of
from gateway.ledger.lease import Lease
from gateway.ledger.store import LedgerStore, WriteRefused
from gateway.ledger.writes import Writes
from gateway.pipeline import Processing
from gateway.pipeline.scoring import Scoring
from gateway.queries.reading import Database
from gateway.worker import BESIDE_ARRIVALS, Worker


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
    return [transfer(f"{prefix}{n}", "alice", "bob", "1.00") for n in range(count)]


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
            await database["events"].insert_one(transfer(f"late{number}", "alice", "bob", "1.00"))

    async def story(database: Database) -> None:
        await database["events"].insert_many(_payments(1_100))
        arriving = asyncio.create_task(arrive(database))
        async with _working(database, batch_max=500, analyse=False), asyncio.timeout(20):
            while await database["events"].count_documents({"tx_id": {"$regex": "^t"}, "outcome": None}):
                await asyncio.sleep(0.02)
            arriving.cancel()
        assert max((await _batches(database))[:6]) <= BESIDE_ARRIVALS

    on_database(mongo_uri, database_name, story)


async def _passed(database: Database) -> list[Document]:
    """Events that get a place in the queue, and are stored only when the worker has settled what came later."""
    place = await time_of(database)
    await database["events"].insert_many(_payments(25, prefix="prompt"))
    await _until_settled(database)
    return [{**event, "queue": Timestamp(place.time, place.inc + n)} for n, event in enumerate(_payments(12))]


def test_an_event_that_is_stored_late_is_found(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MongoDB gave it its place, and was held up before it could be read: by the looks at what was passed."""
    monkeypatch.setattr(progress, "SETTLED_S", 1.5)

    async def story(database: Database) -> None:
        async with _working(database):
            for event in await _passed(database):
                await database["events"].insert_one(event)
            await _until_settled(database)
        assert await _balance(database, "bob") == 3_700
        assert await database["events"].count_documents({"queue": {"$exists": False}}) == 12

    on_database(mongo_uri, database_name, story)


def test_a_poisoned_event_that_is_stored_late_stops_nobody(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for where it stands."""
    monkeypatch.setattr(progress, "SETTLED_S", 1.5)

    async def story(database: Database) -> None:
        async with _working(database):
            await database["events"].insert_many([poisoned(event) for event in await _passed(database)])
            await _until_settled(database)
        assert await database["events"].count_documents({"outcome": "parked"}) == 12

    on_database(mongo_uri, database_name, story)


def test_what_arrives_behind_a_stream_of_released_events_is_settled_too(mongo_uri: str, database_name: str) -> None:
    """Released ones come first, and not alone."""

    async def story(database: Database) -> None:
        async def release(number: int) -> None:
            await database["events"].insert_one(
                transfer(f"again{number}", "alice", "bob", "1.00") | {"queue": RELEASED}
            )

        async with _working(database):
            await release(0)
            await database["events"].insert_many(_payments(30))
            for number in range(1, 1_000):
                await release(number)
                if not await database["events"].count_documents({"tx_id": {"$regex": "^t"}, "outcome": None}):
                    break
            assert number < 999

    on_database(mongo_uri, database_name, story)


def test_the_worker_says_how_far_it_has_come(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nothing comes any more, up to the last arrival. The next one begins there, and afterwards looks through all before."""
    monkeypatch.setattr("gateway.worker.AT_ONCE", {"settled_to": 9, "closed_to": 4})
    for name, seconds in (("RECENT_S", 0.1), ("SETTLED_S", 0.2), ("CLOSED_S", 1.2)):
        monkeypatch.setattr(progress, name, seconds)

    async def story(database: Database) -> None:
        await database["events"].insert_many(_payments(25))
        last = await newest_arrival(database["events"])
        async with _working(database), asyncio.timeout(20):
            while await read_progress(database) != Progress(last, last, last):
                await asyncio.sleep(0.05)
        await database["events"].insert_many(_payments(5, prefix="new"))
        forgotten = [
            {**event, "queue": Timestamp(1, 1 + n)} for n, event in enumerate(_payments(7, prefix="forgotten"))
        ]
        await database["events"].insert_many(forgotten)
        async with _working(database), asyncio.timeout(20):
            while await database["events"].count_documents({"outcome": None}) > len(forgotten):
                await asyncio.sleep(0.01)
            assert await database["events"].count_documents({"outcome": None}) == len(forgotten)
            await _until_settled(database)

    on_database(mongo_uri, database_name, story)


def test_a_worker_that_is_refused_batches_remembers_where_it_is(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a fault now and then would keep it from believing that anything is settled, and each look would begin further back."""
    monkeypatch.setattr(progress, "SETTLED_S", 1.5)

    async def story(database: Database) -> None:
        async with _working(database), asyncio.timeout(30):
            await database["events"].insert_many(_payments(5))
            first = await newest_arrival(database["events"])
            number = 0
            while (await read_progress(database)).settled_to < first:
                await database["events"].insert_one(poisoned(transfer(f"p{number}", "alice", "bob", "1.00")))
                number += 1
                await _until_settled(database)
                await asyncio.sleep(0.3)
        assert number > 3

    on_database(mongo_uri, database_name, story)


def test_a_worker_without_marks_steps_over_what_is_settled(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece at a time, up to the first event that waits; then it looks at no settled one again."""
    monkeypatch.setattr("gateway.worker.STEPPED_OVER", 7)

    async def story(database: Database) -> None:
        events = [{**event, "outcome": "applied"} for event in _payments(40)]
        del events[25]["outcome"]
        await database["events"].insert_many(events)
        places = await database["events"].distinct("queue")
        worker = _worker(database, Lease(database, lease_s=5), lease_s=5, analyse=False)
        async with _running(worker):
            await _until_settled(database)
        assert worker._place.ahead == places[25]
        worker = _worker(database, Lease(database, lease_s=5), lease_s=5, analyse=False)
        async with _running(worker), asyncio.timeout(20):
            while worker._place.ahead != places[-1]:
                await asyncio.sleep(0.02)
        assert await _balance(database, "bob") == 100

    on_database(mongo_uri, database_name, story)


@pytest.mark.parametrize("moved", ["t3", "down_1"], ids=["as most ended", "as few ended"])
def test_a_batch_is_refused_when_one_of_its_events_was_moved_meanwhile(
    mongo_uri: str, database_name: str, moved: str
) -> None:
    """Its money would move and its outcome be stored with another: all is read again, and each is settled once."""

    class MovesOne(LedgerStore):
        moved = False

        async def atomic(self, writes: Sequence[Writes], *, next_seq: int) -> None:
            if not MovesOne.moved:
                MovesOne.moved = True
                await self._database["events"].update_one({"tx_id": moved}, {"$set": {"queue": RELEASED}})
            await super().atomic(writes, next_seq=next_seq)

    async def story(database: Database) -> None:
        await database["events"].insert_many([*_payments(8), razorpay("payment.downtime.started", "down_1", 1)])
        async with _working(database, store=MovesOne):
            await _until_settled(database)
        assert await _balance(database, "bob") == 800
        assert await database["events"].distinct("outcome") == ["applied", "ignored"]
        assert await database["events"].count_documents({"queue": RELEASED}) == 0

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
        await database["events"].insert_many([*early, *late])
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
