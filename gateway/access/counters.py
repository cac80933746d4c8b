"""The counters behind the limits when no shared store is set: this process's memory, with a bound on how many.

The `limits` library's own memory store keeps every key until its window ends and walks all of them in a new thread
every 10 ms: an attacker with many addresses would buy memory and processor time with refused requests.
"""

from collections.abc import Callable
from time import time
from typing import Any, Final

from limits.storage import Storage

COUNTERS_MAX: Final = 50_000
"""Counters at once. Beyond it the oldest window goes: its caller starts counting again, everyone else is unaffected."""


class BoundedMemory(Storage):
    """Fixed windows in a dict, oldest first. Used from one event loop, so it needs no lock."""

    STORAGE_SCHEME = ["bounded-memory"]  # noqa: RUF012  (the library's own declaration is a plain list)

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._clock: Callable[[], float] = time
        self._counters: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return MemoryError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count once more; the window starts with the first."""
        now = self._clock()
        count, ends_at = self._counters.get(key, (0, 0.0))
        if ends_at <= now:
            self._counters.pop(key, None)
            count, ends_at = 0, now + expiry
        self._counters[key] = (count + amount, ends_at)
        if len(self._counters) > COUNTERS_MAX:
            del self._counters[next(iter(self._counters))]
        return count + amount

    def get(self, key: str) -> int:
        count, ends_at = self._counters.get(key, (0, 0.0))
        return count if ends_at > self._clock() else 0

    def get_expiry(self, key: str) -> float:
        now = self._clock()
        return max(now, self._counters.get(key, (0, now))[1])

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        counters = len(self._counters)
        self._counters.clear()
        return counters

    def clear(self, key: str) -> None:
        self._counters.pop(key, None)
