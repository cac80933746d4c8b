"""The story of a measurement, stage by stage.

whole     everything runs: load until the time is over, then wait until the last insight is stored
ceiling   ingress alone, the worker held still: the durable gateway and its ceiling take turns (A B A B …), so that
          whatever else the machine does hits both alike; the medians are compared
backlog   the apply stage alone, without the analysis: a backlog is built with the worker held still, then timed
hot       backlogs of one hot pair of wallets and of many, in turns
flat      backlogs of a gateway that has stored much and of one that has stored little, in turns
crowded   half the peak rate while the worker drains a backlog and a report is made
restarted  a gateway that has stored much is stopped and started, and killed and started
"""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from statistics import median
from time import monotonic
from typing import Final, Literal

from simulators.load.backlog import drained, waiting
from simulators.load.beside import reports_beside
from simulators.load.neighbours import stolen_since_now
from simulators.load.pause import kill, paused_worker
from simulators.load.presign import Traffic
from simulators.load.sender import Plan, Slice, send
from simulators.load.server import Place, Server

WARM_UP_S: Final = 1.0
ROUNDS_MIN: Final = 3
REPORT_ROUNDS: Final = 5
"""A peak is a noisy thing, and a tenth of it is what is looked for."""
SLICE_MAX_S: Final = 5.0
FILL_S: Final = 20.0
HOT_WALLETS: Final = 2
FIRST_S: Final = 0.2
FIRST_PER_S: Final = 10.0
"""The first events after a start: a few, so that it is not they that are waited for."""

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
    analyse: bool = True
    typed: bool = False
    """Reports as a person types them, where some are made."""


@dataclass(frozen=True)
class Comparison:
    """Slices of ingress alone and of its ceiling, in turns."""

    durable: list[Slice]
    ceiling: list[Slice]

    @property
    def durable_per_s(self) -> float:
        return median(slice_.accepted_per_s for slice_ in self.durable)

    @property
    def ceiling_per_s(self) -> float:
        return median(slice_.accepted_per_s for slice_ in self.ceiling)


@dataclass(frozen=True)
class Turns:
    """Rates (events per second) of the apply stage in two situations, in turns; the medians are compared."""

    names: tuple[str, str]
    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return median(self.first) / median(self.second)


@dataclass(frozen=True)
class Crowd:
    """What went on beside the slice that is reported: events that still waited at its end, reports made meanwhile."""

    peak_per_s: float
    waiting_after: int | None
    reports: int


@dataclass(frozen=True)
class Restart:
    """Seconds from the start of a gateway with much stored until it takes webhooks, and until a new one has its insight."""

    ready_s: float
    insight_s: float


@dataclass
class Measurement:
    """What was seen. `main` is the slice that is reported; `applied_s` is how long its events took to be applied: from
    its first request, or, for a backlog, from the worker's release. None when nobody could be asked."""

    main: Slice
    every: list[Slice] = field(default_factory=list)
    stage: Literal["whole", "apply"] = "whole"
    applied_s: float | None = None
    drain_s: float | None = None
    comparison: Comparison | None = None
    turns: Turns | None = None
    crowd: Crowd | None = None
    restarts: dict[str, Restart] = field(default_factory=dict)
    """After a stop, and after everything was killed."""
    stolen: float | None = None
    """The share of the processors that other machines took away while that was measured."""

    @property
    def applied_per_s(self) -> float | None:
        return self.main.accepted / self.applied_s if self.applied_s else None

    @property
    def errors(self) -> Counter[str]:
        """Every answer of the run that is not 202: a warm-up or a ceiling slice has to be right too."""
        answers = sum((slice_.answers for slice_ in self.every), Counter[str]())
        return Counter({answer: count for answer, count in answers.items() if answer != "202"})

    @property
    def nothing_lost(self) -> bool:
        """Each distinct event that was sent was accepted, and each that should have been sent was."""
        return all(slice_.accepted == slice_.sent and not slice_.never_sent for slice_ in self.every)


