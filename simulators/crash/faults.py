"""Does what the plan says, and undoes what does not end by itself."""

import asyncio
import os
import signal
from contextlib import suppress
from random import Random
from time import monotonic, time
from typing import Final

from simulators.crash.plan import Fault
from simulators.crash.processes import LEASE_S, Processes

PAUSE_MAX_S: Final = 15 * LEASE_S
"""A writer that was stopped goes on when another has its lease, or after this at the latest."""
PAUSED_ON_S: Final = 0.3
"""How long the other one works before the stopped one wakes up."""
WRONG_CLOCK_S: Final = 0.8
POLL_S: Final = 0.01


class Striker:
    """One fault against these processes; `struck_at` is when it happened (unix seconds), None until then."""

    def __init__(self, processes: Processes, fault: Fault, random: Random) -> None:
        self._processes = processes
        self._fault = fault
        self._random = random
        self.struck_at: float | None = None
        self.missed = False
        self._over = False

    async def strike(self) -> None:
        """At once, or when the point is reached; ends when nothing is left to be undone."""
        if self._fault.step_s:
            self._step(self._fault.step_s)
        if self._fault.victim == "clock":
            await asyncio.sleep(WRONG_CLOCK_S)
            self._step(0.0)
            self.struck_at = time()  # until now, refusing was right
        elif self._fault.victim == "pause":
            await self._pause()
        elif self._fault.point:
            await self._at_point(self._fault.point, signal.SIGKILL, await self._elsewhere())
        else:
            self._send(await self._victim(), signal.SIGKILL)

    def undo(self) -> None:
        """Clocks are right again, and whatever was not reached will not happen any more: `strike` ends."""
        self._over = True
        self._step(0.0)
        if self._fault.point and self.struck_at is None:
            self._processes.control.disarm(self._fault.point)
            self.missed = True

    def _step(self, seconds: float) -> None:
        for command, steps in (("web", self._fault.web_clock), ("work", self._fault.worker_clock)):
            if steps:
                self._processes.control.step_clock(command, seconds)

    async def _victim(self) -> int | None:
        """The process of the plan that is not the one at the point."""
        victim = self._fault.victim
        if victim == "web":
            webs = self._processes.webs()
            return self._random.choice(webs) if webs else None
        if victim == "mongod":
            return self._processes.mongod()
        return self._processes.supervisor if victim == "supervisor" else await self._processes.writer()

    async def _elsewhere(self) -> int | None:
        """Who is struck when the point is reached; None: the process that reached it."""
        return await self._victim() if self._fault.victim in ("mongod", "supervisor") else None

    def _send(self, pid: int | None, kind: signal.Signals) -> None:
        if pid is None:
            self.missed = True
            return
        with suppress(ProcessLookupError):
            os.kill(pid, kind)
        self.struck_at = time()

    async def _at_point(self, point: str, kind: signal.Signals, pid: int | None) -> int | None:
        """Wait until it is reached; who did, None when nobody did before the round was over."""
        control = self._processes.control
        control.arm(point, kind, pid=pid)
        while (reached := control.reached(point)) is None:
            if self._over:
                return None
            await asyncio.sleep(POLL_S)
        self.struck_at = reached.at
        return reached.pid

    async def _pause(self) -> None:
        """Stop the writer, there or anywhere, until a standby has taken over; then let it go on."""
        stopped: int | None
        if self._fault.point:
            stopped = await self._at_point(self._fault.point, signal.SIGSTOP, None)
        else:
            stopped = await self._processes.writer()
            self._send(stopped, signal.SIGSTOP)
        if stopped is None:
            return
        try:
            give_up_at = monotonic() + PAUSE_MAX_S
            while await self._processes.writer() in (stopped, None) and monotonic() < give_up_at:
                await asyncio.sleep(POLL_S * 5)
            await asyncio.sleep(PAUSED_ON_S)
        finally:
            with suppress(ProcessLookupError):
                os.kill(stopped, signal.SIGCONT)
