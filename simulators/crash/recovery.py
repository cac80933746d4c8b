"""How long the gateway was away: from a fault until it promised again and nothing it had promised was left to do."""

import asyncio
from collections.abc import Callable
from time import monotonic, time
from typing import Final

from pymongo.errors import PyMongoError

from simulators.crash.processes import Processes

DRAIN_MAX_S: Final = 60.0
POLL_S: Final = 0.04


class NotRecovered(Exception):
    """The backlog did not drain in time."""


class Recovery:
    """Watches one round. `answered` and `unanswered` are told of each try to deliver, `struck_at` says when the fault was."""

    def __init__(self, processes: Processes, struck_at: Callable[[], float | None]) -> None:
        self._processes = processes
        self._struck_at = struck_at
        self._promised_at: float | None = None
        self.seconds: float | None = None
        """From the fault to the first empty queue after the first promise after the last try in vain."""
        self.over = False

    def acknowledged(self, sent_at: float) -> None:
        """A promise that was asked for at this time."""
        struck_at = self._struck_at()
        if struck_at is not None and sent_at >= struck_at and self._promised_at is None:
            self._promised_at = sent_at

    def unanswered(self) -> None:
        """It was not over: a killed supervisor's children, for one, still answer for a moment before they leave."""
        self._promised_at = self.seconds = None

    async def watch(self) -> None:
        """Until it is `over`. Not until it is cancelled: a cancellation can get lost inside the driver."""
        while not self.over:
            await asyncio.sleep(POLL_S)
            struck_at = self._struck_at()
            if struck_at is None or self._promised_at is None or self.seconds is not None:
                continue
            if await waiting(self._processes) == 0 and self._promised_at is not None:
                self.seconds = time() - struck_at


async def waiting(processes: Processes) -> int | None:
    """Stored events without an outcome; None while MongoDB does not answer."""
    database = processes.database()
    if database is None:
        return None
    try:
        return await database["events"].count_documents({"outcome": {"$exists": False}})
    except PyMongoError:
        return None


async def drained(processes: Processes) -> None:
    """Wait until nothing waits. Raises `NotRecovered`."""
    give_up_at = monotonic() + DRAIN_MAX_S
    while (left := await waiting(processes)) != 0:
        if monotonic() > give_up_at:
            amount = "an unknown number of" if left is None else left
            raise NotRecovered(f"{amount} events still wait {DRAIN_MAX_S:.0f} s after everything was healed")
        await asyncio.sleep(POLL_S)
