"""What runs beside the writer may fail; the worker does not, and a person is told while it lasts."""

import asyncio
from typing import Any

from booked_store import NOW, on_database
from traded_store import MONDAY, trade

from gateway.monitoring.passes import Turns
from gateway.pipeline.period_insights import compute_regularly
from gateway.queries.reading import Database


async def fails() -> int:
    raise KeyError("odd")


async def succeeds() -> int:
    return 7


def test_a_fault_becomes_an_alert_that_the_next_success_resolves(mongo_uri: str, database_name: str) -> None:
    """One alert however often it fails; the alerts of other passes stay."""

    async def story(database: Database) -> list[dict[str, Any]]:
        turns, others = Turns(database, "insights", lambda: NOW), Turns(database, "labels", lambda: NOW)
        given = [
            await turn.take(work(), otherwise=-1) for turn, work in ((turns, fails), (turns, fails), (others, fails))
        ]
        assert given == [-1, -1, -1]
        assert await database["alerts"].count_documents({"resolved_at": None}) == 2
        assert await Turns(database, "insights", lambda: NOW).take(succeeds(), otherwise=-1) == 7
        return await database["alerts"].find({"resolved_at": None}).to_list()

    (left,) = on_database(mongo_uri, database_name, story)
    assert (left["kind"], left["subject"], left["evidence"]) == ("pass_failed", "labels", {"error": "KeyError"})


def test_a_day_that_is_odd_ends_nothing(mongo_uri: str, database_name: str) -> None:
    """A transaction without its amount: told, tried again, and computed once it is mended."""

    async def story(database: Database) -> None:
        await trade(database, 1)
        await database["insights"].update_one({}, {"$set": {"amount_minor": "x"}})
        stop = asyncio.Event()
        passing = asyncio.create_task(
            compute_regularly(database, stop, narrate=False, clock=lambda: MONDAY.timestamp() + 90_000)
        )
        async with asyncio.timeout(10):
            while not await database["alerts"].find_one({"kind": "pass_failed", "resolved_at": None}):
                await asyncio.sleep(0.02)
        assert not passing.done()
        stop.set()
        await passing
        assert await database["marks"].find_one({"_id": "period_insights"}) is None

    on_database(mongo_uri, database_name, story)
