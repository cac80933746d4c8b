"""What the harness tells the gateway's processes, and hears from them: files in one folder, each change a rename.

A file named after a point says what shall happen at it; the first process that gets there takes it by renaming it, so it happens
once. Both sides are here, and nothing but the standard library, for the processes load it before their own code.
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = "CRASH_CONTROL"
"""The environment variable with the folder's path."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Which process got to a point, and when (unix seconds)."""

    pid: int
    at: float


class Control:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def arm(self, point: str, signal: int, *, pid: int | None = None) -> None:
        """`signal` goes to `pid`, or else to the process that gets there."""
        for old in self._folder.glob(f"{point}.reached.*"):
            old.unlink()
        self._write(point, json.dumps({"signal": signal, "pid": pid}))

    def disarm(self, point: str) -> None:
        (self._folder / point).unlink(missing_ok=True)

    def reached(self, point: str) -> Reached | None:
        """Who got there since it was armed."""
        for found in self._folder.glob(f"{point}.reached.*"):
            return Reached(int(found.name.rpartition(".")[2]), found.stat().st_ctime)
        return None

    def reach(self, point: str) -> None:
        """In the process that is at the point: do what was ordered, if anything was."""
        taken = self._folder / f"{point}.reached.{os.getpid()}"
        try:
            os.rename(self._folder / point, taken)
        except FileNotFoundError:
            return
        order = json.loads(taken.read_text())
        with suppress(ProcessLookupError):
            os.kill(order["pid"] or os.getpid(), order["signal"])

    def step_clock(self, command: str, seconds: float) -> None:
        """Let the clocks of all `gateway <command>` processes be wrong by this much."""
        self._write(f"clock.{command}", repr(seconds))

    def clock_step(self, command: str) -> float:
        try:
            return float((self._folder / f"clock.{command}").read_text())
        except FileNotFoundError:
            return 0.0

    def _write(self, name: str, text: str) -> None:
        draft = self._folder / f".{name}"
        draft.write_text(text)
        draft.rename(self._folder / name)
