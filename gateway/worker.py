"""The worker process: holds the writer's lease, claims stored events, calls the pipeline in batches, and nothing else.

A second worker stands by in `Lease.acquire`. Whatever fails is retried with a growing pause; nothing is taken off the queue
before its outcome is stored with its effects.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from math import inf
from typing import Any, Final

from bson import Timestamp
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from structlog import get_logger

from gateway.clock import pause
from gateway.errors import LeaseLost
from gateway.events.progress import AT_ONCE, Place, Progress, read_progress
from gateway.events.standing import RELEASED
from gateway.events.store import (
    newest_arrival,
    place_behind,
    release_between,
    released,
    time_of,
    waiting,
    waits_between,
)
from gateway.ledger.lease import Lease
from gateway.monitoring.metrics import BATCH_EVENTS, BATCH_SECONDS
from gateway.pipeline import Prepared, Processing
from gateway.pipeline.processing import is_about_content

log = get_logger(__name__)

IDLE_S: Final = 0.02
"""Between two looks at a queue that has just become empty, and half as much again each time it still is."""
IDLE_S_MAX: Final = 0.15
"""A few looks a second cost an idle machine nothing that is felt, fifty did."""
GATHER_S: Final = 0.01
"""After a small batch: a transaction costs some milliseconds whatever its size, so a few more events may join the next."""
RETRY_S: Final = 0.05
RETRY_S_MAX: Final = 5.0
"""Twice as long each time, until the worker has worked for longer than this."""
AHEAD_EVENTS: Final = 10_000
"""Claimed by arrival before the queue is looked at again for what came late or was released."""
STEPPED_OVER: Final = 20_000
"""Settled events that are stepped over at once, in some 40 ms of MongoDB."""
LOOK_BACK_S: Final = 0.5
"""Between two looks at what stands where it has been claimed already. Each reads some seconds of events again."""


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
        self._database = database
        self._events = database["events"]
        self._lease = lease
        self._processing = processing
        self._batch_max = batch_max
        self._lease_s = lease_s
        self._place = Place()
        self._look_back_at = 0.0
        self.is_idle = True
        """Nothing has come for a while, or another one is the writer."""

    async def run(self, stop: asyncio.Event) -> None:
        """Acquire, work, and stand by again when the lease is lost."""
        retry_s, began_at = RETRY_S, inf
        while not stop.is_set():
            try:
                if await self._lease.acquire(stop):
                    log.info("lease_acquired", epoch=self._lease.epoch)
                    await self._kept(self._take_up())
                    began_at = _now()
                    await self._work(stop)
                    await self._lease.release()
            except LeaseLost:
                log.warning("lease_lost", epoch=self._lease.epoch)
            except PyMongoError as failure:
                retry_s = RETRY_S if _now() - began_at > RETRY_S_MAX else min(retry_s * 2, RETRY_S_MAX)
                began_at = inf
                log.warning(
                    "store_failed", error=type(failure).__name__, code=getattr(failure, "code", None), retry_s=retry_s
                )
                await pause(stop, retry_s)

    async def _kept(self, starting: Coroutine[Any, Any, None]) -> None:
        """Take up what is stored, which may take longer than a lease lasts: it is renewed meanwhile, or a standby would take it,
        begin in its turn, and lose it again."""
        task = asyncio.create_task(starting)
        try:
            while not (await asyncio.wait([task], timeout=self._lease_s / 3))[0]:
                await self._lease.renew()
            await task
        finally:
            task.cancel()
            await _ended(task)

    async def _take_up(self) -> None:
        await self._processing.start()
        self._place.take_up(await read_progress(self._database), now=await time_of(self._database))
        await self._step_over()
        self._look_back_at = 0.0

    async def _step_over(self) -> None:
        """Up to the first event that waits. There may be many settled ones before it, and no look ahead may have to read all."""
        newest = min(await newest_arrival(self._events), await time_of(self._database))
        while (ahead := self._place.ahead) < newest:
            up_to = await place_behind(self._events, ahead, newest, events_max=STEPPED_OVER)
            if await waits_between(self._events, ahead, up_to):
                break
            self._place.claimed(up_to)

    async def _work(self, stop: asyncio.Event) -> None:
        renewed_at = _now()
        idle_s = IDLE_S
        while not stop.is_set():
            settled = await self._drain(stop)
            if settled:
                renewed_at = _now()
            elif progress := self._place.without_batch:
                await self._processing.tell(progress)
                self._place.stored(progress)
                renewed_at = _now()
            elif _now() - renewed_at > self._lease_s / 3:
                await self._lease.renew()
                renewed_at = _now()
            idle_s = IDLE_S if settled else min(idle_s * 1.5, IDLE_S_MAX)
            self.is_idle = idle_s == IDLE_S_MAX
            await pause(stop, GATHER_S if settled else idle_s)

    async def _drain(self, stop: asyncio.Event) -> int:
        """Settle what waits. While one batch is written the next is prepared, and the one after that is read. Gives the number of
        events.

        When a batch is refused, what was prepared on top of it is void; it is settled again alone, and the rest stays queued.
        """
        settled = 0
        writing: _Writing | None = None
        await self._look_back()
        try:
            async with aclosing(self._batches(stop)) as batches:
                async for batch in batches:
                    last = batch[-1]["queue"]
                    progress = self._place.with_batch(None if last == RELEASED else last, now=_now())
                    prepared = await self._processing.prepare(batch, progress=progress)
                    if writing:
                        self._settled(await writing.done())
                    writing = _Writing(self._processing, prepared, batch, progress)
                    settled += len(batch)
            if writing:
                self._settled(await writing.done())
        except Exception as failure:  # whatever it was, it is known by its batch being refused again, alone
            if writing:
                await writing.ended()
            if not is_about_content(failure):
                raise
            await self._carefully()
        return settled

    async def _batches(self, stop: asyncio.Event) -> AsyncGenerator[list[dict[str, Any]], None]:
        """What was released, then what waits ahead in order of arrival, about `AHEAD_EVENTS` of them; each batch is read while the
        one before it is worked on."""
        if again := await released(self._events, self._batch_max):
            yield again
        reading, claimed = asyncio.create_task(self._read(after=self._place.ahead)), 0
        try:
            while batch := await reading:
                claimed += len(batch)
                is_last = len(batch) < self._batch_max or claimed >= AHEAD_EVENTS or stop.is_set()
                if not is_last:
                    reading = asyncio.create_task(self._read(after=batch[-1]["queue"]))
                yield batch
                if is_last:
                    break
        finally:
            reading.cancel()
            await _ended(reading)

    async def _look_back(self) -> None:
        """Release what could not be read yet when the events beside it were claimed."""
        if _now() < self._look_back_at:
            return
        look = self._place.next_look(now=_now())
        began_at = await time_of(self._database)
        looked_at = _now()
        for mark, events_max in AT_ONCE.items():
            after, up_to = getattr(look.since, mark), getattr(look.aim, mark)
            if after < up_to:
                place = await place_behind(self._events, after, up_to, events_max=events_max)
                look = look.only_to(**{mark: place})
        for after, up_to in look.spans:
            found = await release_between(self._database, after, up_to, seen_from=began_at, limit=self._batch_max)
            if found:
                log.info("events_released", count=found, reason="they came late")
            if found == self._batch_max:
                return
        self._place.looked(look, began_at, now=looked_at)
        self._look_back_at = looked_at + LOOK_BACK_S

    def _settled(self, writing: "_Writing") -> None:
        if writing.progress:
            self._place.stored(writing.progress)
        if (last := writing.batch[-1]["queue"]) != RELEASED:
            self._place.claimed(last)

    async def _read(self, *, after: Timestamp) -> list[dict[str, Any]]:
        """The batch behind this place in the queue."""
        return await waiting(self._events, self._batch_max, after=after)

    async def _carefully(self) -> None:
        """What was released, and the first that wait ahead, halved around what cannot be settled."""
        await self._kept(self._processing.start())
        for batch in (
            await released(self._events, self._batch_max),
            await self._read(after=self._place.ahead),
        ):
            if batch:
                await self._processing.process(batch)
        await self._step_over()


class _Writing:
    """A commit under way."""

    def __init__(
        self, processing: Processing, prepared: Prepared, batch: list[dict[str, Any]], progress: Progress | None
    ) -> None:
        self.batch = batch
        self.progress = progress
        self._task = asyncio.create_task(self._commit(processing, prepared))

    async def done(self) -> "_Writing":
        """Wait for it; raises what it raised."""
        await self._task
        BATCH_EVENTS.observe(len(self.batch))
        return self

    async def ended(self) -> None:
        """Wait for it, however it ends."""
        await _ended(self._task)

    @staticmethod
    async def _commit(processing: Processing, prepared: Prepared) -> None:
        with BATCH_SECONDS.time():
            await processing.commit(prepared)


async def _ended(task: asyncio.Task[Any]) -> None:
    await asyncio.wait([task])
    task.cancelled() or task.exception()  # looked at, so that it is not reported as forgotten


def _now() -> float:
    return asyncio.get_running_loop().time()
