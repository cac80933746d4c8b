"""When the next request is due: at once, as long as there is time, or on a schedule that nobody can delay."""

from dataclasses import dataclass
from typing import Protocol


class Pacing(Protocol):
    """Gives due times; `start` is the moment of the first, all on the monotonic clock."""

    def due(self, now: float) -> float | None:
        """The due time of one more request, which the caller now owes; None when none is due (any more)."""

    def over(self, now: float) -> bool:
        """No request will ever be due again."""


@dataclass
class AsFastAsAnswered:
    """A closed loop: a connection that is free sends at once. It finds the peak rate, and the latencies at the peak."""

    until: float

    def due(self, now: float) -> float | None:
        return None if self.over(now) else now

    def over(self, now: float) -> bool:
        return now >= self.until


@dataclass
class Steady:
    """An open loop: request n is due at `start + n / rate`, whether or not earlier ones were answered.

    A server that stalls is charged for every request that should have left meanwhile (no coordinated omission).
    """

    start: float
    rate: float
    total: int
    given: int = 0

    def due(self, now: float) -> float | None:
        scheduled = self.start + self.given / self.rate
        if self.given >= self.total or scheduled > now:
            return None
        self.given += 1
        return scheduled

    def over(self, now: float) -> bool:
        return self.given >= self.total
