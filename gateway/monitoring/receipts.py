"""Receipts for webhooks are counted in plain numbers, and written to the metrics together a moment later.

To write one number that several processes share costs a look at who this process is and a packed write into a mapped file. Three
of them for every webhook were 8 % of it. The price: a scrape is at most `WRITE_EVERY_S` behind, and so much is lost with a process
that is killed; one that ends writes before it does.
"""

import asyncio
from bisect import bisect_left
from collections import Counter
from typing import Final

from gateway.monitoring.metrics import ACKNOWLEDGED, ANSWERS

WRITE_EVERY_S: Final = 0.25


class Receipts:
    """Used from one event loop. `write` what is left before it ends."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, str]] = Counter()
        self._acknowledged = [0] * len(ACKNOWLEDGED.bounds)
        self._seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def note(self, source: str, answer: str, seconds: float) -> None:
        self._answers[source, answer] += 1
        self._acknowledged[bisect_left(ACKNOWLEDGED.bounds, seconds)] += 1
        self._seconds += seconds
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_EVERY_S, self.write)

    def write(self) -> None:
        """What was noted since the last time."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        for (source, answer), count in self._answers.items():
            ANSWERS.labels(source, answer).inc(count)
        ACKNOWLEDGED.observe_counted(self._acknowledged, self._seconds)
        self._answers.clear()
        self._acknowledged = [0] * len(ACKNOWLEDGED.bounds)
        self._seconds = 0.0
