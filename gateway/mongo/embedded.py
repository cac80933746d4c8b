"""A private `mongod` for one data directory: a replica set of one node, so transactions and change streams work.

It listens on loopback only, asks for a password, outlives Ctrl-C in the terminal (own process group) and inherits nothing of
the gateway's: no socket, no lock, no secret. A gateway that was killed leaves it running; the next start ends it.
"""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, TextIO

from pymongo.errors import PyMongoError

from gateway.errors import CannotStart
from gateway.mongo.binary import find_mongod
from gateway.mongo.home import Home, State, private
from gateway.mongo.replica_set import Attempt, log_in, prepare
from gateway.settings import Settings

LOCK_PATIENCE_S: Final = 2.0
START_TIMEOUT_S: Final = 120.0
"""Long, because after a crash mongod first replays its journal."""
STOP_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.05
OPLOG_MB: Final = 1024
CACHE_MB_MIN: Final = 256
CACHE_MB_MAX: Final = 4_096
EVICTION: Final = {
    "eviction_updates_target": 30,
    "eviction_updates_trigger": 50,
    "eviction_dirty_target": 40,
    "eviction_dirty_trigger": 60,
}
"""Percent of the cache that may be changed and not yet written before MongoDB starts to write it, and before whoever changes more
has to help. By default it starts at 2.5, and writes a page that takes events many times between two checkpoints, which write it
anyway (DECISIONS 41). Durable is what the journal holds."""
HISTORY_PARAMETER: Final = "minSnapshotHistoryWindowInSeconds"
HISTORY_S: Final = 5
"""What was changed or deleted is kept so long, and longer while an audit reads (`history`)."""
PORTS: Final = range(15_000, 32_000)
"""Below Linux's range for outgoing connections (32768 up): there, a client that retries while mongod is down can be
given mongod's port as its own, connect to itself and so keep the port."""


