"""What else a gateway has to do while it is measured: reports, one after the other."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from gateway.priority import lower
from reports.schedule import NICENESS
from simulators.load.server import Server, ServerFailed

REPORT_TIMEOUT_S: Final = 120.0


@contextmanager
def reports_beside(gateway: Server) -> Iterator[Callable[[], int]]:
    """`gateway report` over and over while the block runs, on the data of a gateway that we started; gives a function that
    counts those that were made. Raises `ServerFailed` when one failed."""
    stop, made = threading.Event(), []

    def run(directory: str) -> None:
        while not stop.is_set():
            made.append(_report(gateway, directory))

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


def _report(gateway: Server, directory: str) -> bool:
    """As the worker makes the scheduled ones: in the gateway's session, lowered from its first moment on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "report", "--period", "day", "--out", str(Path(directory, "out"))],
        env=dict(gateway.environment),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        lower(process.pid, NICENESS)
        return process.wait(REPORT_TIMEOUT_S) == 0
    finally:
        process.kill()
        process.wait()
