"""A worker on a test's database, as a process runs it, and what it is given to do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from booked_store import CIPHER, Document, transfer

from gateway.clock import system_clock
from gateway.ledger.lease import Lease
from gateway.ledger.store import LedgerStore
from gateway.pipeline import Processing
from gateway.pipeline.scoring import Scoring
from gateway.queries.reading import Database
from gateway.worker import Worker


@asynccontextmanager
async def working(
    database: Database,
    *,
    batch_max: int = 10,
    lease_s: float = 0.6,
    store: type[LedgerStore] = LedgerStore,
    analyse: bool = True,
) -> AsyncIterator[Lease]:
    """A worker as a process runs it, for as long as the block lasts."""
    lease = Lease(database, lease_s=lease_s)
    async with running(worker_on(database, lease, batch_max=batch_max, lease_s=lease_s, store=store, analyse=analyse)):
        yield lease


def worker_on(
    database: Database,
    lease: Lease,
    *,
    batch_max: int = 10,
    lease_s: float = 0.6,
    store: type[LedgerStore] = LedgerStore,
    analyse: bool,
) -> Worker:
    processing = Processing(
        database,
        store(database, lease),
        cipher=CIPHER,
        clock=system_clock,
        scoring=Scoring(database, narrate_from_score=60, model_configured=False) if analyse else None,
    )
    return Worker(database, lease, processing, batch_max=batch_max, lease_s=lease_s)


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await task


async def until_settled(database: Database) -> None:
    async with asyncio.timeout(20):
        while await database["events"].count_documents({"outcome": {"$exists": False}}):
            await asyncio.sleep(0.02)


async def balance(database: Database, wallet: str) -> int:
    found = await database["wallets"].find_one({"_id": f"INR:{wallet}"})
    assert found is not None
    return int(found["balance_minor"])


def payments(count: int, *, prefix: str = "t") -> list[Document]:
    return [transfer(f"{prefix}{n}", "alice", "bob", "1.00") for n in range(count)]
