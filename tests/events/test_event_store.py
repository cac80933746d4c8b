"""The stored events: the database decides what is new, and what waits is claimed in order of arrival."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from booked_store import Document, on_database, stored, transfer
from bson import Timestamp
from served import unreachable_store

from gateway.errors import StoreUnavailable
from gateway.events import store as store_module
from gateway.events.event import settle_as_filtered
from gateway.events.progress import Progress
from gateway.events.standing import RELEASED
from gateway.events.store import Appended, EventStore, newest_arrival, waiting
from gateway.queries.reading import Database


def _store(database: Database, *, batch_max: int = 50, timeout_ms: int = 20_000) -> EventStore:
    return EventStore(database, batch_max=batch_max, waiting_max=1_000, timeout_ms=timeout_ms)


def _event(n: int, *, at: float = 1_795_255_200.0) -> Document:
    return stored({"id": f"evt_{n}", "type": "t"}, source="stripe", scheme="stripe", at=at)


def test_insert_or_nothing(mongo_uri: str, database_name: str) -> None:
    """New the first time; after that the standing event and its present state, untouched by the second."""

    async def story(database: Database) -> None:
        store = _store(database)
        event = _event(1)
        assert await store.append(event) == Appended(True, event["fingerprint"])
        await database["events"].update_one({"_id": event["_id"]}, {"$set": {"outcome": "ignored", "reason": "why"}})
        again = {**event, "fingerprint": "other", "body": b"other"}
        assert await store.append(again) == Appended(False, event["fingerprint"], "ignored", "why")
        kept = await database["events"].find_one({"_id": event["_id"]})
        assert kept is not None
        assert kept["body"] == event["body"]

    on_database(mongo_uri, database_name, story)


def test_copies_within_a_batch_and_across_batches_are_one(mongo_uri: str, database_name: str) -> None:
    """Copies and new ones mixed at once, in small batches, from two processes: each id is created exactly once."""

    async def story(database: Database) -> None:
        stores = [_store(database, batch_max=7), _store(database, batch_max=5)]
        numbers = [n % 10 for n in range(80)]
        appended = await asyncio.gather(*(stores[place % 2].append(_event(n)) for place, n in enumerate(numbers)))
        created = Counter(n for n, each in zip(numbers, appended, strict=True) if each.created)
        assert created == Counter(range(10))
        assert await database["events"].count_documents({}) == 10

    on_database(mongo_uri, database_name, story)


def test_a_document_that_is_refused_acknowledges_nothing_in_its_batch(mongo_uri: str, database_name: str) -> None:
    """Another failure than a duplicate: nobody is told that theirs is stored, and sending it again is safe."""

    async def story(database: Database) -> None:
        store = _store(database)
        too_large: dict[str, Any] = {**_event(1), "body": b"x" * 17_000_000}
        answers = await asyncio.gather(
            *(store.append(each) for each in (_event(0), too_large, _event(2))), return_exceptions=True
        )
        assert [type(each) for each in answers[1:]] == [StoreUnavailable] * 2
        assert {(await store.append(_event(n))).fingerprint for n in (0, 2)}

    on_database(mongo_uri, database_name, story)


def test_the_longest_waiting_are_claimed_first(mongo_uri: str, database_name: str) -> None:
    """In order of arrival, at most so many, only those that wait, and on request only those after a given one."""

    async def story(database: Database) -> None:
        store = _store(database)
        for n in (1, 2, 3, 4):
            await store.append(_event(n))
        await database["events"].update_one({"_id": _event(3)["_id"]}, {"$set": {"outcome": "applied"}})
        claimed = await waiting(database["events"], 2)
        assert [each["_id"] for each in claimed] == [_event(1)["_id"], _event(2)["_id"]]
        rest = await waiting(database["events"], 5, after=claimed[-1]["queue"])
        assert [each["_id"] for each in rest] == [_event(4)["_id"]]

    on_database(mongo_uri, database_name, story)


async def _settled_to(database: Database, place: Timestamp) -> None:
    await database["marks"].replace_one({"_id": "queue"}, Progress(place, place).to_document(), upsert=True)


@pytest.mark.parametrize("slow", [True, False])
def test_what_took_long_to_be_stored_is_released_where_the_worker_has_been(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    """Before it is acknowledged; not ahead of the worker, nor what is settled from its beginning, nor what was stored promptly."""
    monkeypatch.setattr(store_module, "PROMPT_S", 0.0 if slow else 5.0)

    async def story(database: Database) -> None:
        store = _store(database)
        await store.append(_event(1))
        await _settled_to(database, await newest_arrival(database["events"]))
        ahead, filtered = _event(2), _event(3)
        settle_as_filtered(filtered)
        behind = {**_event(4), "queue": Timestamp(5, 5)}
        for event in (ahead, filtered, behind):
            assert (await store.append(event)).created
        found = {event["_id"]: event.get("queue") async for event in database["events"].find()}
        assert found[filtered["_id"]] is None
        assert found[ahead["_id"]] not in (None, RELEASED)
        assert found[behind["_id"]] == (RELEASED if slow else Timestamp(5, 5))

    on_database(mongo_uri, database_name, story)


@pytest.mark.parametrize("ending", [{}, {"outcome": "applied"}])
def test_an_event_that_was_there_before_is_released_where_the_worker_has_been(
    mongo_uri: str, database_name: str, ending: Document
) -> None:
    """Its first sender was never told that it is stored, so only now somebody relies on it; what is settled stays so."""

    async def story(database: Database) -> None:
        event = _event(1)
        await database["events"].insert_one({**event, **ending})
        place = await newest_arrival(database["events"])
        store = _store(database)
        assert not (await store.append(event)).created
        assert await newest_arrival(database["events"]) == place
        await _settled_to(database, place)
        assert not (await store.append(event)).created
        found = await database["events"].find_one({"_id": event["_id"]})
        assert found is not None
        assert found["queue"] == (place if ending else RELEASED)

    on_database(mongo_uri, database_name, story)


def test_the_state_of_an_event(mongo_uri: str, database_name: str) -> None:
    """Waiting, then its outcome; nothing for an id that was never stored."""

    async def story(database: Database) -> None:
        store = _store(database)
        event = transfer("t1", "a", "b", "1.00")
        await store.append(event)
        assert await store.state_of(event["_id"]) == Appended(False, event["fingerprint"])
        assert await store.state_of("evt_unknown") is None
        assert await store.insight_of(event["_id"]) == {}

    on_database(mongo_uri, database_name, story)


def test_a_store_that_nobody_answers_for_is_unavailable() -> None:
    """Within the time limit, as a 503 that may be retried, for writing and for reading."""

    async def story() -> None:
        async with unreachable_store() as database:
            store = _store(database, timeout_ms=300)
            for asking in (store.append(_event(1)), store.state_of("evt_1"), store.insight_of("evt_1")):
                with pytest.raises(StoreUnavailable):
                    await asyncio.wait_for(asking, 5)

    asyncio.run(story())
