"""Alerts and the scheduled audit: once while it lasts, closed when it is over, whatever MongoDB and the audit do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from booked_store import NOW, audit

from gateway.audit.reading import AuditIncomplete
from gateway.audit.schedule import audit_apart, audit_once, audit_regularly, ensure_audits, watch_parked
from gateway.mongo import connect
from gateway.monitoring.alerts import Alert, Severity, raise_alert, resolve_alerts
from gateway.queries.reading import Database
from gateway.settings import Settings

Ask = Callable[[Callable[[Database], Awaitable[Any]]], Any]

AT = datetime.fromtimestamp(NOW, UTC)
LATE = Alert("late", "stripe", Severity.WARNING, "Late.", {"count": 1})


def in_process(database: Database) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    """The audit as the schedule wants it, without a process of its own."""

    async def run() -> Mapping[str, Any]:
        return (await audit(database)).to_document()

    return run


def test_an_alert_is_raised_once_while_it_lasts(empty: Ask) -> None:
    """However often it is raised, and by however many at once; the latest evidence stands."""

    async def run(database: Database) -> None:
        await ensure_audits(database)
        new = await asyncio.gather(*(raise_alert(database, LATE, now=AT) for _ in range(10)))
        assert sum(new) == 1
        later = AT + timedelta(hours=1)
        assert not await raise_alert(
            database, Alert("late", "stripe", Severity.CRITICAL, "Later.", {"count": 2}), now=later
        )
        (alert,) = await database.alerts.find().to_list()
        assert (alert["at"], alert["seen_at"], alert["resolved_at"]) == (AT, later, None)
        assert (alert["severity"], alert["summary"], alert["evidence"]) == ("critical", "Later.", {"count": 2})

    empty(run)


def test_an_alert_that_is_over_stays_as_history(empty: Ask) -> None:
    """The same trouble later is a new alert; another subject's alert is left alone."""

    async def run(database: Database) -> None:
        await ensure_audits(database)
        other = Alert("late", "razorpay", Severity.WARNING, "Late.", {})
        await raise_alert(database, LATE, now=AT)
        await raise_alert(database, other, now=AT)
        assert await resolve_alerts(database, "late", still=["razorpay"], now=AT) == 1
        assert await raise_alert(database, LATE, now=AT)
        states = {(each["subject"], each["resolved_at"]) for each in await database.alerts.find().to_list()}
        assert states == {("stripe", AT), ("stripe", None), ("razorpay", None)}

    empty(run)


def test_a_broken_invariant_raises_an_alert_until_it_holds_again(books: Ask) -> None:
    """Named by its invariant, with the first broken record; the audit's result is kept."""

    async def run(database: Database) -> None:
        await ensure_audits(database)
        assert await audit_once(database, in_process(database), now=AT)
        await database.wallets.update_one({"_id": "INR:alice"}, {"$inc": {"balance_minor": 1}})
        assert not await audit_once(database, in_process(database), now=AT)
        (alert,) = await database.alerts.find().to_list()
        assert (alert["kind"], alert["subject"], alert["severity"]) == ("audit", "I4", "critical")
        assert "wallets INR:alice: balance is 5701" in alert["summary"]
        await database.wallets.update_one({"_id": "INR:alice"}, {"$inc": {"balance_minor": -1}})
        assert await audit_once(database, in_process(database), now=AT)
        (alert,) = await database.alerts.find().to_list()
        assert alert["resolved_at"] == AT
        assert [each["ok"] for each in await database.audits.find().to_list()] == [True, False, True]

    books(run)


def test_an_audit_that_cannot_be_carried_through_is_an_alert_too(books: Ask) -> None:
    """It is not taken for an audit that found nothing."""

    async def failing() -> Mapping[str, Any]:
        raise AuditIncomplete("MongoDB did not answer.")

    async def run(database: Database) -> None:
        await ensure_audits(database)
        assert not await audit_once(database, failing, now=AT)
        (alert,) = await database.alerts.find().to_list()
        assert (alert["kind"], alert["severity"]) == ("audit_incomplete", "warning")
        assert await database.audits.count_documents({}) == 0
        await audit_once(database, in_process(database), now=AT)
        assert await database.alerts.count_documents({"resolved_at": None}) == 0

    books(run)


