"""How often Gemini may be asked, and when it is left alone: two small counters that take the clock as an argument."""

from collections import deque
from typing import Final

from gateway.clock import Clock

MINUTE_S: Final = 60.0


class Budget:
    """At most `per_minute` requests in any 60 seconds. Retries are requests too."""

    def __init__(self, per_minute: int, *, clock: Clock) -> None:
        self._asked_at: deque[float] = deque(maxlen=max(1, per_minute))
        self._per_minute = per_minute
        self._clock = clock

    def take(self) -> bool:
        """True and counted when a request may be sent now."""
        if self.wait_s() > 0:
            return False
        self._asked_at.append(self._clock())
        return True

    def wait_s(self) -> float:
        """Seconds until a request may be sent; a budget of zero never has one."""
        if self._per_minute == 0:
            return MINUTE_S
        if len(self._asked_at) < self._per_minute:
            return 0.0
        return max(0.0, min(MINUTE_S, self._asked_at[0] + MINUTE_S - self._clock()))


class Breaker:
    """Opens after `FAILURES_MAX` failures in a row; then one request tries, and a failure opens it for twice as long."""

    FAILURES_MAX: Final = 5
    OPEN_S: Final = 60.0
    OPEN_S_MAX: Final = 900.0

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self.failures = 0
        self._open_until = 0.0

    def wait_s(self) -> float:
        """Seconds until a request may try again; 0 while closed."""
        return max(0.0, self._open_until - self._clock())

    def succeeded(self) -> None:
        self.failures = 0
        self._open_until = 0.0

    def failed(self, *, at_least_s: float = 0.0) -> None:
        """Counts a failure. `at_least_s` opens it at once: the service asked for a pause, or refused the key."""
        self.failures += 1
        beyond = self.failures - self.FAILURES_MAX
        doubled_s = self.OPEN_S * 2.0 ** min(beyond, 10) if beyond >= 0 else 0.0
        pause_s = min(self.OPEN_S_MAX, max(doubled_s, at_least_s))
        if pause_s:
            self._open_until = self._clock() + pause_s
