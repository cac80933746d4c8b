"""The worker process: holds the writer's lease, claims stored events, calls the pipeline in batches, and nothing else.

A second worker stands by in `Lease.acquire`. Whatever fails is retried with a growing pause; nothing is taken off the queue
before its outcome is stored with its effects.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from structlog import get_logger

from gateway.errors import LeaseLost
from gateway.events.store import waiting
from gateway.ledger.lease import Lease
from gateway.monitoring.metrics import BATCH_EVENTS, BATCH_SECONDS
from gateway.pipeline import Processing

log = get_logger(__name__)

IDLE_S: Final = 0.02
"""Between two looks at an empty queue."""
GATHER_S: Final = 0.01
"""After a small batch: a transaction costs some milliseconds whatever its size, so a few more events may join the next."""
RETRY_S_MAX: Final = 5.0


class Worker:
    """`run` until `stop` is set."""

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        lease: Lease,
        processing: Processing,
        *,
        batch_max: int,
        lease_s: float,
    ) -> None:
        self._events = database["events"]
        self._lease = lease
        self._processing = processing
        self._batch_max = batch_max
        self._lease_s = lease_s

    async def run(self, stop: asyncio.Event) -> None:
        """Acquire, work, and stand by again when the lease is lost."""
        retry_s = 0.05
        while not stop.is_set():
            try:
                if await self._lease.acquire(stop):
                    log.info("lease_acquired", epoch=self._lease.epoch)
                    await self._processing.start()
                    retry_s = 0.05
                    await self._work(stop)
                    await self._lease.release()
            except LeaseLost:
                log.warning("lease_lost", epoch=self._lease.epoch)
            except PyMongoError as failure:
                log.warning("store_unreachable", error=type(failure).__name__, retry_s=retry_s)
                await _pause(stop, retry_s)
                retry_s = min(retry_s * 2, RETRY_S_MAX)

    async def _work(self, stop: asyncio.Event) -> None:
        renewed_at = asyncio.get_running_loop().time()
        while not stop.is_set():
            batch = await waiting(self._events, self._batch_max)
            if batch:
                with BATCH_SECONDS.time():
                    await self._processing.process(batch)
                BATCH_EVENTS.observe(len(batch))
                renewed_at = asyncio.get_running_loop().time()
                if len(batch) < self._batch_max // 4:
                    await _pause(stop, GATHER_S)
                continue
            if asyncio.get_running_loop().time() - renewed_at > self._lease_s / 3:
                await self._lease.renew()
                renewed_at = asyncio.get_running_loop().time()
            await _pause(stop, IDLE_S)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
