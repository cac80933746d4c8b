"""The worker: drains what waits in batches, gives way to another writer, and comes back after whatever failed."""

import asyncio
from collections.abc import Sequence

import pytest
from at_work import balance, payments, running, until_settled, working
from booked_store import CIPHER, on_database, poisoned, razorpay
from pymongo.errors import WriteConcernError

from gateway.clock import system_clock
from gateway.ledger.lease import Lease
from gateway.ledger.store import LedgerStore, WriteRefused
from gateway.ledger.writes import Writes
from gateway.pipeline import Processing
from gateway.queries.reading import Database
from gateway.worker import Worker


def test_a_backlog_is_drained_in_batches(mongo_uri: str, database_name: str) -> None:
    """Every event once, over many batches that are prepared on top of each other, in the order of the queue."""

    async def story(database: Database) -> None:
        await database["events"].insert_many(payments(95))
        async with working(database):
            await until_settled(database)
        assert await balance(database, "bob") == 9_500
        rows = await database["transactions"].find().sort("seq", 1).to_list()
        assert [row["object"] for row in rows] == [f"payments:transfer:t{n}" for n in range(95)]
        versions = [leg["version"] for row in rows for leg in row["legs"] if leg["account"] == "wallet:bob"]
        assert versions == list(range(1, 96))

    on_database(mongo_uri, database_name, story)


def test_a_poisoned_event_stops_nobody(mongo_uri: str, database_name: str) -> None:
    """Found by halving its batch, parked alone; what was prepared on top of its batch is prepared again."""

    async def story(database: Database) -> None:
        events = payments(45)
        for number in (0, 17, 44):
            events[number] = poisoned(events[number])
        await database["events"].insert_many(events)
        async with working(database):
            await until_settled(database)
        assert await database["events"].count_documents({"outcome": "parked"}) == 3
        assert await balance(database, "bob") == 4_200

    on_database(mongo_uri, database_name, story)


def test_a_refund_waits_for_its_payment(mongo_uri: str, database_name: str) -> None:
    """Parked by one batch and released by a later one, to the front of the queue."""

    async def story(database: Database) -> None:
        early = [razorpay("refund.processed", f"rfnd_{n}", 10, of=f"pay_{n}") for n in range(15)]
        late = [razorpay("payment.captured", f"pay_{n}", 100, n=1) for n in range(15)]
        await database["events"].insert_many([*early, *late])
        async with working(database, batch_max=4):
            async with asyncio.timeout(20):
                while await database["events"].count_documents({"outcome": "applied"}) < 30:
                    await asyncio.sleep(0.02)
        assert await balance(database, "alice") == 15 * 90

    on_database(mongo_uri, database_name, story)


def test_of_two_workers_one_writes_and_the_other_takes_over(mongo_uri: str, database_name: str) -> None:
    """While both run each event is applied once; when the first stops, the second goes on with what it left."""

    async def story(database: Database) -> None:
        await database["events"].insert_many(payments(40))
        async with working(database, batch_max=3) as second:
            async with working(database, batch_max=3) as first:
                await until_settled(database)
                assert (first.epoch, second.epoch) in ((1, 0), (0, 1))
            await database["events"].insert_many(payments(20, prefix="u"))
            await until_settled(database)
        assert await balance(database, "bob") == 6_000

    on_database(mongo_uri, database_name, story)


def test_a_worker_whose_lease_was_taken_stands_by_and_comes_back(mongo_uri: str, database_name: str) -> None:
    """It forgets what it remembered of the books, since another has written meanwhile, and takes the lease when it is free."""

    async def story(database: Database) -> None:
        await database["events"].insert_many(payments(10))
        async with working(database, lease_s=5):
            await until_settled(database)
            await _steal(database)
            await database["wallets"].update_one({"_id": "INR:bob"}, {"$set": {"balance_minor": 5_000, "version": 77}})
            await database["events"].insert_many(payments(10, prefix="u"))
            await asyncio.sleep(0.3)
            assert await balance(database, "bob") == 5_000
            await database["leases"].update_one(
                {"_id": "writer"}, [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}]
            )
            await until_settled(database)
        assert await balance(database, "bob") == 6_000

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
        await database["events"].insert_many(payments(25))
        async with working(database, store=ReportsOneAsFailed):
            await until_settled(database)
            await database["events"].insert_many(payments(5, prefix="later"))
            await until_settled(database)
        assert await balance(database, "bob") == 3_000
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
        early, late = payments(12)[:6], payments(12)[6:]
        await database["events"].insert_many(early)
        async with working(database, analyse=False):
            await until_settled(database)
        assert await database["insights"].count_documents({}) == 0
        await database["events"].insert_many(late)
        async with working(database):
            await until_settled(database)
        assert await database["events"].distinct("outcome") == ["applied"]
        assert {each["_id"] async for each in database["insights"].find()} == {each["_id"] for each in late}

    on_database(mongo_uri, database_name, story)


def test_an_idle_worker_keeps_its_lease(mongo_uri: str, database_name: str) -> None:
    """With nothing to write it renews, so a standby does not take over for no reason."""

    async def story(database: Database) -> None:
        async with working(database, lease_s=0.6):
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
        await database["events"].insert_many(payments(3))
        workers = []
        for _ in range(2):
            lease = Lease(database, lease_s=0.6)
            store = LedgerStore(database, lease)
            slow = _SlowToStart(database, store, cipher=CIPHER, clock=system_clock, scoring=None)
            workers.append(Worker(database, lease, slow, batch_max=10, lease_s=0.6))
        async with running(workers[0]), running(workers[1]):
            await until_settled(database)
            holder = await database["leases"].find_one({"_id": "writer"})
            assert holder is not None
            assert holder["epoch"] == 1

    on_database(mongo_uri, database_name, story)
