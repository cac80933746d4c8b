"""The directory of a private mongod: who holds it, how to log in, and which process serves it.

<data_dir>/mongo/        0700, owned by the user of the gateway
    lock                 held with flock by the one gateway that may start a mongod here; its text is that gateway's pid
    mongod.json          0600, `State`: what another process of the same user needs in order to connect
    mongod.key           0600, the replica set's key file
    mongod.log           what mongod said; the previous one is mongod.log.1
    db/                  MongoDB's own files
"""

import base64
import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TextIO

from gateway.errors import CannotStart

LOG_BYTES_MAX: Final = 16_000_000
"""A log above this is set aside at the next start."""


@dataclass(frozen=True)
class State:
    """`prepared` is false until the replica set and its user exist; `pid` is the process that last accepted writes."""

    port: int
    user: str
    password: str
    prepared: bool = False
    pid: int | None = None

    @property
    def uri(self) -> str:
        return f"mongodb://{self.user}:{self.password}@127.0.0.1:{self.port}/?authSource=admin&directConnection=true"


class Home:
    """The files of one private mongod. Nothing is touched until `make`."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self.path = self.data_dir / "mongo"
        self.database = self.path / "db"
        self.key = self.path / "mongod.key"
        self.log = self.path / "mongod.log"
        self._lock = self.path / "lock"
        self._state = self.path / "mongod.json"

    def make(self) -> None:
        """Creates the directory, or checks that it is ours. Raises `CannotStart`."""
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)
            owner = self.path.stat().st_uid
            if owner != os.geteuid():
                # Files that root leaves here would stop the next start of the user who owns the directory.
                raise CannotStart(f"{self.path} belongs to the user with id {owner}: run the gateway as that user.")
            self.path.chmod(0o700)
        except OSError as failed:
            raise CannotStart(f"DATA_DIR: {self.path} cannot be used: {failed.strerror}.") from None

    def lock(self) -> TextIO | None:
        """The open lock file, to be kept open for as long as the directory is ours; None while another process has it.

        The kernel releases the lock with its process. The file is close-on-exec, so no child keeps it alive.
        """
        file = open(self._lock, "a+", opener=private)  # noqa: SIM115 - it stays open as long as the lock is held
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def holder(self) -> str:
        """The pid of the lock's holder as text; "unknown" in the instant before it is written."""
        return self._lock.read_text() or "unknown"

    def load(self) -> State | None:
        """The stored state, or None before the first start. Raises `CannotStart` if it cannot be read."""
        try:
            return State(**json.loads(self._state.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            raise CannotStart(f"{self._state} cannot be read; restore it, it holds the database's password.") from None

    def save(self, state: State) -> None:
        _write_private(self._state, json.dumps(asdict(state)).encode())

    def make_key(self) -> None:
        """MongoDB wants 6 to 1024 base64 characters."""
        if not self.key.exists():
            _write_private(self.key, base64.b64encode(secrets.token_bytes(600)))

    def set_log_aside(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))

    def serving_pids(self) -> list[int]:
        """The mongod processes that serve this directory, whoever started them: found by their command line.

        A scan of /proc has no moment in which a process runs but is not yet noted in a file.
        """
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if self.is_served_by(int(entry.name))]

    def is_served_by(self, pid: int) -> bool:
        """Whether this process is a mongod on our files; pids are reused, so the number alone says nothing."""
        try:
            argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        is_mongod = os.path.basename(argv[0]).startswith(b"mongod")
        return is_mongod and os.fsencode(self.database) in argv


def running_uri(data_dir: Path) -> str | None:
    """How to reach the private mongod of this data directory; None while none accepts writes there."""
    home = Home(data_dir)
    state = home.load()
    if state is None or state.pid is None or not home.is_served_by(state.pid):
        return None
    return state.uri


def private(path: str, flags: int) -> int:
    """An opener for `open`: what it creates, only its owner can read."""
    return os.open(path, flags, 0o600)


def _write_private(path: Path, content: bytes) -> None:
    """Mode 0600, and after a crash either the old content or the new, never half of it."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with open(draft, "xb", opener=private) as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