class PrivateMongod:
    """One process at a time. `start` and `stop` bracket its life, `restart` is for when it died in between."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = Home(settings.data_dir)
        self._lock: TextIO | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def lock(self) -> bool:
        """Takes the data directory, if no other gateway has it. `start` does this too; `stop` gives it back."""
        if self._lock is None:
            self._home.make()
            self._lock = self._home.lock()
        return self._lock is not None

    async def start(self) -> str:
        """The URI of a running mongod that accepts writes. Raises `CannotStart`; then nothing keeps running."""
        if not await self._locked():
            raise CannotStart(
                f"DATA_DIR: {self._home.data_dir} is in use by another gateway (process {self._home.holder()}); "
                "stop that one or choose another directory."
            )
        try:
            for orphan in self._home.serving_pids():
                await _end(orphan, partial(self._home.is_served_by, orphan))
            return await self._launch()
        except BaseException:
            await self.stop()
            raise

    async def _locked(self) -> bool:
        """A killed gateway's child that is only just being made holds the lock an instant longer."""
        give_up_at = time.monotonic() + LOCK_PATIENCE_S
        while not self.lock():
            if time.monotonic() > give_up_at:
                return False
            await asyncio.sleep(0.05)
        return True

    async def restart(self) -> str:
        """The URI after another start with the same files; the port is the same unless somebody took it meanwhile."""
        assert self._lock is not None, "restart needs a start before it"
        await self._end_process()
        return await self._launch()

    async def ended(self) -> int:
        """Waits until the process ends; gives its exit code, negative for a signal."""
        assert self._process is not None, "only a started mongod can end"
        while (code := self._process.poll()) is None:
            await asyncio.sleep(POLL_S)
        return code

    async def stop(self) -> None:
        """Ends mongod cleanly, or by force after `STOP_TIMEOUT_S`, and gives the data directory back."""
        await self._end_process()
        if self._lock:
            self._lock.close()
            self._lock = None

    async def _end_process(self) -> None:
        process = self._process
        if process is not None:
            await _end(process.pid, lambda: process.poll() is None)

    async def _launch(self) -> str:
        try:
            return await self._spawn_and_log_in()
        except (OSError, PyMongoError) as failed:
            raise CannotStart(f"The private mongod under {self._home.path} cannot start: {failed}.") from failed

    async def _spawn_and_log_in(self) -> str:
        program = await asyncio.to_thread(find_mongod, self._settings)
        state = self._usable_state()
        self._process = self._spawn(program, state.port)
        if not state.prepared:
            await prepare(state, self._until)
        await log_in(state, self._until)
        self._home.save(replace(state, prepared=True, pid=self._process.pid))
        return state.uri

    def _usable_state(self) -> State:
        """The stored state with a port that is free now, and files that fit to it."""
        state = self._home.load() or self._first_state()
        if not state.prepared:
            # Killed during the first start, before anybody had a URI: what is there is half a setup and no data.
            shutil.rmtree(self._home.database, ignore_errors=True)
        self._home.database.mkdir(mode=0o700, exist_ok=True)
        self._home.make_key()
        self._home.set_log_aside()
        return state if _is_free(state.port) else replace(state, port=_free_port())

    def _first_state(self) -> State:
        if self._home.database.exists():
            raise CannotStart(f"{self._home.database} holds a database but its mongod.json is gone; restore that file.")
        state = State(port=_free_port(), user="gateway", password=secrets.token_urlsafe(32))
        self._home.save(state)
        return state

    def _spawn(self, program: Path, port: int) -> subprocess.Popen[bytes]:
        # Its own few variables: our secrets are not its business, and an unknown LANG makes it refuse to start.
        environment = {"LC_ALL": "C", "PATH": os.defpath}
        if libraries := os.environ.get("LD_LIBRARY_PATH"):
            environment["LD_LIBRARY_PATH"] = libraries
        with open(self._home.log, "ab", opener=private) as log:
            return subprocess.Popen(
                _argv(program, self._home, port=port, cache_mb=self._settings.mongod_cache_mb or _cache_mb_default()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self._home.path,
                process_group=0,  # and no session of its own: what its threads give way to is in ours (DECISIONS 39)
            )

    async def _until(self, attempt: Attempt) -> None:
        """Asks again until it is so. Raises `CannotStart` when mongod ended or `START_TIMEOUT_S` are over."""
        assert self._process is not None
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_at:
            if (code := self._process.poll()) is not None:
                raise CannotStart(
                    f"mongod ended while starting (exit code {code}); the end of {self._home.log} says why."
                )
            if await attempt():
                return
            await asyncio.sleep(POLL_S)
        raise CannotStart(f"mongod did not accept writes within {START_TIMEOUT_S:.0f} s; see {self._home.log}.")


def _argv(program: Path, home: Home, *, port: int, cache_mb: int) -> list[str]:
    options = {
        "--dbpath": home.database,
        "--bind_ip": "127.0.0.1",
        "--port": port,
        "--replSet": "gateway",
        "--keyFile": home.key,
        "--oplogSize": OPLOG_MB,
        "--wiredTigerCacheSizeGB": cache_mb / 1024,
        "--wiredTigerEngineConfigString": ",".join(f"{name}={percent}" for name, percent in EVICTION.items()),
        "--logpath": home.log,
    }
    parameters = {
        "diagnosticDataCollectionEnabled": "false",
        HISTORY_PARAMETER: HISTORY_S,
        # How long a primary that is told to stop looks for a successor; there is none.
        "shutdownTimeoutMillisForSignaledShutdown": 100,
    }
    argv = [str(program), "--quiet", "--logappend", "--nounixsocket"]
    argv += [str(word) for option in options.items() for word in option]
    return argv + [word for name, value in parameters.items() for word in ("--setParameter", f"{name}={value}")]


def _cache_mb_default() -> int:
    """A quarter of the memory: indexes on hashed ids that do not fit the cache halve the speed long before a million events."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(CACHE_MB_MIN, min(memory_mb // 4, CACHE_MB_MAX))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    for _ in range(100):
        port = secrets.choice(PORTS)
        if _is_free(port):
            return port
    raise CannotStart(f"No loopback port from {PORTS.start} to {PORTS.stop - 1} is free for mongod.")


async def _end(pid: int, lives: Callable[[], bool]) -> None:
    """SIGTERM, `STOP_TIMEOUT_S` of patience, SIGKILL; `lives` must be true only for the process that is meant."""
    for kind, patience_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, 5.0)):
        if not lives():
            return
        with suppress(ProcessLookupError):
            os.kill(pid, kind)
        give_up_at = time.monotonic() + patience_s
        while lives() and time.monotonic() < give_up_at:
            await asyncio.sleep(POLL_S)
