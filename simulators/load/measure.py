"""The story of one measurement: warm up, load in slices, wait until all is applied, and, if asked, the ceiling between.

The durable gateway and its ceiling take turns (A B A B …) so that whatever else the machine does hits both alike, and
medians are compared. Each slice starts from an empty backlog.
"""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from statistics import median
from typing import Final

from simulators.load.backlog import drained, waiting
from simulators.load.presign import Traffic
from simulators.load.sender import Plan, Slice, send
from simulators.load.server import Server

WARM_UP_S: Final = 1.0
ROUNDS_MIN: Final = 3
SLICE_MAX_S: Final = 5.0

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What to send and for how long; `rate` None is as fast as it is answered."""

    seconds: float
    connections: int
    rate: float | None = None
    wallets: int = 1_000
    source: str = "payments"
    web: int = 1


@dataclass
class Measurement:
    """What was seen. `applied_s` is the time from each slice's first request until its last insight, summed; None when
    nobody could be asked. `unmeasured` counts the answers of warm-ups, which have to be right too."""

    durable: list[Slice] = field(default_factory=list)
    ceiling: list[Slice] = field(default_factory=list)
    applied_s: float | None = None
    drain_s: float | None = None
    unmeasured: Counter[str] = field(default_factory=Counter)
    unmeasured_sent: int = 0

    @property
    def sent(self) -> int:
        return sum(slice_.sent for slice_ in self.durable)

    @property
    def accepted(self) -> int:
        return sum(slice_.accepted for slice_ in self.durable)

    @property
    def accepted_per_s(self) -> float:
        return median(slice_.accepted_per_s for slice_ in self.durable)

    @property
    def ceiling_per_s(self) -> float | None:
        return median(slice_.accepted_per_s for slice_ in self.ceiling) if self.ceiling else None

    @property
    def errors(self) -> Counter[str]:
        """Every answer that is not 202, warm-ups and the ceiling included."""
        answers = sum((slice_.answers for slice_ in [*self.durable, *self.ceiling]), Counter(self.unmeasured))
        return Counter({answer: count for answer, count in answers.items() if answer != "202"})

    @property
    def nothing_lost(self) -> bool:
        """Each distinct event that was sent was accepted, and each that should have been sent was."""
        never_sent = any(slice_.never_sent for slice_ in self.durable)
        return self.accepted == self.sent and not self.errors and not never_sent


class Load:
    """Sends to the gateway, and to its ceiling if there is one."""

    def __init__(self, options: Options, announce: Announce) -> None:
        self._options = options
        self._announce = announce
        self.seen = Measurement()

    def run(self, gateway: Server, ceiling: Server | None) -> Measurement:
        """Raises `SenderFailed` and `BacklogStuck`."""
        self._warm_up(gateway, ceiling)
        rounds = 1 if ceiling is None else max(ROUNDS_MIN, ceil(self._options.seconds / SLICE_MAX_S))
        for number in range(1, rounds + 1):
            self._announce(f"gateway: slice {number} of {rounds}")
            self._durable_slice(gateway, self._options.seconds / rounds)
            if ceiling is not None:
                self._announce(f"ceiling: slice {number} of {rounds}")
                self.seen.ceiling.append(send(self._plan(ceiling, self._options.seconds / rounds)))
        return self.seen

    def _warm_up(self, gateway: Server, ceiling: Server | None) -> None:
        for server in filter(None, [gateway, ceiling]):
            self._announce("warming up")
            warm = send(self._plan(server, WARM_UP_S))
            self.seen.unmeasured += warm.answers
            self.seen.unmeasured_sent += warm.sent
        if gateway.api_key is not None:
            drained(lambda: waiting(gateway))

    def _durable_slice(self, gateway: Server, seconds: float) -> None:
        done = send(self._plan(gateway, seconds))
        self.seen.durable.append(done)
        if gateway.api_key is None:
            return
        self._announce("waiting for the last insight")
        applied_at = drained(lambda: waiting(gateway))
        self.seen.applied_s = (self.seen.applied_s or 0.0) + applied_at - done.started
        self.seen.drain_s = (self.seen.drain_s or 0.0) + max(0.0, applied_at - done.started - done.seconds)

    def _plan(self, server: Server, seconds: float) -> Plan:
        options = self._options
        traffic = Traffic(
            source=options.source,
            secret=server.secrets[options.source],
            authority=server.authority,
            wallets=options.wallets,
            run=f"load-{secrets.token_hex(6)}",
        )
        return Plan(server.host, server.port, traffic, seconds, options.connections, options.rate)
