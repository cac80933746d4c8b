"""What stands in the queue, and what finds it there."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Timestamp
from pymongo import ASCENDING, DESCENDING

from gateway.events.standing import (
    PARKED,
    RELEASED,
    STUCK,
    awaiting,
    ensure_standings,
    settled,
    stuck_between,
    waiting_behind,
)
from gateway.mongo import connect
from gateway.settings import Settings

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = "stripe:payment:pi_1"
ENDED: dict[str, dict[str, Any]] = {
    "applied": {"outcome": "applied"},
    "ignored": {"outcome": "ignored"},
    "stale": {"outcome": "stale"},
    "for an object": {"outcome": "parked", "awaits": KEY},
    "for a time": {"outcome": "parked", "awaits": "time:2026-11-21T12:01:00Z"},
    "for a person": {"outcome": "parked"},
    "rejected": {"outcome": "rejected"},
}
"""How events end, by their ids."""
FOUND: dict[str, tuple[dict[str, Any], set[str]]] = {
    "waiting": (waiting_behind(Timestamp(6, 1)), {"arrived", "released"}),
    "stuck": (dict(STUCK), {"for an object", "for a time", "for a person", "rejected"}),
    "parked": (dict(PARKED), {"for an object", "for a time", "for a person"}),
    "awaiting": (awaiting([KEY]), {"for an object"}),
    "in the period": (
        stuck_between(NOON, NOON + timedelta(milliseconds=1)),
        {"for an object", "for a time", "for a person", "rejected"},
    ),
    "before it": (stuck_between(NOON - timedelta(days=1), NOON), set()),
    "after it": (stuck_between(NOON + timedelta(milliseconds=1), NOON + timedelta(days=1)), set()),
}


async def _events(database: Any) -> Any:
    events = database["events"]
    await events.create_index("queue", sparse=True)
    await events.insert_many(
        [{"_id": "before", "queue": Timestamp(6, 1)}, {"_id": "arrived", "queue": Timestamp(6, 2)}]
    )
    await events.insert_one({"_id": "released", "queue": RELEASED})
    for name, ending in ENDED.items():
        await events.insert_one({"_id": name, "queue": Timestamp(7, 1)})
        await events.update_one({"_id": name}, settled({**ending, "settled_at": NOON}, was_released=False))
    return events


def _on(mongo_uri: str, database_name: str, story: Any) -> Any:
    async def run() -> Any:
        async with connect(mongo_uri, Settings(_env_file=None, mongo_timeout_ms=30_000)) as client:
            return await story(client[database_name])

    return asyncio.run(run())


def test_each_condition_finds_what_stands_so(mongo_uri: str, database_name: str) -> None:
    """And finds it on the one index."""

    async def story(database: Any) -> None:
        events = await _events(database)
        for name, (condition, expected) in FOUND.items():
            assert {each["_id"] async for each in events.find(condition)} == expected, name
            plan = (await events.find(condition).explain())["queryPlanner"]["winningPlan"]
            assert "COLLSCAN" not in str(plan), name

    _on(mongo_uri, database_name, story)


@pytest.mark.parametrize("ending", ENDED)
def test_a_store_of_an_earlier_version_is_brought_up(mongo_uri: str, database_name: str, ending: str) -> None:
    """What is stored without its standing gets the one it would be given now; the indexes it replaces go. Again: nothing."""

    async def story(database: Any) -> None:
        events = await _events(database)
        expected = await events.find_one({"_id": ending})
        await events.update_many({"outcome": {"$exists": True}}, {"$unset": {"queue": ""}})
        if ending in ("applied", "ignored", "stale"):
            del expected["queue"]
        await events.update_one({"_id": "released"}, {"$set": {"queue": 0}})
        await events.update_one({"_id": "arrived"}, {"$set": {"queue": 1_795_255_200_000_000}})
        await events.create_index([("awaits", ASCENDING)], sparse=True)
        stuck = {"outcome": {"$in": ["parked", "rejected"]}}
        await events.create_index([("settled_at", DESCENDING)], name="stuck", partialFilterExpression=stuck)
        for _ in range(2):
            await ensure_standings(events)
            assert await events.find_one({"_id": ending}) == expected
            assert [(await events.find_one({"_id": each}))["queue"] for each in ("released", "arrived")] == [
                RELEASED
            ] * 2
            assert set(await events.index_information()) == {"_id_", "queue_1"}

    _on(mongo_uri, database_name, story)


@pytest.mark.parametrize("was_released", [True, False])
@pytest.mark.parametrize("ending", ENDED)
def test_what_is_settled_keeps_its_place_unless_it_was_released(
    mongo_uri: str, database_name: str, ending: str, was_released: bool
) -> None:
    """Nothing waits twice, and no index is touched for what went straight through."""

    async def story(database: Any) -> None:
        events = database["events"]
        place = RELEASED if was_released else Timestamp(7, 1)
        await events.insert_one({"_id": ending, "queue": place})
        await events.update_one(
            {"_id": ending}, settled({**ENDED[ending], "settled_at": NOON}, was_released=was_released)
        )
        standing = (await events.find_one({"_id": ending})).get("queue")
        if ending in ("applied", "ignored", "stale"):
            assert standing == (None if was_released else place)
        else:
            assert isinstance(standing, str)

    _on(mongo_uri, database_name, story)
