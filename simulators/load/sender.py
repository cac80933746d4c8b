"""The process that sends: signs its stock, keeps its connections busy, hands back a record.

It is a process of its own so that its work is never charged to the one that starts and asks the gateway, and each slice
of load gets a fresh one.
"""

import asyncio
import multiprocessing
from array import array
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from multiprocessing.connection import Connection as Pipe
from time import monotonic
from typing import Final

import uvloop

from simulators.load.connection import Connection, connect
from simulators.load.latency import Latencies
from simulators.load.pacing import AsFastAsAnswered, Pacing, Steady
from simulators.load.presign import Stock, Traffic

STOCK_MAX: Final = 150_000
"""Requests signed before the start, some 70 MB; a longer run signs the rest in between, `TOP_UP` at a time (0.5 ms)."""

STOCK_LOW: Final = 20_000
TOP_UP: Final = 100
PEAK_RATE: Final = 40_000
"""A bare ASGI app answers this often beside a sender on two cores; it sizes the stock of a run without a rate."""

TICK_S: Final = 0.001
REPLY_TIMEOUT_S: Final = 30.0
RECONNECT_PAUSE_S: Final = 0.05
RECONNECTS_PER_CONNECTION: Final = 20
SIGNING_TIMEOUT_S: Final = 120.0


class SenderFailed(Exception):
    """The sending process could not connect, or ended without a record."""


@dataclass(frozen=True)
class Plan:
    """One slice of load. `rate` is events per second, None for as fast as they are answered."""

    host: str
    port: int
    traffic: Traffic
    seconds: float
    connections: int
    rate: float | None = None

    @property
    def requests_expected(self) -> int:
        return ceil((self.rate or PEAK_RATE) * self.seconds)


@dataclass
class Slice:
    """What a slice did, from `started` on the monotonic clock.

    `answers` counts status codes, and under `connection_lost` or `no_reply` the requests that got none; `latencies` are
    those of the acknowledged, in seconds.
    """

    started: float
    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=lambda: array("d"))
    seconds: float = 0.0
    never_sent: int = 0

    @property
    def accepted(self) -> int:
        return self.answers["202"]

    @property
    def accepted_per_s(self) -> float:
        return self.accepted / self.seconds if self.seconds else 0.0


def send(plan: Plan) -> Slice:
    """Run the plan in a process of its own and wait for its record. Raises `SenderFailed`."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(plan, theirs), daemon=True, name="load-sender")
    process.start()
    theirs.close()
    try:
        if not ours.poll(SIGNING_TIMEOUT_S + plan.seconds + REPLY_TIMEOUT_S):
            raise SenderFailed("the sending process did not finish in time")
        record = ours.recv()
    except EOFError:
        raise SenderFailed("the sending process ended without a record") from None
    finally:
        ours.close()
        process.terminate()
        process.join(REPLY_TIMEOUT_S)
    if isinstance(record, Slice):
        return record
    raise SenderFailed(f"cannot connect to {plan.host}:{plan.port}: {record}")


class Sender:
    """Keeps up to `plan.connections` connections busy until the pacing is over and every reply is in."""

    def __init__(self, plan: Plan, stock: Stock) -> None:
        self._plan = plan
        self._stock = stock
        self._pacing: Pacing = AsFastAsAnswered(until=0.0)
        self._slice = Slice(started=0.0)
        self._open: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._in_flight = 0
        self._last_answer = 0.0
        self._reconnects_left = RECONNECTS_PER_CONNECTION * plan.connections
        self._reconnecting: set[asyncio.Task[None]] = set()
        self._closing = False

    async def run(self) -> Slice:
        """Connect, send, wait up to `REPLY_TIMEOUT_S` for what is in flight. Raises `OSError` when nobody listens."""
        await asyncio.gather(*(connect(self, self._plan.host, self._plan.port) for _ in range(self._plan.connections)))
        start = monotonic()
        self._slice.started = start
        self._pacing = self._paced_from(start)
        await self._send_until(start + self._plan.seconds + REPLY_TIMEOUT_S)
        self._close()
        await asyncio.sleep(0)  # the transports close one turn of the loop after they were told to
        self._slice.seconds = max(self._last_answer, start + self._plan.seconds) - start
        return self._slice

    def idle(self, connection: Connection) -> None:
        self._open.add(connection)
        due_at = self._pacing.due(monotonic())
        if due_at is None:
            self._idle.append(connection)
        else:
            self._send(connection, due_at)

    def answered(self, connection: Connection, status: int) -> None:
        self._last_answer = now = monotonic()
        self._in_flight -= 1
        self._slice.answers[str(status)] += 1
        if status == 202:
            self._slice.latencies.append(now - connection.due_at)

    def lost(self, connection: Connection) -> None:
        if self._closing:
            return
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.in_flight:
            self._in_flight -= 1
            self._slice.answers["connection_lost"] += 1
        task = asyncio.get_running_loop().create_task(self._reconnect())
        self._reconnecting.add(task)
        task.add_done_callback(self._reconnecting.discard)

    def _paced_from(self, start: float) -> Pacing:
        if self._plan.rate is None:
            return AsFastAsAnswered(until=start + self._plan.seconds)
        return Steady(start, self._plan.rate, total=self._plan.requests_expected)

    async def _send_until(self, deadline: float) -> None:
        """Each tick, give due requests to free connections and keep up the stock; replies trigger everything else."""
        tops_up = self._plan.requests_expected > STOCK_MAX
        while (now := monotonic()) < deadline and not (self._pacing.over(now) and self._in_flight == 0):
            while self._idle and (due_at := self._pacing.due(now)) is not None:
                self._send(self._idle.popleft(), due_at)
            if tops_up and self._stock.waiting < STOCK_LOW:
                self._stock.sign(TOP_UP)
            await asyncio.sleep(TICK_S)

    def _send(self, connection: Connection, due_at: float) -> None:
        self._slice.sent += 1
        self._in_flight += 1
        connection.send(self._stock.take(), due_at)

    async def _reconnect(self) -> None:
        while self._reconnects_left > 0:
            self._reconnects_left -= 1
            await asyncio.sleep(RECONNECT_PAUSE_S)
            with suppress(OSError):
                await connect(self, self._plan.host, self._plan.port)
                return

    def _close(self) -> None:
        self._closing = True
        if self._in_flight:
            self._slice.answers["no_reply"] = self._in_flight
        if isinstance(self._pacing, Steady):
            self._slice.never_sent = self._pacing.total - self._pacing.given
        for task in self._reconnecting:
            task.cancel()
        for connection in self._open:
            connection.close()


def _work(plan: Plan, pipe: "Pipe[Slice | str]") -> None:
    """The child: a record of the run, or the text of why it could not connect."""
    stock = Stock(plan.traffic)
    stock.sign(min(STOCK_MAX, plan.requests_expected))
    try:
        pipe.send(uvloop.run(Sender(plan, stock).run()))
    except OSError as refused:
        pipe.send(str(refused))
