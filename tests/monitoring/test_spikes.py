"""Spikes of refusals: found by what is counted, told once, kept up while they last, closed when they are over."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx2
from booked_store import on_database
from deliveries import new_id, signed, transfer
from running_gateway import SECRETS
from seeded_store import NOW
from served import Served, gateway_on, unreachable_store

from gateway.errors import Conflict, Refusal, SignatureRefused, TimestampRefused, UnknownSource
from gateway.events.rejections import RejectionLog
from gateway.ingress.delivery import Delivery
from gateway.monitoring.spikes import ensure_security_insights, look, watch_refusals
from gateway.queries.reading import Database


async def _refused(
    database: Database, count: int, refusal: Refusal, *, source: str = "stripe", at: datetime = NOW, **more: Any
) -> None:
    log = RejectionLog(database, **more)
    for number in range(count):
        log.note(Delivery(source, [], b"{}", at.timestamp(), f"192.0.2.{number % 250}"), refusal)
    await log.drain()


async def _insights(database: Database) -> list[dict[str, Any]]:
    return await database["security_insights"].find().sort("at", 1).to_list()


async def _open_alerts(database: Database) -> list[str]:
    return [alert["subject"] async for alert in database["alerts"].find({"open": {"$exists": True}})]


FORGED = SignatureRefused("signature_wrong")


def test_many_forgeries_are_an_insight_and_an_alert(mongo_uri: str, database_name: str) -> None:
    """With how many, what is usual, the networks and the failed checks; a look again adds nothing, two at once neither."""

    async def story(database: Database) -> None:
        await ensure_security_insights(database)
        await _refused(database, 60, FORGED)
        await asyncio.gather(look(database, now=NOW), look(database, now=NOW))
        await look(database, now=NOW + timedelta(seconds=15))
        (found,) = await _insights(database)
        assert (found["kind"], found["source"], found["count"], found["usual"], found["limit"]) == (
            "forgeries",
            "stripe",
            60,
            0,
            50,
        )
        assert found["networks"] == [{"name": "192.0.2.0/24", "count": 60}]
        assert found["checks"] == [{"name": "signature_wrong", "count": 60}]
        assert found["summary"] == (
            "At least 60 deliveries with a missing or wrong signature at stripe within 4 min; usual are 0 in 5 min."
        )
        alert = await database["alerts"].find_one({"kind": "security"})
        assert alert is not None
        assert (alert["subject"], alert["severity"]) == ("forgeries:stripe", "critical")
        assert alert["summary"] == found["summary"]
        assert alert["evidence"]["insight"] == found["_id"]
        assert await database["alerts"].count_documents({}) == 1

    on_database(mongo_uri, database_name, story)


def test_what_lasts_is_kept_up_and_what_is_over_is_closed(mongo_uri: str, database_name: str) -> None:
    """One insight from beginning to end, counting all of it; the alert is resolved; later there is another one."""

    async def story(database: Database) -> None:
        await ensure_security_insights(database)
        for minute in range(20):
            await _refused(database, 60, FORGED, at=NOW + timedelta(minutes=minute))
            await look(database, now=NOW + timedelta(minutes=minute, seconds=30))
        (found,) = await _insights(database)
        assert (found["count"], found["peak"], found["ended_at"]) == (1_200, 300, None)
        for minute in (23, 26):
            await look(database, now=NOW + timedelta(minutes=minute))
        (found,) = await _insights(database)
        assert found["ended_at"] == NOW + timedelta(minutes=26)
        assert "open" not in found
        assert await _open_alerts(database) == []
        await _refused(database, 60, FORGED, at=NOW + timedelta(minutes=30))
        await look(database, now=NOW + timedelta(minutes=30))
        assert [insight["count"] for insight in await _insights(database)] == [1_200, 60]

    on_database(mongo_uri, database_name, story)


def test_an_attack_of_hours_does_not_become_usual(mongo_uri: str, database_name: str) -> None:
    """It is measured by the limit that it broke when it began."""

    async def story(database: Database) -> None:
        await ensure_security_insights(database)
        rows = [
            {
                "_id": f"{minute}",
                "at": NOW + timedelta(minutes=minute),
                "source": "stripe",
                "reason": "signature",
                "count": 30,
            }
            for minute in range(600)
        ]
        await database["refusal_counts"].insert_many(rows)
        for minute in range(5, 600, 60):
            await look(database, now=NOW + timedelta(minutes=minute))
        assert len(await _insights(database)) == 1
        assert await _open_alerts(database) == ["forgeries:stripe"]

    on_database(mongo_uri, database_name, story)


def test_usual_refusals_are_no_spike(mongo_uri: str, database_name: str) -> None:
    """A few of each kind; and many where there are always many: what counts is the median of the hours before."""

    async def story(database: Database) -> None:
        await ensure_security_insights(database)
        always = [
            {"_id": f"{minute}", "at": NOW - timedelta(minutes=minute), "source": "old", "reason": "stale", "count": 40}
            for minute in range(1, 400)
        ]
        await database["refusal_counts"].insert_many(always)
        await _refused(database, 200, TimestampRefused("timestamp_too_old"), source="old")
        await _refused(database, 49, FORGED)
        await _refused(database, 4, Conflict("used"))
        await _refused(database, 150, UnknownSource("none"), source="wp-login.php")
        await look(database, now=NOW)
        assert await _insights(database) == []
        assert await _open_alerts(database) == []
        await _refused(database, 700, TimestampRefused("timestamp_too_old"), source="old")
        await look(database, now=NOW)
        (found,) = await _insights(database)
        assert (found["kind"], found["usual"], found["limit"], found["count"]) == ("replays", 200, 1_000, 1_060)

    on_database(mongo_uri, database_name, story)


def test_each_kind_is_told_for_itself(mongo_uri: str, database_name: str) -> None:
    """Replays and conflicts of one source, probing of names that are no source, a flood of copies."""

    async def story(database: Database) -> None:
        await ensure_security_insights(database)
        await _refused(database, 50, TimestampRefused("timestamp_too_old"))
        await _refused(database, 5, Conflict("used"))
        for number in range(20):
            await _refused(database, 10, UnknownSource("none"), source=f"probe{number}")
        log = RejectionLog(database)
        for _ in range(2_000):
            log.count("stripe", "duplicate", NOW.timestamp())
        await log.drain()
        await look(database, now=NOW)
        assert {(found["kind"], found["source"], found["count"]) for found in await _insights(database)} == {
            ("replays", "stripe", 50),
            ("conflicts", "stripe", 5),
            ("probing", "unknown", 200),
            ("duplicates", "stripe", 2_000),
        }
        probing = await database["security_insights"].find_one({"kind": "probing"})
        assert probing is not None
        assert probing["rows"] == 200

    on_database(mongo_uri, database_name, story)


def test_rows_that_a_flood_lost_are_in_its_figures(mongo_uri: str, database_name: str) -> None:
    """Ten rows were kept of a thousand: the count is a thousand, and the insight says how many rows it has looked at."""

    async def story(database: Database) -> None:
        await ensure_security_insights(database)
        await _refused(database, 1_000, FORGED, rows_per_minute_max=30)
        await look(database, now=NOW)
        (found,) = await _insights(database)
        assert (found["count"], found["rows"]) == (1_000, 10)

    on_database(mongo_uri, database_name, story)


def test_the_evidence_is_read_by_index(mongo_uri: str, database_name: str) -> None:
    """Not by a walk through the whole capped collection."""

    async def story(database: Database) -> None:
        await _refused(database, 500, FORGED, at=NOW - timedelta(hours=1))
        await _refused(database, 3, FORGED)
        query = (
            database["rejections"].find({"at": {"$gte": NOW - timedelta(minutes=5)}}).sort([("at", -1), ("_id", -1)])
        )
        plan = (await query.explain())["executionStats"]
        assert plan["totalDocsExamined"] == 3

    on_database(mongo_uri, database_name, story)


def test_forged_posts_to_a_real_door_are_told_and_resolved(mongo_uri: str, database_name: str) -> None:
    """Normal traffic with a few refusals raises nothing; 60 forgeries do within one look; quiet again, it is resolved."""

    async def work(served: Served) -> None:
        now = {"offset_s": 0.0}
        stop = asyncio.Event()
        watching = asyncio.create_task(
            watch_refusals(served.database, stop, every_s=0.05, clock=lambda: NOW.timestamp() + now["offset_s"])
        )
        async with httpx2.AsyncClient(base_url=served.url) as client:
            for number in range(40):
                key = "" if number % 10 else "another-secret-than-that-of-the-source"
                good = signed("payments", transfer(), at=NOW.timestamp(), key=key)
                await client.post(good.path, content=good.body, headers=good.headers)
            await asyncio.sleep(1)
            assert await _insights(served.database) == []
            for _ in range(60):
                forged = signed(
                    "payments", transfer(tx_id=new_id()), at=NOW.timestamp(), key="another-secret-than-the-sources"
                )
                answer = await client.post(forged.path, content=forged.body, headers=forged.headers)
                assert answer.status_code == 403
        await _until(served.database, ["forgeries:payments"])
        (found,) = await _insights(served.database)
        assert (found["kind"], found["source"]) == ("forgeries", "payments")
        await _counted(served.database, 64)
        now["offset_s"] = 600
        await _until(served.database, [])
        (found,) = await _insights(served.database)
        assert found["ended_at"] == NOW + timedelta(seconds=600)
        assert found["count"] == 64
        stop.set()
        await watching

    settings = {"hmac_secret_key": SECRETS["HMAC_SECRET_KEY"], "rate_limit_refused": "10000/minute"}
    gateway_on(mongo_uri, database_name)(work, **settings)


async def _counted(database: Database, refusals: int) -> None:
    """Counts are written behind the answers."""
    total = [{"$group": {"_id": None, "count": {"$sum": "$count"}}}]
    async with asyncio.timeout(30):
        while [each["count"] async for each in await database["refusal_counts"].aggregate(total)] != [refusals]:
            await asyncio.sleep(0.02)


async def _until(database: Database, subjects: list[str]) -> None:
    async with asyncio.timeout(30):
        while await _open_alerts(database) != subjects:
            await asyncio.sleep(0.02)


def test_a_store_that_is_away_is_looked_at_again() -> None:
    """The watch goes on; it ends when it is told to."""

    async def story() -> None:
        async with unreachable_store() as database:
            stop = asyncio.Event()
            watching = asyncio.create_task(watch_refusals(database, stop, every_s=0.01))
            await asyncio.sleep(0.8)
            assert not watching.done()
            stop.set()
            async with asyncio.timeout(30):
                await watching

    asyncio.run(story())