class Load:
    """Sends to a gateway what the options say; every slice is remembered. Its methods raise `SenderFailed`,
    `ServerFailed` and `BacklogStuck`."""

    def __init__(self, options: Options, announce: Announce) -> None:
        self._options = options
        self._announce = announce
        self._every: list[Slice] = []

    def whole(self, gateway: Server) -> Measurement:
        """Load with everything running, until the last insight is stored."""
        self._warm_up(gateway)
        self._announce(f"sending for {self._options.seconds:g} s")
        stolen = stolen_since_now()
        done = self._send(gateway, self._options.seconds)
        seen = Measurement(done, self._every)
        if gateway.api_key is not None:
            seen.applied_s = self._drained(gateway) - done.started
            seen.drain_s = max(0.0, seen.applied_s - done.seconds)
        seen.stolen = stolen()
        return seen

    def backlog(self, gateway: Server) -> Measurement:
        """Load with the worker held still, then time it."""
        self._warm_up(gateway)
        return self._backlog(gateway, self._options.wallets)

    def hot(self, gateway: Server) -> Measurement:
        """Two wallets that every event concerns, against the options' number of them."""
        turns = Turns(("hot", "many"))
        self._warm_up(gateway)
        stolen = stolen_since_now()
        for _ in range(ROUNDS_MIN):
            seen = self._backlog(gateway, HOT_WALLETS)
            turns.first.append(seen.applied_per_s or 0.0)
            turns.second.append(self._backlog(gateway, self._options.wallets).applied_per_s or 0.0)
        seen.turns, seen.stolen = turns, stolen()
        return seen

    def flat(self, full: Server, fresh: Server, *, stored: int) -> Measurement:
        """Store and apply events until `full` has taken `stored` of them, then compare it with `fresh`."""
        turns = Turns(("full", "fresh"))
        self._warm_up(full)
        self._warm_up(fresh)
        self._fill(full, stored)
        stolen = stolen_since_now()
        for _ in range(ROUNDS_MIN):
            seen = self._backlog(full, self._options.wallets)
            turns.first.append(seen.applied_per_s or 0.0)
            turns.second.append(self._backlog(fresh, self._options.wallets).applied_per_s or 0.0)
        seen.turns, seen.stolen = turns, stolen()
        return seen

    def restarted(self, place: Place, *, stored: int) -> Measurement:
        """Store and apply events, then stop the gateway and start it again, and kill it and start it again."""
        with place.serve() as gateway:
            self._warm_up(gateway)
            self._fill(gateway, stored)
        restarts = {}
        stolen = stolen_since_now()
        for how in ("stop", "kill"):
            self._announce(f"starting after a {how}")
            began = monotonic()
            with place.serve() as gateway:
                ready_s = monotonic() - began
                done = self._send(gateway, FIRST_S, rate=FIRST_PER_S)
                restarts[how] = Restart(ready_s, self._drained(gateway) - began)
                if how == "stop":  # the next one finds what a killed one leaves
                    self._send(gateway, self._options.seconds)
                    self._drained(gateway)
                    kill(gateway)
        return Measurement(done, self._every, restarts=restarts, stolen=stolen())

    def _fill(self, gateway: Server, stored: int) -> None:
        while (taken := sum(slice_.accepted for slice_ in self._every)) < stored:
            self._announce(f"{taken:,} of {stored:,} events stored")
            self._send(gateway, FILL_S)
            self._drained(gateway)

    def crowded(self, gateway: Server) -> Measurement:
        """The peak, then half of it, beside a backlog that is being applied and reports that are being made."""
        self._warm_up(gateway)
        self._announce("finding the peak")
        peak = self._send(gateway, self._options.seconds).accepted_per_s
        with paused_worker(gateway):
            self._announce("building a backlog")
            self._send(gateway, self._options.seconds)
        with reports_beside(gateway, typed=self._options.typed) as made:
            self._announce(f"half the peak, {peak / 2:,.0f} a second")
            stolen = stolen_since_now()
            done = self._send(gateway, self._options.seconds, rate=peak / 2)
            left = waiting(gateway)
            seen = Measurement(done, self._every, stolen=stolen())
        seen.crowd = Crowd(peak, left, made())
        self._drained(gateway)
        return seen

    def reported(self, gateway: Server) -> Measurement:
        """The peak beside reports that are made one after the other, and alone, in turns."""
        turns = Turns(("beside_reports", "alone"))
        self._warm_up(gateway)
        stolen = stolen_since_now()
        reports = 0
        for number in range(1, REPORT_ROUNDS + 1):
            with reports_beside(gateway, typed=self._options.typed) as made:
                self._announce(f"beside reports, {number} of {REPORT_ROUNDS}")
                turns.first.append(self._send(gateway, self._options.seconds).accepted_per_s)
                reports += made()
            self._drained(gateway)
            self._announce(f"alone, {number} of {REPORT_ROUNDS}")
            done = self._send(gateway, self._options.seconds)
            turns.second.append(done.accepted_per_s)
            self._drained(gateway)
        crowd = Crowd(max(turns.second), None, reports)
        return Measurement(done, self._every, turns=turns, crowd=crowd, stolen=stolen())

    def _backlog(self, gateway: Server, wallets: int) -> Measurement:
        with paused_worker(gateway):
            self._announce(f"building a backlog for {self._options.seconds:g} s")
            done = self._send(gateway, self._options.seconds, wallets=wallets)
            released, stolen = monotonic(), stolen_since_now()
        seen = Measurement(done, self._every, stage="apply")
        seen.applied_s = seen.drain_s = self._drained(gateway) - released
        seen.stolen = stolen()
        return seen

    def compare(self, gateway: Server, ceiling: Server) -> Comparison:
        """Ingress alone against its ceiling, the options' seconds each, in turns."""
        rounds = max(ROUNDS_MIN, ceil(self._options.seconds / SLICE_MAX_S))
        seconds = self._options.seconds / rounds
        comparison = Comparison([], [])
        self._warm_up(ceiling)
        with paused_worker(gateway):
            for number in range(1, rounds + 1):
                self._announce(f"durable against ceiling, {number} of {rounds}")
                comparison.durable.append(self._send(gateway, seconds))
                comparison.ceiling.append(self._send(ceiling, seconds))
        return comparison

    def _warm_up(self, server: Server) -> None:
        self._announce("warming up")
        self._send(server, WARM_UP_S)
        if server.api_key is not None:
            self._drained(server)

    def _drained(self, gateway: Server) -> float:
        self._announce("waiting for the last insight")
        return drained(lambda: waiting(gateway))

    def _send(self, server: Server, seconds: float, *, wallets: int | None = None, rate: float | None = None) -> Slice:
        """A slice of load, where nothing else is said as the options have it."""
        options = self._options
        traffic = Traffic(
            source=options.source,
            secret=server.secrets[options.source],
            authority=server.authority,
            wallets=wallets or options.wallets,
            run=f"load-{secrets.token_hex(6)}",
        )
        done = send(Plan(server.host, server.port, traffic, seconds, options.connections, rate or options.rate))
        self._every.append(done)
        return done
