"""Group commit: nobody is lost, nobody gets another's answer, and a failure is over with its batch."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gateway.errors import StoreUnavailable
from gateway.events.group_commit import GroupCommit


class Disk:
    """What is written to: it answers ten times the item, takes a moment, and fails when told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.at_once = 0
        self.fails: set[int] = set()
        """Numbers of the writes that fail, from 0."""
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, items: Sequence[int]) -> list[int | Exception]:
        number = len(self.batches)
        self.batches.append(list(items))
        self.at_once += 1
        assert self.at_once == 1, "two writes at a time"
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
        finally:
            self.at_once -= 1
        if number in self.fails:
            raise ConnectionError("the disk is gone")
        return [ValueError("refused") if item < 0 else item * 10 for item in items]

    def commits(self, *, batch_max: int = 100, waiting_max: int = 10_000) -> GroupCommit[int, int]:
        return GroupCommit(self.write, batch_max=batch_max, waiting_max=waiting_max)


def _run(story: Callable[[], Awaitable[None]]) -> None:
    """A submitter that is forgotten waits for ever; here it fails."""

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await story()

    asyncio.run(bounded())


def test_what_arrives_during_a_write_goes_together_into_the_next() -> None:
    """The first goes alone and at once, the others do not wait for a timer."""

    async def story() -> None:
        disk = Disk()
        commits = disk.commits(batch_max=3)
        disk.gate.clear()
        first = asyncio.create_task(commits.submit(1))
        await asyncio.sleep(0.01)
        later = [asyncio.create_task(commits.submit(item)) for item in range(2, 7)]
        await asyncio.sleep(0.01)
        disk.gate.set()
        assert await asyncio.gather(first, *later) == [10, 20, 30, 40, 50, 60]
        assert disk.batches == [[1], [2, 3, 4], [5, 6]]

    _run(story)


def test_a_failing_write_fails_its_submitters_and_the_next_works() -> None:
    """Each of them, and only them."""

    async def story() -> None:
        disk = Disk()
        disk.fails = {0}
        commits = disk.commits()
        failed = await asyncio.gather(*(commits.submit(item) for item in range(3)), return_exceptions=True)
        assert [type(each) for each in failed] == [ConnectionError] * 3
        assert await commits.submit(7) == 70

    _run(story)


def test_an_exception_as_a_result_is_its_submitters_alone() -> None:
    """One refused item does not refuse its neighbours."""

    async def story() -> None:
        commits = Disk().commits()
        good, bad, other = await asyncio.gather(
            commits.submit(1), commits.submit(-1), commits.submit(2), return_exceptions=True
        )
        assert (good, type(bad), other) == (10, ValueError, 20)

    _run(story)


def test_more_than_may_wait_is_refused_at_once() -> None:
    """503 in time is better than an answer after the caller has given up; those who wait are not touched."""

    async def story() -> None:
        disk = Disk()
        commits = disk.commits(waiting_max=2)
        disk.gate.clear()
        writing = asyncio.create_task(commits.submit(1))
        await asyncio.sleep(0.01)
        waiting = [asyncio.create_task(commits.submit(item)) for item in (2, 3)]
        await asyncio.sleep(0.01)
        with pytest.raises(StoreUnavailable):
            await commits.submit(4)
        disk.gate.set()
        assert await asyncio.gather(writing, *waiting) == [10, 20, 30]
        assert await commits.submit(5) == 50
        assert [4] not in disk.batches

    _run(story)


def test_what_a_caller_left_behind_is_written_all_the_same() -> None:
    """A caller who went away cannot take his event back, and stops nobody else."""

    async def story() -> None:
        disk = Disk()
        commits = disk.commits()
        disk.gate.clear()
        leaving = asyncio.create_task(commits.submit(1))
        await asyncio.sleep(0.01)
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        staying = asyncio.create_task(commits.submit(2))
        disk.gate.set()
        assert await staying == 20
        assert disk.batches == [[1], [2]]

    _run(story)


def test_drain_returns_when_nothing_waits() -> None:
    """For a clean stop: everything submitted is written by then."""

    async def story() -> None:
        disk = Disk()
        commits = disk.commits(batch_max=2)
        await commits.drain()
        tasks = [asyncio.create_task(commits.submit(item)) for item in range(9)]
        await asyncio.sleep(0)
        await commits.drain()
        assert sum(map(len, disk.batches)) == 9
        assert all(task.done() for task in tasks)

    _run(story)


@settings(max_examples=50, phases=(Phase.generate,))  # a forgotten one costs its whole time limit
@given(
    arrivals=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    batch_max=st.integers(1, 8),
    fails=st.sets(st.integers(0, 5)),
    leavers=st.sets(st.integers(0, 59), max_size=10),
)
def test_everyone_gets_their_own_answer_or_their_batchs_failure(
    arrivals: list[int], batch_max: int, fails: set[int], leavers: set[int]
) -> None:
    """Whoever comes when, whatever fails, whoever goes away: each item is written once, in order, in batches within the
    bound, and its submitter learns exactly what became of it."""

    async def submit(commits: GroupCommit[int, int], item: int, turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await commits.submit(item)

    async def story() -> None:
        disk = Disk()
        disk.fails = fails
        commits = disk.commits(batch_max=batch_max)
        tasks = [asyncio.create_task(submit(commits, item, turns)) for item, turns in enumerate(arrivals)]
        await asyncio.sleep(0)
        gone = [tasks[number] for number in leavers if number < len(tasks) and tasks[number].cancel()]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        await commits.drain()
        written = [item for batch in disk.batches for item in batch]
        assert len(written) == len(set(written))
        assert all(len(batch) <= batch_max for batch in disk.batches)
        failed = {item for number in fails if number < len(disk.batches) for item in disk.batches[number]}
        for item, (task, answer) in enumerate(zip(tasks, answers, strict=True)):
            if task in gone:
                assert isinstance(answer, asyncio.CancelledError)
            elif item in failed:
                assert isinstance(answer, ConnectionError)
            else:
                assert answer == item * 10
                assert item in written

    _run(story)
