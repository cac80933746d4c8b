"""The supervisor, with real processes: whatever dies is started again, and a stop leaves nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gateway.errors import CannotStart
from gateway.mongo import running_uri
from gateway.supervisor import DRAIN_TIMEOUT_S, ORPHAN_GRACE_S, listen

REPOSITORY = Path(__file__).parents[1]

CHILD = """
import asyncio, os, signal, sys, time
from pathlib import Path
from gateway.supervisor import on_orphaned

diary, name, manner = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def note(what):
    with diary.open("a") as lines:
        lines.write(f"{name} {what}\\n")

async def main():
    leave = asyncio.Event()
    if manner != "deaf":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave.set)
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    on_orphaned(lambda: (note("orphaned"), leave.set() if manner != "deaf" else None))
    note(f"started {os.getpid()} {os.environ.get('MONGO_URL')}")
    await leave.wait()
    note("told")
    await asyncio.sleep(0.3)
    note("left")

if manner == "broken":
    note("started 0 None")
    sys.exit(3)
asyncio.run(main())
"""

SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from gateway.errors import CannotStart
from gateway.mongo import PrivateMongod
from gateway.settings import Settings
from gateway.supervisor import Child, Supervisor, listen

child, diary, data_dir, *manners = sys.argv[1:]
argv = [sys.executable, "-c", child, diary]
listener = listen("127.0.0.1", 0)
print(listener.getsockname()[1], flush=True)
children = [
    Child(name, [*argv, name, manner], pass_fds=[listener.fileno()] if name == "web" else (), drain_order=order)
    for order, (name, manner) in enumerate(zip(["web", "worker"], manners))
]
mongod = PrivateMongod(Settings(_env_file=None, data_dir=Path(data_dir), mongod_cache_mb=256)) if data_dir else None
try:
    asyncio.run(Supervisor(children, mongod=mongod, listener=listener).run())
except CannotStart as failed:
    sys.exit(str(failed))
"""


class Supervised:
    """A supervisor in a process of its own, and the diary that its children write."""

    def __init__(self, process: subprocess.Popen[str], diary: Path) -> None:
        self.process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())
        self._diary = diary

    def diary(self) -> list[str]:
        return self._diary.read_text().splitlines() if self._diary.exists() else []

    def starts(self, name: str) -> list[tuple[int, str]]:
        """The pid and the MONGO_URL of each start of this child."""
        lines = [line.split() for line in self.diary()]
        return [(int(words[2]), words[3]) for words in lines if words[:2] == [name, "started"]]

    def pid(self, name: str, *, start: int = 1) -> int:
        eventually(lambda: len(self.starts(name)) >= start)
        return self.starts(name)[start - 1][0]

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(kind)
        return self.process.wait(timeout=60)


@contextmanager
def supervised(tmp_path: Path, *manners: str, data_dir: Path | None = None) -> Iterator[Supervised]:
    """`manners` are those of web and worker: "polite", "deaf" to every request to leave, or "broken" from the start."""
    diary = tmp_path / "diary"
    argv = [sys.executable, "-X", "dev", "-c", SUPERVISOR, CHILD, str(diary), str(data_dir or ""), *manners]
    with subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        supervisor = Supervised(process, diary)
        try:
            yield supervisor
        finally:
            if process.poll() is None:
                supervisor.stop()


def eventually(happens: Callable[[], bool], *, within_s: float = 60.0) -> None:
    give_up_at = time.monotonic() + within_s
    while not happens():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    with suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    """kill -9 of a web process: another takes its place, the worker is not touched."""
    with supervised(tmp_path, "polite", "polite") as supervisor:
        worker = supervisor.pid("worker")
        os.kill(supervisor.pid("web"), signal.SIGKILL)
        assert is_running(supervisor.pid("web", start=2))
        assert is_running(worker)
        assert len(supervisor.starts("worker")) == 1


def test_children_are_out_of_the_terminals_reach_and_in_one_session(tmp_path: Path) -> None:
    """Ctrl-C goes to the supervisor's process group alone; `nice` orders what is in one session."""
    with supervised(tmp_path, "polite", "polite") as supervisor:
        pids = [supervisor.process.pid, supervisor.pid("web"), supervisor.pid("worker")]
        assert len({os.getpgid(pid) for pid in pids}) == 3
        assert len({os.getsid(pid) for pid in pids}) == 1


@pytest.mark.long
def test_children_killed_often_are_still_started_again(tmp_path: Path) -> None:
    """kill -9 comes from outside and is no reason to give up, however often and early it comes."""
    with supervised(tmp_path, "polite") as supervisor:
        for start in range(1, 7):
            os.kill(supervisor.pid("web", start=start), signal.SIGKILL)
        assert is_running(supervisor.pid("web", start=7))


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_drains_web_first_and_then_the_worker(tmp_path: Path, kind: signal.Signals) -> None:
    """The worker is told to stop only when no web process is left to give it work; the exit code is a success."""
    if signal.getsignal(kind) is signal.SIG_IGN:
        pytest.skip("these tests run under nohup, and so would the gateway: a hangup is meant to be ignored")
    with supervised(tmp_path, "polite", "polite") as supervisor:
        supervisor.pid("web"), supervisor.pid("worker")
        assert supervisor.stop(kind) == 0
        said = [line for line in supervisor.diary() if "started" not in line]
        assert supervisor.process.stderr is not None
        assert supervisor.process.stderr.read() == "", "Python's development mode finds nothing left open"
    assert said == ["web told", "web left", "worker told", "worker left"]


