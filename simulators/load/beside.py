"""What else a gateway has to do while it is measured: reports, one after the other."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from gateway.priority import lower
from reports.schedule import NICENESS
from simulators.load.server import Server, ServerFailed

REPORT_TIMEOUT_S: Final = 120.0
IN_A_SHELL: Final = ("sh", "-c", '"$@"; exit $?', "sh")
"""One that stays there as the leader of the session."""


@contextmanager
def reports_beside(gateway: Server, *, typed: bool) -> Iterator[Callable[[], int]]:
    """`gateway report` over and over while the block runs, on the data of a gateway that we started: as a person types it, else
    as the worker makes the scheduled ones. Gives a function that counts those made. Raises `ServerFailed` when one failed."""
    stop, made = threading.Event(), []

    def run(directory: str) -> None:
        while not stop.is_set():
            made.append(_report(gateway, directory, typed=typed))

    with TemporaryDirectory(prefix="gateway-load-") as directory:
        thread = threading.Thread(target=run, args=(directory,))
        thread.start()
        try:
            yield lambda: len(made)
        finally:
            stop.set()
            thread.join()
    if not all(made):
        raise ServerFailed("a report that was made beside the load failed")


def _report(gateway: Server, directory: str, *, typed: bool) -> bool:
    """The worker's are in the gateway's session and lowered from their first moment on; a person's are in that of a shell."""
    argv = [sys.executable, "-m", "gateway", "report", "--period", "day", "--out", str(Path(directory, "out"))]
    process = subprocess.Popen(
        [*IN_A_SHELL, *argv] if typed else argv,
        env=dict(gateway.environment),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=typed,
        process_group=None if typed else 0,
    )
    try:
        if not typed:
            lower(process.pid, NICENESS)
        return process.wait(REPORT_TIMEOUT_S) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
