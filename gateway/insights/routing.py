"""How the providers did: attempts, successes and the time until a payment was in the books → which one to prefer.

Pure. A provider is judged by the lower end of its success rate's 95 % interval (Wilson 1927), so that three successes of three
do not beat 950 of 1,000; with fewer than `ATTEMPTS_MIN` attempts it is not judged at all.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

ATTEMPTS_MIN: Final = 20
_Z: Final = 1.96


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """Payments of one source that ended in a period. `latency_ms` is the median of the time from the moment the provider
    gives to the moment the payment was booked here; None where none was captured."""

    source: str
    attempts: int
    succeeded: int
    latency_ms: int | None

    @property
    def success_rate(self) -> float:
        return self.succeeded / self.attempts

    @property
    def judged(self) -> bool:
        return self.attempts >= ATTEMPTS_MIN


def lower_rate(succeeded: int, attempts: int) -> float:
    """The lower end of the Wilson interval of `succeeded / attempts`."""
    rate, square = succeeded / attempts, _Z * _Z
    middle = rate + square / (2 * attempts)
    spread = _Z * math.sqrt(rate * (1 - rate) / attempts + square / (4 * attempts * attempts))
    return max(0.0, (middle - spread) / (1 + square / attempts))


def ranked(records: Iterable[ProviderRecord]) -> list[ProviderRecord]:
    """Those that may be judged, the best first; of equals the faster one."""
    return sorted((record for record in records if record.judged), key=_standing)


def _standing(record: ProviderRecord) -> tuple[float, float, str]:
    latency = math.inf if record.latency_ms is None else record.latency_ms
    return -lower_rate(record.succeeded, record.attempts), latency, record.source


def median_ms(delays_s: Sequence[float]) -> int | None:
    """The middle of the delays, as milliseconds. A clock that runs behind the provider's gives a delay below nothing: none."""
    if not delays_s:
        return None
    ordered = sorted(max(0.0, delay) for delay in delays_s)
    return round(1000 * (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)