def test_a_second_signal_does_not_cut_the_drain_short(tmp_path: Path) -> None:
    """An impatient Ctrl-C leaves nothing half-done."""
    with supervised(tmp_path, "polite", "polite") as supervisor:
        supervisor.pid("web"), supervisor.pid("worker")
        supervisor.process.send_signal(signal.SIGINT)
        eventually(lambda: "web told" in supervisor.diary())
        assert supervisor.stop(signal.SIGINT) == 0
        assert supervisor.diary()[-1] == "worker left"


def test_nobody_queues_at_a_draining_gateway(tmp_path: Path) -> None:
    """The port takes callers from the start, and refuses them as soon as no web process will serve them."""
    with supervised(tmp_path, "polite", "polite") as supervisor:
        supervisor.pid("web"), supervisor.pid("worker")
        socket.create_connection(("127.0.0.1", supervisor.port)).close()
        supervisor.process.send_signal(signal.SIGTERM)
        eventually(lambda: "worker told" in supervisor.diary())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", supervisor.port))


def test_children_leave_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """kill -9 of the supervisor: a polite child drains, and even a stuck one is gone soon, so the port is free."""
    with supervised(tmp_path, "deaf", "polite") as supervisor:
        web, worker = supervisor.pid("web"), supervisor.pid("worker")
        supervisor.stop(signal.SIGKILL)
        eventually(lambda: not is_running(web) and not is_running(worker), within_s=ORPHAN_GRACE_S + 3)
        assert {"web orphaned", "worker orphaned", "worker left"} <= set(supervisor.diary())
    listen("127.0.0.1", supervisor.port).close()


def test_a_child_that_cannot_start_stops_the_gateway(tmp_path: Path) -> None:
    """A process that ends at once, time after time, is an error with its exit code, not a loop; the rest is drained."""
    with supervised(tmp_path, "polite", "broken") as supervisor:
        assert supervisor.process.stderr is not None
        assert supervisor.process.wait(timeout=30) == 1
        assert "The worker process ended 5 times before it was ready (exit code 3)" in supervisor.process.stderr.read()
        assert supervisor.diary()[-1] == "web left"
        assert not is_running(supervisor.pid("web"))


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    shutil.rmtree(tmp_path / "data")  # pytest keeps the directories of three runs, and this one is 300 MB


def test_mongod_belongs_to_the_gateway(tmp_path: Path, data_dir: Path) -> None:
    """Children get its URI; killed, it comes back at the same address without a child being restarted; a stop ends it
    after them."""
    with supervised(tmp_path, "polite", "polite", data_dir=data_dir) as supervisor:
        supervisor.pid("web"), supervisor.pid("worker")
        uri = running_uri(data_dir)
        assert [url for _, url in supervisor.starts("web") + supervisor.starts("worker")] == [uri, uri]
        os.kill(mongod_of(supervisor), signal.SIGKILL)
        eventually(lambda: running_uri(data_dir) is None)
        eventually(lambda: running_uri(data_dir) == uri)
        mongod = mongod_of(supervisor)
        assert len(supervisor.starts("web")) == 1
        assert supervisor.stop() == 0
        assert not is_running(mongod)


def mongod_of(supervisor: Supervised) -> int:
    pid = supervisor.process.pid
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return next(child for child in children if b"--dbpath" in Path(f"/proc/{child}/cmdline").read_bytes())


def test_a_gateway_starts_again_after_it_was_killed(tmp_path: Path, data_dir: Path) -> None:
    """kill -9 of the supervisor and a new start at once: one gateway, one mongod, one set of children."""
    with supervised(tmp_path, "polite", "polite", data_dir=data_dir) as killed:
        killed.pid("web"), killed.pid("worker")
        orphan = mongod_of(killed)
        killed.stop(signal.SIGKILL)
    with supervised(tmp_path, "polite", "polite", data_dir=data_dir) as supervisor:
        assert is_running(supervisor.pid("web", start=2))
        assert not is_running(orphan)


@pytest.mark.long
def test_a_child_that_does_not_drain_is_killed(tmp_path: Path) -> None:
    """A stop is bounded: a deaf child delays it by `DRAIN_TIMEOUT_S`, no more."""
    with supervised(tmp_path, "deaf", "polite") as supervisor:
        supervisor.pid("web"), supervisor.pid("worker")
        began_at = time.monotonic()
        assert supervisor.stop() == 0
        assert time.monotonic() - began_at < DRAIN_TIMEOUT_S + 5


def test_listen_waits_for_a_port_that_is_being_left() -> None:
    """The orphan of a killed gateway may hold the port for a moment more."""
    leaving = listen("127.0.0.1", 0)
    port = leaving.getsockname()[1]
    soon = threading.Timer(0.5, leaving.close)
    soon.start()
    listen("127.0.0.1", port).close()
    soon.join()


def test_a_port_in_use_is_a_clear_refusal() -> None:
    """After the wait, the sentence names the port and what to do."""
    with listen("127.0.0.1", 0) as other, pytest.raises(CannotStart, match="PORT: another program"):
        listen("127.0.0.1", other.getsockname()[1])


def test_a_host_that_is_not_ours_is_a_clear_refusal() -> None:
    """An address of another machine is refused at once (192.0.2.0/24 is nobody's: RFC 5737)."""
    with pytest.raises(CannotStart, match="HOST, PORT"):
        listen("192.0.2.1", 8000)
