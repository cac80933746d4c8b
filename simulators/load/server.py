"""The processes under load: started with secrets of their own, waited for, and stopped with everything they made."""

import base64
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Final

from simulators.load.presign import SECRET_SETTINGS

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 40.0
REQUEST_TIMEOUT_S: Final = 10.0
COMMAND_TIMEOUT_S: Final = 60.0
LEASE_S_WITH_PAUSES: Final = "300"
"""A lease that outlasts the pauses of the worker."""
LOG_TAIL_BYTES: Final = 2_000

_NOT_INHERITED: Final = {
    *SECRET_SETTINGS.values(),
    *(
        "HOST",
        "PORT",
        "WORKERS",
        "DATA_DIR",
        "ENCRYPTION_KEY",
        "PUBLIC_URL",
        "MONGO_URL",
        "MONGO_DATABASE",
        "GEMINI_API_KEY",
    ),
}
"""A gateway that we start never touches the caller's database, secrets or model; tuning settings do pass through."""


class ServerFailed(Exception):
    """A process under load did not start, stop or answer; the message carries the end of its log."""


@dataclass(frozen=True)
class Server:
    """Where it listens, and the secrets of its sources. `api_key` has the scope ops:read (None: nobody can be asked for
    the backlog); `pid` is the supervisor's (None: somebody else started it)."""

    host: str
    port: int
    secrets: Mapping[str, str] = field(repr=False)
    api_key: str | None = field(default=None, repr=False)
    pid: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """With which its own commands find its data; of one that we started."""

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET, with the API key if there is one. Raises `OSError` or `HTTPException`."""
        connection = HTTPConnection(self.host, self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            connection.request("GET", path, headers={"X-API-Key": self.api_key} if self.api_key else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def generated_secrets() -> dict[str, str]:
    """A fresh secret for each source, by source."""
    wrapped = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return {source: wrapped if source == "standard" else f"whsec_{secrets.token_hex(24)}" for source in SECRET_SETTINGS}


@contextmanager
def own_gateway(*, web: int, analyse: bool = True) -> Iterator[Server]:
    """A real gateway with a private MongoDB in a temporary directory, gone afterwards. Raises `ServerFailed`."""
    with TemporaryDirectory(prefix="gateway-load-") as directory:
        place = Place(Path(directory), web, analyse, settings={"LEASE_S": LEASE_S_WITH_PAUSES})
        with place.serve() as gateway:
            yield gateway


@dataclass
class Place:
    """A directory in which gateways of our own run, one after the other, each with what the one before it stored."""

    directory: Path
    web: int
    analyse: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    """Where the caller's environment says nothing."""
    _served: Server = field(default_factory=lambda: Server("127.0.0.1", free_port(), generated_secrets()))

    @contextmanager
    def serve(self) -> Iterator[Server]:
        """A gateway that answers. Raises `ServerFailed`."""
        data_dir = str(self.directory / "data")
        options = ["--port", str(self._served.port), "--data-dir", data_dir, "--workers", str(self.web)]
        environment = {**self.settings, **_environment(self._served.secrets), "ANALYSE": str(self.analyse).lower()}
        with running(["gateway", "serve", *options], environment, self._served, self.directory) as process:
            if self._served.api_key is None:
                naming = ["--name", "load", "--scopes", "ops:read", "--data-dir", data_dir]
                printed = command(["gateway", "keys", "create", *naming], environment, str(self.directory))
                self._served = replace(self._served, api_key=printed.strip().splitlines()[-1])
            yield replace(self._served, pid=process.pid, environment=environment | {"DATA_DIR": data_dir})


@contextmanager
def own_ceiling(*, web: int) -> Iterator[Server]:
    """The same server verifying without a database (`simulators.load.ceiling`). Raises `ServerFailed`."""
    with TemporaryDirectory(prefix="gateway-ceiling-") as directory:
        served = Server("127.0.0.1", free_port(), generated_secrets())
        options = ["--port", str(served.port), "--web", str(web), "--metrics-dir", directory]
        arguments = ["simulators.load.ceiling", "serve", *options]
        with running(arguments, _environment(served.secrets), served, Path(directory)):
            yield served


@contextmanager
def running(
    module: Sequence[str], environment: Mapping[str, str], server: Server, directory: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module…` while the block runs: ready before it, SIGTERM after it, its process group killed at last."""
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,  # ended with it; in our session, so that the sender and the door come before the worker (DECISIONS 39)
        )
    try:
        _wait_until_ready(server, process, log)
        yield process
    finally:
        _stop(process)


def _environment(source_secrets: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what must not pass, with our secrets, and limits too wide to be reached."""
    inherited = {name: value for name, value in os.environ.items() if name.upper() not in _NOT_INHERITED}
    checkout = str(Path(__file__).resolve().parents[2])
    return {
        "RATE_LIMIT_WEBHOOKS": "100000000/minute",
        "RATE_LIMIT_MONITORING": "100000/minute",
        "LOG_LEVEL": "WARNING",
        **inherited,
        **{SECRET_SETTINGS[source]: secret for source, secret in source_secrets.items()},
        "PYTHONPATH": os.pathsep.join(filter(None, [checkout, os.environ.get("PYTHONPATH")])),
    }


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = monotonic() + START_TIMEOUT_S
    while monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"the server ended with {process.returncode} before it was ready:\n{_tail(log)}")
        try:
            if server.get("/ready")[0] == 200:
                return
        except (OSError, HTTPException):
            pass
        sleep(0.1)
    raise ServerFailed(f"the server was not ready within {START_TIMEOUT_S:.0f} s:\n{_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM and wait; whatever of its group is left afterwards is killed."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_TIMEOUT_S)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def command(module: Sequence[str], environment: Mapping[str, str], directory: str) -> str:
    """What `python -m module…` printed. Raises `ServerFailed` when it failed."""
    done = subprocess.run(
        [sys.executable, "-m", *module],
        env=dict(environment),
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode or not done.stdout.strip():
        raise ServerFailed(f"{' '.join(module[:3])} ended with {done.returncode}:\n{done.stderr[-LOG_TAIL_BYTES:]}")
    return done.stdout


def _tail(log: Path) -> str:
    return log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
