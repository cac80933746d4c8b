"""What failed tries again by itself, some times and not for ever."""

import asyncio
from datetime import timedelta

from booked_store import NOW, Booking, Document, on_database, razorpay, transfer

from gateway.clock import utc
from gateway.events.replay import plan_replay, put_back
from gateway.events.retries import release_due, retry_failed
from gateway.queries.events import next_try
from gateway.queries.reading import Database

HARM = {"$unset": {"type": ""}}
MEND = {"$set": {"type": "payment"}}


async def _event(database: Database, event_id: str) -> Document:
    found = await database["events"].find_one({"_id": event_id})
    assert found is not None
    return found


async def _failed(database: Database, event: Document) -> None:
    """The event is stored, and our code fails on it."""
    await database["events"].insert_one(event)
    await database["events"].update_one({"_id": event["_id"]}, HARM)
    await Booking(database).book([])


def test_it_tries_again_after_one_minute_ten_and_an_hour(mongo_uri: str, database_name: str) -> None:
    """Not a moment sooner, and after the fourth failure not by itself: then a person is told how."""

    async def tale(database: Database) -> None:
        event = transfer("t1", "alice", "bob", "1.00")
        await _failed(database, event)
        now = NOW
        for tries, wait_s in ((1, 60), (2, 600), (3, 3_600)):
            failed = await _event(database, event["_id"])
            assert (failed["outcome"], failed["reason"], failed["tries"]) == ("parked", "fault: KeyError", tries)
            due = utc(now) + timedelta(seconds=wait_s)
            assert next_try(failed) == f"{due:%Y-%m-%dT%H:%M:%SZ}"
            assert await release_due(database["events"], now=due - timedelta(milliseconds=1)) == 0
            assert await release_due(database["events"], now=due) == 1
            assert await release_due(database["events"], now=due) == 0
            now = due.timestamp() + 5
            await Booking(database, now=now).book([])
        failed = await _event(database, event["_id"])
        assert (failed["tries"], "awaits" in failed) == (4, False)
        assert next_try(failed) == f"by hand: gateway events replay {event['_id']}"

    on_database(mongo_uri, database_name, tale)


def test_what_was_mended_meanwhile_is_applied(mongo_uri: str, database_name: str) -> None:
    """By its own retry, or because a person did not wait for that; the money moves once."""

    async def tale(database: Database) -> None:
        first, second = transfer("t1", "alice", "bob", "1.00"), transfer("t2", "alice", "bob", "1.00")
        for event in (first, second):
            await _failed(database, event)
            await database["events"].update_one({"_id": event["_id"]}, MEND)
        plan = await plan_replay(database["events"], [first["_id"]], ignore_seen=False, alone=True)
        await put_back(database["events"], plan, by="olga", now=utc(NOW))
        assert await release_due(database["events"], now=utc(NOW + 70)) == 1
        await Booking(database, now=NOW + 70).book([])
        for event in (first, second):
            applied = await _event(database, event["_id"])
            assert (applied["outcome"], applied["tries"], "awaits" in applied) == ("applied", 1, False)
            assert next_try(applied) is None
        wallet = await database["wallets"].find_one({"_id": "INR:bob"})
        assert wallet is not None
        assert wallet["balance_minor"] == 200

    on_database(mongo_uri, database_name, tale)


def test_what_waits_for_something_is_not_retried_by_the_clock(mongo_uri: str, database_name: str) -> None:
    """A refund waits for its payment, an event without its key for the key: those come back when it is there."""

    async def tale(database: Database) -> None:
        refund, sealed = razorpay("refund.processed", "rfnd_1", 30, of="pay_1"), transfer("t1", "alice", "bob", "1.00")
        await Booking(database).book([refund, {**sealed, "body_key": "000000000000"}])
        assert await release_due(database["events"], now=utc(NOW + 1e6)) == 0
        assert next_try(await _event(database, refund["_id"])) == "when razorpay:payment:pay_1 arrives"
        unread = await _event(database, sealed["_id"])
        assert unread["reason"].startswith("fault: ")
        assert next_try(unread) == "when encryption_key:000000000000 arrives"

    on_database(mongo_uri, database_name, tale)


def test_due_events_are_released_until_it_is_told_to_stop(mongo_uri: str, database_name: str) -> None:
    """In the worker process, beside the worker."""

    async def tale(database: Database) -> None:
        event = transfer("t1", "alice", "bob", "1.00")
        await _failed(database, event)
        stop = asyncio.Event()
        running = asyncio.create_task(retry_failed(database["events"], stop, clock=lambda: NOW + 70))
        async with asyncio.timeout(30):
            while "queue" not in await _event(database, event["_id"]):
                await asyncio.sleep(0.02)
            stop.set()
            await running

    on_database(mongo_uri, database_name, tale)
