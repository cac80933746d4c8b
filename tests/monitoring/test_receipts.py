"""Receipts are written to the metrics together, and none is lost or counted twice."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from gateway.monitoring import receipts as module
from gateway.monitoring.metrics import ACKNOWLEDGED, CountedHistogram
from gateway.monitoring.receipts import Receipts

SECONDS = [0.0, 0.001, 0.002, 0.0020001, 0.05, 0.05, 4.999, 5.0, 5.1, 1e9]
"""On the bounds of buckets, on either side of them, and beyond the last."""


class Metrics:
    """The metrics in a registry of their own, in place of the process's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.registry = CollectorRegistry()
        answers = Counter("answers", "a", ["source", "answer"], registry=self.registry)
        seconds = CountedHistogram("seconds", "s", buckets=ACKNOWLEDGED.bounds, registry=self.registry)
        monkeypatch.setattr(module, "ANSWERS", answers)
        monkeypatch.setattr(module, "ACKNOWLEDGED", seconds)
        monkeypatch.setattr(module, "WRITE_EVERY_S", 0.01)

    def count(self) -> float | None:
        return self.registry.get_sample_value("seconds_count")

    def accepted(self) -> float | None:
        return self.registry.get_sample_value("answers_total", {"source": "stripe", "answer": "accepted"})


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    return Metrics(monkeypatch)


def test_counted_observations_are_those_observed_one_by_one(metrics: Metrics) -> None:
    """Each in its bucket and all in the sum: the text that Prometheus gets is the same."""
    one_by_one = CollectorRegistry()
    histogram = Histogram("seconds", "s", buckets=ACKNOWLEDGED.bounds, registry=one_by_one)
    for seconds in SECONDS:
        histogram.observe(seconds)

    async def note() -> None:
        receipts = Receipts()
        for seconds in SECONDS:
            receipts.note("stripe", "accepted", seconds)
        receipts.write()

    asyncio.run(note())
    told = [line for line in generate_latest(metrics.registry).splitlines() if b"seconds" in line]
    assert [line for line in told if b"_created" not in line] == [
        line for line in generate_latest(one_by_one).splitlines() if b"_created" not in line
    ]


def test_they_are_written_a_moment_later(metrics: Metrics) -> None:
    """By themselves, again and again, each once."""

    async def note() -> list[float | None]:
        receipts, seen = Receipts(), []
        for _ in range(3):
            receipts.note("stripe", "accepted", 0.01)
            receipts.note("stripe", "duplicate", 0.01)
            seen.append(metrics.accepted())
            await asyncio.sleep(0.05)
        return [*seen, metrics.accepted()]

    assert asyncio.run(note()) == [None, 1, 2, 3]
    assert metrics.count() == 6


def test_an_exit_writes_what_is_left_once(metrics: Metrics) -> None:
    """Before the moment is over; and the timer that it was left to has nothing more to write."""

    async def note() -> None:
        receipts = Receipts()
        receipts.note("stripe", "accepted", 0.01)
        receipts.write()
        receipts.write()
        assert metrics.accepted() == 1
        await asyncio.sleep(0.05)

    asyncio.run(note())
    assert (metrics.accepted(), metrics.count()) == (1, 1)
