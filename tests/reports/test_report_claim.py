"""A regular report is not lost with its worker, and is never made by two at the same time."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from report_ledger import Ledger

from gateway.settings import Settings
from reports.claim import LEASE, REPORT_S_MAX, claim_due, conclude, give_back, put_off
from reports.plan import COLLECTION, DUE, Every, Plan, remove_plan, store_plan
from reports.schedule import report_regularly

MONTHLY = Plan(Every.MONTH, time(6), "UTC")
BEFORE = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST = datetime(2026, 12, 1, 6, tzinfo=UTC)


class Workers:
    """Workers whose report of a month is under way until `ended`."""

    def __init__(self, database: Any, directory: Path) -> None:
        self.database, self.ended = database, asyncio.Event()
        self.begun: list[str] = []
        self.made: list[str] = []
        self._settings = Settings(_env_file=None, report_every="month", report_dir=directory)

    async def look(self, moment: datetime) -> tuple[asyncio.Event, asyncio.Task[None]]:
        """Another worker that looks at the clock once."""
        stop = asyncio.Event()
        work = report_regularly(self.database, self._settings, self._make, stop, clock=moment.timestamp)
        worker = asyncio.create_task(work)
        await asyncio.sleep(0.25)
        return stop, worker

    async def next_at(self) -> datetime:
        noted = await self.database[COLLECTION].find_one({"_id": DUE})
        moment: datetime = noted["next_at"].replace(tzinfo=UTC)
        return moment

    async def _make(self, period: str, _: Plan) -> None:
        self.begun.append(period)
        await self.ended.wait()
        self.made.append(period)


async def stopped(stop: asyncio.Event, worker: asyncio.Task[None]) -> None:
    stop.set()
    await worker


@pytest.mark.parametrize("how", ["told", "cancelled"])
def test_a_report_whose_worker_stops_is_due_again_at_once(fresh: Ledger, tmp_path: Path, how: str) -> None:
    async def work(database: Any) -> None:
        await store_plan(database, MONTHLY, now=BEFORE)
        workers = Workers(database, tmp_path)
        stop, worker = await workers.look(FIRST)
        worker.cancel() if how == "cancelled" else stop.set()
        await asyncio.wait({worker})
        assert (workers.begun, workers.made) == (["2026-11"], [])
        assert await workers.next_at() == FIRST

        workers.ended.set()
        await stopped(*await workers.look(FIRST + timedelta(seconds=1)))
        assert workers.made == ["2026-11"]
        assert await workers.next_at() == datetime(2027, 1, 1, 6, tzinfo=UTC)

    fresh.run(work)


def test_a_report_under_way_is_no_other_worker_s(fresh: Ledger, tmp_path: Path) -> None:
    """As long as it may take at most; and it is the first one's until it was made."""

    async def work(database: Any) -> None:
        await store_plan(database, MONTHLY, now=BEFORE)
        workers = Workers(database, tmp_path)
        first = await workers.look(FIRST)
        await stopped(*await workers.look(FIRST + timedelta(seconds=REPORT_S_MAX)))
        assert workers.begun == ["2026-11"]
        workers.ended.set()
        await asyncio.sleep(0.25)
        await stopped(*first)
        await stopped(*await workers.look(FIRST + 2 * LEASE))
        assert workers.begun == workers.made == ["2026-11"]

    fresh.run(work)


def test_a_report_whose_worker_was_killed_is_due_when_the_lease_is_over(fresh: Ledger, tmp_path: Path) -> None:
    async def work(database: Any) -> None:
        await store_plan(database, MONTHLY, now=BEFORE)
        workers = Workers(database, tmp_path)
        workers.ended.set()
        assert await claim_due(database, MONTHLY, now=FIRST)  # the last that the killed one did
        await stopped(*await workers.look(FIRST + LEASE - timedelta(seconds=1)))
        assert workers.made == []
        await stopped(*await workers.look(FIRST + LEASE))
        assert workers.made == ["2026-11"]

    fresh.run(work)


def test_a_claim_that_is_over_changes_nothing_of_the_next_one(fresh: Ledger) -> None:
    async def work(database: Any) -> None:
        await store_plan(database, MONTHLY, now=BEFORE)
        old = await claim_due(database, MONTHLY, now=FIRST)
        new = await claim_due(database, MONTHLY, now=FIRST + LEASE)
        assert old is not None
        assert new is not None
        await conclude(database, old)
        await put_off(database, old, now=FIRST)
        await give_back(database, old)
        assert await claim_due(database, MONTHLY, now=FIRST + 2 * LEASE - timedelta(seconds=1)) is None

        await remove_plan(database)
        await store_plan(database, MONTHLY, now=FIRST + LEASE)
        await give_back(database, new)  # it begins anew: what was due before is not
        assert await claim_due(database, MONTHLY, now=FIRST + 2 * LEASE) is None

    fresh.run(work)


def test_a_report_due_while_another_was_made_is_due_after_it(fresh: Ledger) -> None:
    daily = Plan(Every.DAY, time(6), "UTC")

    async def work(database: Any) -> None:
        await store_plan(database, daily, now=BEFORE)
        late = await claim_due(database, daily, now=FIRST - timedelta(minutes=5))
        assert late is not None
        await conclude(database, late)
        next_one = await claim_due(database, daily, now=FIRST + timedelta(minutes=5))
        assert next_one is not None
        assert (late.period, next_one.period) == ("2026-11-29", "2026-11-30")

    fresh.run(work)


def test_a_retry_noted_without_its_due_moment_is_of_the_period_that_was_due(fresh: Ledger) -> None:
    """Stores of earlier versions say when to try again, which may be after midnight, and nothing of what was due."""
    late = Plan(Every.DAY, time(23, 55), "UTC")
    noted = {"_id": DUE, "plan": late.told, "next_at": datetime(2026, 11, 22, 0, 5, tzinfo=UTC)}

    async def work(database: Any) -> None:
        await database[COLLECTION].insert_one(noted)
        claim = await claim_due(database, late, now=datetime(2026, 11, 22, 0, 6, tzinfo=UTC))
        assert claim is not None
        assert (claim.period, claim.due) == ("2026-11-20", datetime(2026, 11, 21, 23, 55, tzinfo=UTC))

    fresh.run(work)
