"""Holding the gateway's worker still, so that one stage can be measured without the other; and ending all of it at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simulators.load.server import Server, ServerFailed


@contextmanager
def paused_worker(gateway: Server) -> Iterator[None]:
    """The worker of a gateway that we started stands still (SIGSTOP) while the block runs. Raises `ServerFailed`."""
    pid = _worker_of(gateway)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def kill(gateway: Server) -> None:
    """SIGKILL for all of a gateway that we started: the supervisor, then its children, MongoDB among them."""
    assert gateway.pid is not None, "somebody else started it"
    for pid in (gateway.pid, *(int(entry.name) for entry in _children_of(gateway))):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _worker_of(gateway: Server) -> int:
    """The child of `gateway serve` that runs `gateway work`."""
    for entry in _children_of(gateway):
        with suppress(OSError):
            if b"work" in (entry / "cmdline").read_bytes().split(b"\0"):
                return int(entry.name)
    raise ServerFailed(
        "the gateway's worker process was not found, so it cannot be paused (needs Linux and our own gateway)"
    )


def _children_of(gateway: Server) -> list[Path]:
    """In Linux's /proc."""
    children = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == str(gateway.pid):
                children.append(entry)
    return children
