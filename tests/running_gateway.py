"""A real `gateway serve` for tests: its own processes, data directory and port, and what a test asks of them."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database

import gateway
from gateway.encryption import Cipher, open_cipher
from gateway.events.at_rest import plain_body
from gateway.mongo import running_uri
from gateway.mongo.home import Home
from gateway.settings import Settings

Rows = Database[dict[str, Any]]

SECRETS: Final = {
    "HMAC_SECRET_KEY": "native-secret-of-the-tests-0123456789",
    "STRIPE_WEBHOOK_SECRET": "whsec_stripe-secret-of-the-tests-01234",
    "RAZORPAY_WEBHOOK_SECRET": "razorpay-secret-of-the-tests-0123456",
    "STANDARD_WEBHOOKS_SECRET": "whsec_c3RhbmRhcmQtc2VjcmV0LW9mLXRoZS10ZXN0cy0w",
}
OLD_SECRETS: Final = {
    "HMAC_SECRET_KEY": "native-secret-before-the-rotation-01234",
    "STRIPE_WEBHOOK_SECRET": "whsec_stripe-secret-before-the-rotation",
    "RAZORPAY_WEBHOOK_SECRET": "razorpay-secret-before-the-rotation-01",
    "STANDARD_WEBHOOKS_SECRET": "whsec_c3RhbmRhcmQtYmVmb3JlLXRoZS1yb3RhdGlvbi0wMQ==",
}
"""Still good beside `SECRETS` where a test rotates them."""
START_S_MAX: Final = 60.0
STOP_S_MAX: Final = 60.0
_REPOSITORY: Final = Path(gateway.__file__).parents[1]
_STDERR: Final = "stderr.log"


def environment(**settings: str) -> dict[str, str]:
    """Nothing of the caller's settings leaks in: only what a process needs, small bounds, and `settings`."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**inherited, "PYTHONPATH": str(_REPOSITORY), "MONGOD_CACHE_MB": "256", "LEASE_S": "1", **settings}


def run_gateway(*argv: str, cwd: Path, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """A command of the gateway that ends by itself. `cwd` keeps a `.env` of the developer out."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *argv],
        cwd=cwd,
        env=environment(**settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=START_S_MAX,
        check=False,
    )


def until(true: Callable[[], bool], *, within_s: float, what: str) -> None:
    """Wait for a fact, and fail with its name when it does not come in time."""
    give_up_at = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < give_up_at, f"not within {within_s} s: {what}"
        time.sleep(0.02)


class RunningGateway:
    """`gateway serve` on a free port. `folder` holds its log and, without MONGO_URL, its data."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self._environment = environment(**settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._log_begins_at = 0
        self._mongo: MongoClient[dict[str, Any]] | None = None
        self._mongo_uri = ""

    def start(self) -> None:
        """Returns when it is ready for webhooks."""
        self._log_begins_at = len(self.log())
        with open(self.folder / _STDERR, "ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--port", "0", "--data-dir", str(self.data_dir)],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        until(self._is_ready, within_s=START_S_MAX, what="the gateway is ready")

    @property
    def pid(self) -> int:
        """The supervisor's."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        return re.findall(r'"url": "([^"]+)"', self.log()[self._log_begins_at :])[-1]  # type: ignore[no-any-return]

    def log(self) -> str:
        """Everything it has written so far, over all its starts."""
        file = self.folder / _STDERR
        return file.read_text(errors="replace") if file.exists() else ""

    def child(self, name: str) -> int:
        """The pid of `web-1` or `worker`, as it was last started."""
        return int(re.findall(rf'"child": "{name}", "pid": (\d+)', self.log()[self._log_begins_at :])[-1])

    def mongod(self) -> int:
        """The pid of its private mongod."""
        state = Home(self.data_dir).load()
        assert state is not None
        assert state.pid is not None
        return state.pid

    def rows(self) -> Rows:
        """Its database, read with a client of our own."""
        uri = self._environment.get("MONGO_URL") or running_uri(self.data_dir)
        if uri and uri != self._mongo_uri:  # a restarted mongod may have another port
            self._forget_mongo()
            self._mongo, self._mongo_uri = MongoClient(uri, tz_aware=True, timeoutMS=20_000), uri
        assert self._mongo is not None
        return self._mongo[self._environment.get("MONGO_DATABASE", "autopay")]

    def body(self, event: Mapping[str, Any]) -> bytes:
        """What was sent with a stored event, opened with the gateway's keys."""
        return plain_body(event, event["_id"], self.cipher())

    def count_stored(self, body: bytes) -> int:
        """How many events of the last minutes hold this body: they are sealed, so each is opened."""
        cipher, lately = self.cipher(), {"received_at": {"$gt": datetime.now(UTC) - timedelta(minutes=2)}}
        return sum(plain_body(event, event["_id"], cipher) == body for event in self.rows().events.find(lately))

    def cipher(self) -> Cipher:
        keys = SecretStr(self._environment.get("ENCRYPTION_KEY", ""))
        return open_cipher(Settings(_env_file=None, data_dir=self.data_dir, encryption_key=keys))

    def stop(self) -> int | None:
        """SIGTERM, as an operator does; the exit code, None where it never started."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """kill -9 of the supervisor alone; what it started is left to look after itself."""
        assert self._process is not None
        self._process.kill()
        self._ended()

    def _ended(self) -> int:
        assert self._process is not None
        self._forget_mongo()
        return self._process.wait(STOP_S_MAX)

    def _forget_mongo(self) -> None:
        if self._mongo is not None:
            self._mongo.close()
        self._mongo, self._mongo_uri = None, ""

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-2_000:]
        try:
            return httpx2.get(f"{self.url}/ready", timeout=5).status_code == 200
        except (httpx2.HTTPError, IndexError):
            return False


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[RunningGateway]:
    """A gateway for the length of a test, ended however the test ends."""
    started = RunningGateway(folder, **settings)
    try:
        started.start()
        yield started
    finally:
        started.stop()


def alive(pid: int) -> bool:
    """Whether the process exists and is more than a dead entry that waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
