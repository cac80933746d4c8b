"""One writer, whatever happens to it: killed or paused, in the middle of a transaction or between two, a standby goes on."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from booked_store import Document, transfer
from running_gateway import until
from workers import LEASE_S, Workers, two_workers

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
TAKEOVER_S_MAX = 10.0
"""Beyond the lease: the standby looks at it four times in its length, and the machine may be busy."""


@pytest.fixture
def workers(tmp_path: Path, mongo_uri: str, database_name: str) -> Iterator[Workers]:
    with two_workers(tmp_path, mongo_uri, database_name) as both:
        yield both


def payments(count: int, *, prefix: str) -> list[Document]:
    """1.00 each, so that a balance counts them."""
    return [transfer(f"{prefix}{n}", "alice", "bob", "1.00") for n in range(count)]


def has_given_up(log: str) -> bool:
    """It is refused by the lease, or what it had asked MongoDB before it was paused has run out of time; then it asks for the
    lease anew."""
    return "lease_lost" in log or "store_failed" in log


def each_once(workers: Workers, count: int) -> bool:
    booked = workers.booked()
    return len(booked) == len(set(booked)) == count and workers.balance("bob") == 100 * count


@pytest.mark.parametrize("point", [None, "before_commit", pytest.param("after_commit", marks=pytest.mark.long)])
def test_a_standby_takes_over_within_the_lease(workers: Workers, point: str | None) -> None:
    """kill -9 of the writer, also inside its transaction, which MongoDB would else keep open, and its locks, for a minute."""
    workers.take_turns()
    killed = workers.writer()
    assert killed is not None
    if point:
        workers.control.arm(point, signal.SIGKILL)
    else:
        os.kill(killed, signal.SIGKILL)
    workers.store(payments(25, prefix="t"))
    if point:
        until(lambda: workers.control.reached(point) is not None, within_s=30, what="the point is reached")
    killed_at = time.monotonic()
    until(lambda: workers.writer() != killed, within_s=30, what="the standby has the lease")
    assert time.monotonic() - killed_at < LEASE_S + TAKEOVER_S_MAX
    workers.settle()
    assert workers.outcomes() == {"applied": 25}
    assert each_once(workers, 25)


@pytest.mark.parametrize("point", [None, "before_commit", pytest.param("after_commit", marks=pytest.mark.long)])
def test_a_paused_writer_cannot_write(workers: Workers, point: str | None) -> None:
    """Stopped past its lease with a batch in its hands: what the standby has written meanwhile stands, nothing is doubled."""
    if point:
        workers.control.arm(point, signal.SIGSTOP)
        workers.store(payments(25, prefix="early"))
        until(lambda: workers.control.reached(point) is not None, within_s=30, what="the point is reached")
        reached = workers.control.reached(point)
        assert reached is not None
        paused = reached.pid
    else:
        paused = workers.writer() or 0
        os.kill(paused, signal.SIGSTOP)
        workers.store(payments(25, prefix="early"))
    until(lambda: workers.writer() != paused, within_s=LEASE_S + 10, what="the standby has the lease")
    workers.settle()
    epoch = workers.epoch()
    assert each_once(workers, 25)

    known_before = workers.log.stat().st_size
    os.kill(paused, signal.SIGCONT)
    workers.store(payments(20, prefix="late"))
    until(lambda: has_given_up(workers.log.read_text()[known_before:]), within_s=30, what="the paused writer knows")
    workers.settle()
    assert workers.outcomes() == {"applied": 45}
    assert each_once(workers, 45)
    assert workers.writer() != paused
    assert workers.epoch() == epoch


def test_a_poisonous_event_is_parked_and_the_others_apply(workers: Workers) -> None:
    """Somebody else has used its effect key: MongoDB refuses every batch with it in, until it stands alone."""
    events = payments(40, prefix="t")
    squatter = {"_id": "payments:transfer:t17", "seq": 1_000_000, "at": LONG_AGO}
    workers.rows["transactions"].insert_one(squatter)
    workers.store(events)
    workers.settle()
    workers.rows["transactions"].delete_one({"_id": squatter["_id"]})
    assert workers.outcomes() == {"applied": 39, "parked": 1}
    parked = workers.rows["events"].find_one({"outcome": "parked"})
    assert parked is not None
    assert (parked["tx_id"], parked["reason"]) == ("t17", "fault: MongoDB error 11000")
    assert each_once(workers, 39)
