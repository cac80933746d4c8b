"""Counters that all web processes share: counted here at once, told to the shared store behind the requests.

A request never waits for the store. Asking Redis for each one was measured at 0.17 to 0.5 ms of the event loop on loopback,
more than all the rest of a webhook, and a Redis that hangs would hold up every connection; counting here costs 0.006 ms. A
thread tells the store every `TELL_EVERY_S` what was counted, and learns what the others counted. The price: a process lets
through what arrives within that time before it hears that the others have used the allowance up.

While the store is silent each process goes by its own counts, as it does with `memory://`.
"""

import math
import threading
from time import monotonic, sleep
from typing import Any, Final

import structlog
from limits.errors import StorageError
from limits.storage import Storage

from gateway.access.counters import BoundedMemory

TELL_EVERY_S: Final = 0.05
TOLD_AT_ONCE_MAX: Final = 50
"""Keys in one round, so that an attacker with many addresses makes us at most a thousand questions a second."""
UNTOLD_MAX: Final = 10_000
"""Keys that wait to be told; one more is counted in this process only."""
PAUSE_S: Final = 5.0
"""After a failure the store is left alone for this long; what is counted meanwhile is never told."""
SAYS_AGAIN_S: Final = 10.0
"""How often the log repeats that the store is down."""

log = structlog.get_logger(__name__)


class SharedCounters(BoundedMemory):
    """`store` is asked from one thread at a time, which ends when there is nothing to tell."""

    STORAGE_SCHEME = ["shared-memory"]  # noqa: RUF012  (the library's own declaration is a plain list)

    def __init__(
        self, uri: str | None = None, wrap_exceptions: bool = False, *, store: Storage, **options: Any
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._store = store
        self._lock = threading.Lock()
        self._untold: dict[str, tuple[int, int]] = {}  # key → (seconds of its window, how many)
        self._telling = False
        self._silent_until = -math.inf
        self._said_at = -math.inf

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        with self._lock:
            count = super().incr(key, expiry, amount)
            if monotonic() < self._silent_until:
                return count
            if key in self._untold and count > amount:
                self._untold[key] = (expiry, self._untold[key][1] + amount)
            elif key in self._untold or len(self._untold) < UNTOLD_MAX:
                self._untold[key] = (expiry, amount)
            start, self._telling = not self._telling, True
        if start:
            threading.Thread(target=self._tell, name="shared-counters", daemon=True).start()
        return count

    def _tell(self) -> None:
        """The thread: rounds until nothing waits, or the store fails."""
        try:
            while batch := self._next_batch():
                for key, (expiry, amount) in batch.items():
                    total = self._store.incr(key, expiry, amount)
                    ends_at = self._store.get_expiry(key) if total > amount else None
                    self._learn(key, total, ends_at)
        except StorageError as failed:
            self._leave_alone(failed)

    def _next_batch(self) -> dict[str, tuple[int, int]]:
        """What waits, the longest waiting first; with nothing the thread is over."""
        sleep(TELL_EVERY_S)
        with self._lock:
            keys = list(self._untold)[:TOLD_AT_ONCE_MAX]
            self._telling = bool(keys)
            return {key: self._untold.pop(key) for key in keys}

    def _learn(self, key: str, total: int, ends_at: float | None) -> None:
        """The store's count and the end of its window are the truth; what was counted since comes on top."""
        with self._lock:
            _, here_ends_at = self._counters.get(key, (0, 0.0))
            if here_ends_at > self._clock():
                untold = self._untold.get(key, (0, 0))[1]
                self._counters[key] = (total + untold, here_ends_at if ends_at is None else ends_at)

    def _leave_alone(self, failed: StorageError) -> None:
        now = monotonic()
        with self._lock:
            self._untold.clear()
            self._silent_until = now + PAUSE_S
            self._telling = False
        if now - self._said_at >= SAYS_AGAIN_S:
            self._said_at = now
            log.warning(
                "limits.store_down",
                error=type(failed.storage_error).__name__,
                effect="each process counts for itself until it answers",
            )
