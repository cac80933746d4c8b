"""Keeps the processes of `gateway serve` running: the private mongod, the web processes and the worker.

The supervisor does no work of its own, so it has little to die of. Should it be killed all the same, its children see
the end of their standard input and leave (`on_orphaned`), and the next start ends the mongod that stayed.
"""

import asyncio
import errno
import os
import signal
import socket
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from gateway.errors import CannotStart
from gateway.mongo import PrivateMongod

log = structlog.get_logger(__name__)

PAUSE_FIRST_S: Final = 0.1
PAUSE_MAX_S: Final = 5.0
SETTLED_AFTER_S: Final = 10.0
"""A child that lived this long is ready: from then on it is restarted however often it ends."""
FAILED_STARTS_MAX: Final = 5
DRAIN_TIMEOUT_S: Final = 15.0
ORPHAN_GRACE_S: Final = 2.0
BIND_TIMEOUT_S: Final = 5.0
"""An orphan of a killed gateway keeps the port for `ORPHAN_GRACE_S` and a little."""
BACKLOG: Final = 2048

_SUPERVISED: Final = "GATEWAY_SUPERVISED"


@dataclass(frozen=True)
class Child:
    """One process: `environment` is added to ours, and MONGO_URL of a private mongod to that. On a stop, all children
    of the lowest `drain_order` are told to finish first, and the next only when those have ended."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    pass_fds: Sequence[int] = ()
    drain_order: int = 0


class Supervisor:
    """Starts mongod, then the children; `run` once."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        mongod: PrivateMongod | None = None,
        check_store: Callable[[str], Awaitable[None]] | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        """`check_store` is given mongod's address before a child is started, and may raise `CannotStart`."""
        self._children = children
        self._mongod = mongod
        self._check_store = check_store
        self._listener = listener
        self._mongo_environment: dict[str, str] = {}
        self._processes: dict[str, Process] = {}

    async def run(self) -> None:
        """Until SIGTERM, SIGINT or SIGHUP, and then until all have ended: web, worker, mongod, in this order.

        Closes `listener` first, so that nobody queues at a socket that no child will accept from. Raises `CannotStart`
        when mongod cannot start, or a child has ended by itself `FAILED_STARTS_MAX` times before it ever settled.
        """
        keeping = asyncio.create_task(self._keep_all())
        loop = asyncio.get_running_loop()
        signals = _stop_signals()
        for kind in signals:
            loop.add_signal_handler(kind, keeping.cancel)
        try:
            await asyncio.wait({keeping})
        finally:
            # Still handled while draining: a second Ctrl-C must not end us before those we are responsible for.
            keeping.cancel()
            await asyncio.wait({keeping})
            await self._drain()
            for kind in signals:
                loop.remove_signal_handler(kind)
        if not keeping.cancelled():
            keeping.result()

    async def _keep_all(self) -> None:
        keepers = []
        if self._mongod:
            self._mongo_environment["MONGO_URL"] = await self._mongod.start()
            if self._check_store:
                await self._check_store(self._mongo_environment["MONGO_URL"])
            keepers.append(asyncio.create_task(self._keep_mongod(self._mongod)))
        keepers += [asyncio.create_task(self._keep(child)) for child in self._children]
        try:
            await asyncio.gather(*keepers)
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)

    async def _keep(self, child: Child) -> None:
        quick_ends = failed_starts = 0
        settled = False
        while True:
            started_at = time.monotonic()
            exit_code = await self._run_once(child)
            if time.monotonic() - started_at >= SETTLED_AFTER_S:
                settled, quick_ends = True, 0
            # SIGKILL comes from outside (an operator, the kernel short of memory) and says nothing about our settings.
            failed_starts += exit_code != -signal.SIGKILL
            if failed_starts >= FAILED_STARTS_MAX and not settled:
                raise CannotStart(
                    f"The {child.name} process ended {failed_starts} times before it was ready "
                    f"(exit code {exit_code}); what it wrote above says why."
                )
            pause_s = _pause_s(quick_ends)
            quick_ends += 1
            log.warning("child_ended", child=child.name, exit_code=exit_code, restart_in_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _run_once(self, child: Child) -> int:
        try:
            process = await asyncio.create_subprocess_exec(
                *child.argv,
                stdin=PIPE,
                env={**os.environ, **child.environment, **self._mongo_environment, _SUPERVISED: "1"},
                pass_fds=child.pass_fds,
                process_group=0,  # Ctrl-C in the terminal is ours alone, and drains in order
            )
        except OSError as failed:
            log.error("child_not_started", child=child.name, error=str(failed))
            return os.EX_OSERR
        self._processes[child.name] = process
        log.info("child_started", child=child.name, pid=process.pid)
        return await process.wait()

    async def _keep_mongod(self, mongod: PrivateMongod) -> None:
        while True:
            exit_code = await mongod.ended()
            log.error("mongod_ended", exit_code=exit_code)
            uri = await _restarted(mongod)
            if uri != self._mongo_environment["MONGO_URL"]:
                self._mongo_environment["MONGO_URL"] = uri
                self._restart_children()

    def _restart_children(self) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                process.terminate()

    async def _drain(self) -> None:
        if self._listener:
            self._listener.close()
        try:
            for order in sorted({child.drain_order for child in self._children}):
                names = [child.name for child in self._children if child.drain_order == order]
                running = [self._processes[name] for name in names if name in self._processes]
                await asyncio.gather(*map(_finish, running))
        finally:
            if self._mongod:
                await self._mongod.stop()


async def _finish(process: Process) -> None:
    """SIGTERM, `DRAIN_TIMEOUT_S` of patience, SIGKILL."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), DRAIN_TIMEOUT_S)
    except TimeoutError:
        log.error("child_killed", pid=process.pid, after_s=DRAIN_TIMEOUT_S)
        process.kill()
        await process.wait()


async def _restarted(mongod: PrivateMongod) -> str:
    attempts = 0
    while True:
        try:
            return await mongod.restart()
        except CannotStart as failed:
            pause_s = _pause_s(attempts)
            attempts += 1
            log.error("mongod_not_restarted", error=str(failed), retry_in_s=pause_s)
            await asyncio.sleep(pause_s)


def _pause_s(times_before: int) -> float:
    return min(PAUSE_FIRST_S * (1 << min(times_before, 10)), PAUSE_MAX_S)


def _stop_signals() -> list[signal.Signals]:
    """SIGHUP too, since a closed terminal would else leave mongod behind; but not under `nohup`, which ignores it."""
    hangup = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else []
    return [signal.SIGTERM, signal.SIGINT, *hangup]


def on_orphaned(leave: Callable[[], None]) -> None:
    """For a child, in its event loop: calls `leave` when the supervisor is gone, and ends the process by force
    `ORPHAN_GRACE_S` later, so that it cannot keep the port. Without a supervisor it does nothing."""
    if _SUPERVISED not in os.environ:
        return
    loop = asyncio.get_running_loop()

    def standard_input_is_readable() -> None:
        with suppress(OSError):
            if os.read(0, 1024):
                return
        loop.remove_reader(0)
        loop.call_later(ORPHAN_GRACE_S, os._exit, os.EX_UNAVAILABLE)
        leave()

    loop.add_reader(0, standard_input_is_readable)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket for children to share by `pass_fds`; waits `BIND_TIMEOUT_S` for a port that is still in use.

    From now on callers are queued, not refused, also while a web process is being restarted. Raises `CannotStart`.
    """
    give_up_at = time.monotonic() + BIND_TIMEOUT_S
    while True:
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            return socket.create_server((str(address[0]), port), family=family, backlog=BACKLOG)
        except OSError as failed:
            if failed.errno != errno.EADDRINUSE:
                raise CannotStart(f"HOST, PORT: cannot listen on {host}:{port}: {failed.strerror}.") from None
            if time.monotonic() > give_up_at:
                raise CannotStart(
                    f"PORT: another program listens on {host}:{port}; stop it or choose another port."
                ) from None
        time.sleep(0.1)
