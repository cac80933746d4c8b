"""Retention: what was sent goes when it is old, what the ledger and the door need never does."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from booked_store import CIPHER, NOW, Booking, audit, on_database, opened, razorpay, story

from gateway.clock import utc
from gateway.events.at_rest import sealed_body
from gateway.events.replay import plan_replay, put_back
from gateway.events.store import Appended, EventStore
from gateway.pipeline import retention
from gateway.pipeline.retention import Retention, remove_old, retain_regularly
from gateway.queries.past import balance_at
from gateway.queries.reading import Database

DAYS = 30
BODIES = Retention(bodies_days=DAYS)
LATER = utc(NOW) + timedelta(days=DAYS, seconds=1)
"""When everything of the story is old."""
SETTLED = {"outcome": {"$in": ["applied", "rejected", "stale", "ignored"]}}


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many batches out of few events, and no pauses between them."""
    monkeypatch.setattr(retention, "BATCH", 4)
    monkeypatch.setattr(retention, "PAUSE_S", 0.0)


async def _bodies(database: Database) -> int:
    return await database["events"].count_documents({"body": {"$exists": True}})


async def _state(database: Database) -> dict[str, list[Any]]:
    """Everything that is kept for ever."""
    kept = {name: await database[name].find().to_list() for name in ("transactions", "wallets", "objects", "seals")}
    without = {"body": 0, "body_key": 0, "body_removed_at": 0}
    return {**kept, "events": await database["events"].find({}, without).to_list()}


def test_bodies_of_settled_events_go_and_everything_else_stays(mongo_uri: str, database_name: str) -> None:
    """The ledger, the events' rows, the chain and the balances of then are as they were; parked events keep their bodies."""

    async def run(database: Database) -> None:
        await Booking(database).book(story())
        await database["events"].insert_one(razorpay("payment.captured", "pay_77", 100))
        settled = await database["events"].count_documents(SETTLED)
        parked = await database["events"].count_documents({"outcome": "parked"})
        before, then = await _state(database), await balance_at(database, "alice", "INR", at=utc(NOW + 60))
        assert settled > 15
        assert parked >= 1
        assert (await remove_old(database, BODIES, now=LATER))["bodies"] == settled
        assert await _state(database) == before
        assert await _bodies(database) == parked + 1
        gone = await database["events"].find_one({"outcome": "applied"})
        assert gone is not None
        assert (gone["body_removed_at"], "body_key" in gone) == (LATER, False)
        assert await balance_at(database, "alice", "INR", at=utc(NOW + 60)) == then
        report = await audit(database)
        assert report.ok, report.first
        assert (await remove_old(database, BODIES, now=LATER + timedelta(days=1)))["bodies"] == 0

    on_database(mongo_uri, database_name, run)


def test_a_late_copy_is_still_known_and_a_late_forgery_still_a_conflict(mongo_uri: str, database_name: str) -> None:
    """The fingerprint stays with the event."""

    async def run(database: Database) -> None:
        event = razorpay("payment.captured", "pay_1", 100)
        await Booking(database).book([event])
        await remove_old(database, BODIES, now=LATER)
        store = EventStore(database, batch_max=10, waiting_max=10, timeout_ms=20_000)
        again = await store.append(razorpay("payment.captured", "pay_1", 100))
        assert again == Appended(False, event["fingerprint"], "applied", again.reason)
        assert await _bodies(database) == 0

    on_database(mongo_uri, database_name, run)


def test_only_what_is_old_goes(mongo_uri: str, database_name: str) -> None:
    """By arrival, to the second; and each pass goes on where the one before it ended."""

    async def run(database: Database) -> None:
        events = [razorpay("payment.captured", f"pay_{n}", 100) for n in range(10)]
        for n, event in enumerate(events):
            event["received_at"] = utc(NOW + n)
        await Booking(database).book(events)
        assert await remove_old(database, Retention(), now=LATER) == {"bodies": 0, "insights": 0, "incidents": 0}
        for n, left in ((0, 9), (5, 4), (5, 4), (9, 0)):
            await remove_old(database, BODIES, now=LATER + timedelta(seconds=n))
            assert await _bodies(database) == left
        oldest = await database["leases"].find_one({"_id": "retention"})
        assert oldest is not None
        assert oldest["up_to"] == utc(NOW + 9)

    on_database(mongo_uri, database_name, run)


