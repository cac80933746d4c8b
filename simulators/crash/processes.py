"""The gateway's processes: `gateway serve` with a private MongoDB and a standby worker, found, killed and started again.

Processes are known by a mark in their environment, so that also those of a killed supervisor are found and ended, by their ids.
"""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final

import httpx2
from pydantic import SecretStr
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from gateway.encryption import Cipher, open_cipher
from gateway.mongo import running_uri
from gateway.settings import Settings
from simulators.crash.control import FOLDER, Control
from simulators.load.server import ServerFailed, generated_secrets
from simulators.sources import SOURCES

LEASE_S: Final = 1.0
START_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 25.0
TEND_S: Final = 0.1
_PORTS: Final = range(10_000, 15_000)
"""Below the ports of outgoing connections: a client that tries again and again would else connect to itself."""

_MARK: Final = "CRASH_RUN"
_INHERITED: Final = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "MONGOD_PATH", "VIRTUAL_ENV")
_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_INJECTED: Final = Path(__file__).resolve().parent / "injected"

Database = AsyncDatabase[dict[str, Any]]


class Processes:
    """What is running. `injections` are called in each process before its own code, as `module:function`."""

    def __init__(self, directory: Path, *, injections: Sequence[str], import_from: Sequence[Path] = ()) -> None:
        self.directory = directory
        self.secrets = generated_secrets()
        self.data_dir = directory / "data"
        folder = directory / "control"
        folder.mkdir()
        self.control = Control(folder)
        self._mark = secrets.token_hex(8)
        self._port = _free_port()
        self._injected = injected(folder, injections, import_from)
        self._serve: subprocess.Popen[bytes] | None = None
        self._standby: subprocess.Popen[bytes] | None = None
        self._standby_uri: str | None = None
        self._clients: dict[str, AsyncMongoClient[dict[str, Any]]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        return self.directory / "gateway.log"

    def environment(self) -> dict[str, str]:
        """Nothing of the caller's settings; small batches, so that a backlog is many of them."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {
            **inherited,
            **{source.setting: self.secrets[name] for name, source in SOURCES.items()},
            _MARK: self._mark,
            "PYTHONPATH": str(_REPOSITORY),
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self._port),
            "WORKERS": "2",
            "LEASE_S": str(LEASE_S),
            "MONGO_TIMEOUT_MS": "2000",
            "MONGOD_CACHE_MB": "256",
            "APPLY_BATCH_MAX": "5",
            "RATE_LIMIT_REFUSED": "1000000/minute",
            "LOG_LEVEL": "INFO",
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ready at the beginning, somebody who starts again what ended meanwhile, and nothing left at the end."""
        tending: asyncio.Task[None] | None = None
        try:
            self._start_again()
            await self.ready()
            tending = asyncio.create_task(self._tend())
            yield
        finally:
            if tending:
                tending.cancel()
            self._end_all()  # nothing is awaited before it, so that no signal can come between
            for client in self._clients.values():
                await client.close()

    async def ready(self) -> None:
        """Wait until it takes webhooks and a standby runs. Raises `ServerFailed`."""
        give_up_at = monotonic() + START_TIMEOUT_S
        async with httpx2.AsyncClient(timeout=2.0) as client:
            while monotonic() < give_up_at:
                with suppress(httpx2.TransportError):
                    if (await client.get(f"{self.url}/ready")).status_code == 200:
                        self._start_again()
                        return
                self._start_again()
                await asyncio.sleep(0.05)
        raise ServerFailed(f"the gateway was not ready within {START_TIMEOUT_S:.0f} s:\n{self._log_tail()}")

    def database(self) -> Database | None:
        """The gateway's database, read with our own client; None while no MongoDB runs."""
        uri = running_uri(self.data_dir)
        if uri is None:
            return None
        if uri not in self._clients:
            self._clients[uri] = AsyncMongoClient(uri, tz_aware=True, timeoutMS=2_000)
        return self._clients[uri]["autopay"]

    def cipher(self) -> Cipher:
        """With the gateway's keys, which it made under its data directory."""
        return open_cipher(Settings(_env_file=None, data_dir=self.data_dir, encryption_key=SecretStr("")))

    @property
    def supervisor(self) -> int:
        assert self._serve is not None
        return self._serve.pid

    def mongod(self) -> int | None:
        return next(self._mongods(), None)

    def webs(self) -> list[int]:
        return sorted(self._running("web"))

    async def writer(self) -> int | None:
        """The worker that holds the lease."""
        lease = await self.lease()
        pid = int(lease["holder"].split(":")[1]) if lease and lease["holder"] else 0
        return pid if pid in self._running("work") else None

    async def lease(self) -> dict[str, Any] | None:
        database = self.database()
        if database is None:
            return None
        try:
            return await database["leases"].find_one({"_id": "writer"})
        except PyMongoError:
            return None

    async def audit(self) -> tuple[int, bytes]:
        """`python -m gateway.audit`: exit code and output, from a process without our injections."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.audit"),
            env=self.environment(),
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        told, wrong = await asyncio.wait_for(process.communicate(), START_TIMEOUT_S)
        return process.returncode or 0, told or wrong

    def _start_again(self) -> None:
        """As an operator or another supervisor does with what has ended."""
        if self._serve is None or self._serve.poll() is not None:
            self._serve = self._started("serve")
        uri = running_uri(self.data_dir)
        if uri is None:
            return
        if self._standby and self._standby.poll() is None:
            if uri == self._standby_uri:
                return
            _kill(self._standby.pid)
            self._standby.wait()
        self._standby, self._standby_uri = self._started("work", MONGO_URL=uri), uri

    async def _tend(self) -> None:
        while True:
            self._start_again()
            await asyncio.sleep(TEND_S)

    def _started(self, command: str, **settings: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "gateway", command],
                env={**self.environment(), **self._injected, **settings},
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _end_all(self) -> None:
        """SIGTERM for what can hear it, and SIGKILL for what is left, each by its id."""
        for process in (self._standby, self._serve):
            if process and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in (self._standby, self._serve):
            if process:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_TIMEOUT_S)
        for pid in [*self._marked(), *self._mongods()]:
            _kill(pid)
        for process in (self._standby, self._serve):
            if process:
                process.wait()

    def _running(self, command: str) -> list[int]:
        return [pid for pid in self._marked() if _arguments(pid)[3:4] == [command.encode()]]

    def _marked(self) -> Iterator[int]:
        wanted = f"{_MARK}={self._mark}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)

    def _mongods(self) -> Iterator[int]:
        files = os.fsencode(self.data_dir.resolve() / "mongo" / "db")
        for entry in Path("/proc").glob("[0-9]*"):
            if files in _arguments(int(entry.name)):
                yield int(entry.name)

    def _log_tail(self) -> str:
        return self.log.read_bytes()[-2_000:].decode(errors="replace")


def injected(control: Path, injections: Sequence[str], import_from: Sequence[Path] = ()) -> dict[str, str]:
    """The environment of a gateway process that calls `injections` before its own code, and listens to `control`."""
    return {
        FOLDER: str(control),
        "CRASH_INJECTIONS": ",".join(injections),
        "PYTHONPATH": os.pathsep.join(map(str, (_INJECTED, *import_from, _REPOSITORY))),
    }


def _arguments(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _free_port() -> int:
    for _ in range(100):
        with socket.socket() as probe:
            port = secrets.choice(_PORTS)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise ServerFailed(f"no port from {_PORTS.start} to {_PORTS.stop - 1} is free")