def test_what_is_parked_too_long_raises_one_alert_per_source(books: Ask) -> None:
    """With the events and what they wait for; closed when they are released."""

    async def run(database: Database) -> None:
        await ensure_audits(database)
        await watch_parked(database, after_s=3_600, now=AT + timedelta(minutes=59))
        assert await database.alerts.count_documents({}) == 0
        for hours in (2, 3):
            await watch_parked(database, after_s=3_600, now=AT + timedelta(hours=hours))
        (alert,) = await database.alerts.find().to_list()
        assert (alert["kind"], alert["subject"]) == ("parked", "razorpay")
        assert alert["evidence"]["count"] == 1
        assert alert["evidence"]["events"][0]["reason"] == "the payment is not captured yet"
        await database.events.update_many(
            {"outcome": "parked"}, {"$set": {"outcome": "stale"}, "$unset": {"queue": ""}}
        )
        await watch_parked(database, after_s=3_600, now=AT + timedelta(hours=4))
        assert await database.alerts.count_documents({"resolved_at": None}) == 0

    books(run)


def test_of_several_workers_one_runs_each_audit(books: Ask) -> None:
    """And none before its time: the first is due one interval after the first start."""

    async def run(database: Database) -> None:
        now, stop = [NOW], asyncio.Event()
        workers = [
            asyncio.create_task(
                audit_regularly(
                    database, in_process(database), stop, every_s=1, parked_after_s=10**8, clock=lambda: now[0]
                )
            )
            for _ in range(3)
        ]
        await asyncio.sleep(0.5)
        assert await database.audits.count_documents({}) == 0
        now[0] += 1
        await asyncio.sleep(2)
        assert await database.audits.count_documents({}) == 1
        stop.set()
        await asyncio.wait_for(asyncio.gather(*workers), 5)

    books(run)


def test_a_worker_that_is_told_to_stop_does_not_wait_for_an_audit(books: Ask) -> None:
    """The audit is ended; the next worker runs it when it is due again."""

    async def run(database: Database) -> float:
        now, stop, ended = [NOW], asyncio.Event(), asyncio.Event()

        async def long_audit() -> Mapping[str, Any]:
            now[0] = 0.0  # from here on: running
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()
            raise AssertionError("it was not ended")

        auditor = asyncio.create_task(
            audit_regularly(database, long_audit, stop, every_s=1, parked_after_s=10**8, clock=lambda: now[0])
        )
        await asyncio.sleep(0.3)
        now[0] += 2
        while now[0]:
            await asyncio.sleep(0.02)
        stop.set()
        await asyncio.wait_for(auditor, 2)
        assert ended.is_set()
        return await database.audits.count_documents({})

    assert books(run) == 0


def test_the_schedule_outlives_a_mongodb_that_is_away() -> None:
    """It is a task of the worker: neither ends the worker nor keeps it from stopping."""

    async def run() -> None:
        async with connect("mongodb://127.0.0.1:1/", Settings(_env_file=None, mongo_timeout_ms=100)) as client:
            database, stop = client["nowhere"], asyncio.Event()
            schedule = asyncio.create_task(
                audit_regularly(database, in_process(database), stop, every_s=1, parked_after_s=1)
            )
            await asyncio.sleep(0.5)
            assert not schedule.done()
            stop.set()
            await asyncio.wait_for(schedule, 2)

    asyncio.run(run())


def test_an_audit_in_a_process_of_its_own_gives_the_same_report(
    books: Ask, mongo_uri: str, database_name: str, tmp_path: Path, monkeypatch: Any
) -> None:
    """The scheduled one: `python -m gateway.audit`, with this process's settings."""
    monkeypatch.setenv("MONGO_DATABASE", database_name)

    async def run(database: Database) -> None:
        await database.wallets.update_one({"_id": "INR:alice"}, {"$inc": {"balance_minor": 1}})
        apart, here = await audit_apart(mongo_uri, tmp_path)(), (await audit(database)).to_document()
        assert apart["checks"] == here["checks"]
        assert not apart["ok"]

    books(run)


def test_an_audit_that_ends_in_an_error_is_incomplete(books: Ask, tmp_path: Path) -> None:
    """An address where no MongoDB is."""

    async def run(database: Database) -> str:
        try:
            await audit_apart("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200", tmp_path)()
        except AuditIncomplete as incomplete:
            return str(incomplete)
        return ""

    assert "MongoDB did not answer" in books(run)