def test_what_was_parked_goes_once_it_is_settled(mongo_uri: str, database_name: str) -> None:
    """It was passed by, and is not forgotten; while it waits or is replayed nothing is taken from it."""

    async def run(database: Database) -> None:
        refund = razorpay("refund.processed", "rfnd_1", 30, of="pay_1")
        await Booking(database).book([refund, *(razorpay("payment.captured", f"pay_{n}", 9) for n in range(2, 9))])
        assert (await remove_old(database, BODIES, now=LATER))["bodies"] == 7
        await Booking(database, now=NOW + 99).book([razorpay("payment.captured", "pay_1", 100)])
        parked = await database["events"].find_one({"_id": refund["_id"]})
        assert parked is not None
        assert (parked["outcome"], opened(parked)["body"]) == ("applied", opened(refund)["body"])
        plan = await plan_replay(database["events"], [refund["_id"]], ignore_seen=True, alone=True)
        assert await put_back(database["events"], plan, by="an operator", now=LATER) == 1
        assert (await remove_old(database, BODIES, now=LATER))["bodies"] == 1
        assert await _bodies(database) == 1
        await Booking(database, now=NOW + 200).book([])
        assert (await remove_old(database, BODIES, now=LATER))["bodies"] == 1
        assert await database["retained"].count_documents({}) == 0
        assert await _bodies(database) == 0
        assert (await audit(database)).ok

    on_database(mongo_uri, database_name, run)


def test_insights_and_incidents_have_days_of_their_own(mongo_uri: str, database_name: str) -> None:
    """Whole, by their own time; the events they speak of stay."""

    async def run(database: Database) -> None:
        await Booking(database).book(story())
        insights = await database["insights"].count_documents({})
        for n in range(9):
            await database["incidents"].insert_one(
                {"at": utc(NOW + n), "event_id": f"evt_{n}", "fingerprint_seen": "x"}
            )
        removed = await remove_old(database, Retention(0, DAYS, 2 * DAYS), now=LATER + timedelta(hours=1))
        assert removed == {"bodies": 0, "insights": insights, "incidents": 0}
        late = utc(NOW + 4) + timedelta(days=2 * DAYS)
        assert (await remove_old(database, Retention(0, 0, 2 * DAYS), now=late))["incidents"] == 4
        assert await _bodies(database) == await database["events"].count_documents({})

    on_database(mongo_uri, database_name, run)


def test_several_workers_at_once_do_it_once(mongo_uri: str, database_name: str) -> None:
    """One claims the hour; and if all of them ran, they would still remove each body once."""

    async def run(database: Database) -> None:
        await Booking(database).book(story())
        settled = await database["events"].count_documents(SETTLED)
        passes = await asyncio.gather(*(remove_old(database, BODIES, now=LATER) for _ in range(4)))
        assert sum(each["bodies"] for each in passes) == settled

    on_database(mongo_uri, database_name, run)


def test_a_worker_does_it_each_hour_until_it_is_told_to_stop(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them beside each other, one clock: the second pass comes an hour after the first."""
    monkeypatch.setattr(retention, "LOOK_EVERY_S", 0.02)

    async def run(database: Database) -> None:
        now: list[datetime] = [LATER]
        events = [razorpay("payment.captured", f"pay_{n}", 100) for n in range(4)]
        await Booking(database).book(events)
        stop = asyncio.Event()
        workers = [
            asyncio.create_task(retain_regularly(database, BODIES, stop, clock=lambda: now[0].timestamp()))
            for _ in range(2)
        ]
        await _until(database, 0)
        again = sealed_body(b"{}", events[0]["_id"], CIPHER)
        await database["retained"].insert_one({"_id": events[0]["_id"]})
        await database["events"].update_one({"_id": events[0]["_id"]}, {"$set": again})
        await asyncio.sleep(0.3)
        assert await _bodies(database) == 1
        now[0] += timedelta(hours=1)
        await _until(database, 0)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*workers), 5)

    on_database(mongo_uri, database_name, run)


async def _until(database: Database, bodies: int) -> None:
    async with asyncio.timeout(30):
        while await _bodies(database) != bodies:
            await asyncio.sleep(0.02)
