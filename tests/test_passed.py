"""What the worker has passed: it looks there again, remembers where it is, and steps over what is settled."""

import asyncio
from collections.abc import Sequence

import pytest
from at_work import balance, payments, running, until_settled, worker_on, working
from booked_store import Document, on_database, poisoned, razorpay, transfer
from bson import Timestamp

from gateway.events import progress
from gateway.events.progress import Progress, read_progress
from gateway.events.standing import RELEASED
from gateway.events.store import newest_arrival, time_of
from gateway.ledger.lease import Lease
from gateway.ledger.store import LedgerStore
from gateway.ledger.writes import Writes
from gateway.queries.reading import Database


async def _passed(database: Database) -> list[Document]:
    """Events that get a place in the queue, and are stored only when the worker has settled what came later."""
    place = await time_of(database)
    await database["events"].insert_many(payments(25, prefix="prompt"))
    await until_settled(database)
    return [{**event, "queue": Timestamp(place.time, place.inc + n)} for n, event in enumerate(payments(12))]


def test_an_event_that_is_stored_late_is_found(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MongoDB gave it its place, and was held up before it could be read: by the looks at what was passed."""
    monkeypatch.setattr(progress, "SETTLED_S", 1.5)

    async def story(database: Database) -> None:
        async with working(database):
            for event in await _passed(database):
                await database["events"].insert_one(event)
            await until_settled(database)
        assert await balance(database, "bob") == 3_700
        assert await database["events"].count_documents({"queue": {"$exists": False}}) == 12

    on_database(mongo_uri, database_name, story)


def test_an_event_that_is_stored_late_does_not_wait_for_the_end_of_a_backlog(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the worker has more ahead than it can settle, it looks back now and then."""
    monkeypatch.setattr("gateway.worker.AHEAD_EVENTS", 20)
    monkeypatch.setattr(progress, "SETTLED_S", 1.5)

    async def story(database: Database) -> None:
        async with working(database, analyse=False), asyncio.timeout(60):
            late = await _passed(database)
            await database["events"].insert_many(payments(5_000, prefix="ahead"))
            await database["events"].insert_many(late)
            these = {"_id": {"$in": [event["_id"] for event in late]}}
            while await database["events"].count_documents({**these, "outcome": None}):
                await asyncio.sleep(0.05)
            assert await database["events"].count_documents({"outcome": None}) > 0

    on_database(mongo_uri, database_name, story)


def test_a_poisoned_event_that_is_stored_late_stops_nobody(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for where it stands."""
    monkeypatch.setattr(progress, "SETTLED_S", 1.5)

    async def story(database: Database) -> None:
        async with working(database):
            await database["events"].insert_many([poisoned(event) for event in await _passed(database)])
            await until_settled(database)
        assert await database["events"].count_documents({"outcome": "parked"}) == 12

    on_database(mongo_uri, database_name, story)


def test_what_arrives_behind_a_stream_of_released_events_is_settled_too(mongo_uri: str, database_name: str) -> None:
    """Released ones come first, and not alone."""

    async def story(database: Database) -> None:
        async def release(number: int) -> None:
            await database["events"].insert_one(
                transfer(f"again{number}", "alice", "bob", "1.00") | {"queue": RELEASED}
            )

        async with working(database):
            await release(0)
            await database["events"].insert_many(payments(30))
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
        await database["events"].insert_many(payments(25))
        last = await newest_arrival(database["events"])
        async with working(database), asyncio.timeout(20):
            while await read_progress(database) != Progress(last, last, last):
                await asyncio.sleep(0.05)
        await database["events"].insert_many(payments(5, prefix="new"))
        forgotten = [{**event, "queue": Timestamp(1, 1 + n)} for n, event in enumerate(payments(7, prefix="forgotten"))]
        await database["events"].insert_many(forgotten)
        async with working(database), asyncio.timeout(20):
            while await database["events"].count_documents({"outcome": None}) > len(forgotten):
                await asyncio.sleep(0.01)
            assert await database["events"].count_documents({"outcome": None}) == len(forgotten)
            await until_settled(database)

    on_database(mongo_uri, database_name, story)


def test_a_worker_that_is_refused_batches_remembers_where_it_is(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a fault now and then would keep it from believing that anything is settled, and each look would begin further back."""
    monkeypatch.setattr(progress, "SETTLED_S", 1.5)

    async def story(database: Database) -> None:
        async with working(database), asyncio.timeout(30):
            await database["events"].insert_many(payments(5))
            first = await newest_arrival(database["events"])
            number = 0
            while (await read_progress(database)).settled_to < first:
                await database["events"].insert_one(poisoned(transfer(f"p{number}", "alice", "bob", "1.00")))
                number += 1
                await until_settled(database)
                await asyncio.sleep(0.3)
        assert number > 1

    on_database(mongo_uri, database_name, story)


def test_a_worker_without_marks_steps_over_what_is_settled(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece at a time, up to the first event that waits; then it looks at no settled one again."""
    monkeypatch.setattr("gateway.worker.STEPPED_OVER", 7)

    async def story(database: Database) -> None:
        events = [{**event, "outcome": "applied"} for event in payments(40)]
        del events[25]["outcome"]
        await database["events"].insert_many(events)
        places = await database["events"].distinct("queue")
        worker = worker_on(database, Lease(database, lease_s=5), lease_s=5, analyse=False)
        async with running(worker):
            await until_settled(database)
        assert worker._place.ahead == places[25]
        worker = worker_on(database, Lease(database, lease_s=5), lease_s=5, analyse=False)
        async with running(worker), asyncio.timeout(20):
            while worker._place.ahead != places[-1]:
                await asyncio.sleep(0.02)
        assert await balance(database, "bob") == 100

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
        await database["events"].insert_many([*payments(8), razorpay("payment.downtime.started", "down_1", 1)])
        async with working(database, store=MovesOne):
            await until_settled(database)
        assert await balance(database, "bob") == 800
        assert await database["events"].distinct("outcome") == ["applied", "ignored"]
        assert await database["events"].count_documents({"queue": RELEASED}) == 0

    on_database(mongo_uri, database_name, story)
