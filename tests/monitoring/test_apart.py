"""Work in a process of its own: in our session, at its own priority, and gone when its time is over. On the worker's event loop."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from running_gateway import until

from gateway.monitoring.apart import run_apart
from gateway.priority import lower

Modules = Callable[[str], dict[str, str]]


@pytest.fixture
def module(tmp_path: Path) -> Modules:
    """Writes `work.py`; gives the environment in which it is found."""

    def write(code: str) -> dict[str, str]:
        (tmp_path / "work.py").write_text(code)
        return {"PYTHONPATH": str(tmp_path), "MARK": "here"}

    return write


def test_it_is_in_our_session_and_a_process_group_of_its_own(module: Modules) -> None:
    """`nice` orders what is in one session; and Ctrl-C in a terminal does not end a report of the worker's."""
    environment = module(
        "import os, sys\n"
        "print(os.getsid(0), os.getpgid(0) == os.getpid(), os.environ['MARK'], sys.argv[1:])\n"
        "print('first', file=sys.stderr)\nprint('last', file=sys.stderr)\nsys.exit(3)\n"
    )
    ended = uvloop.run(run_apart("work", "a", "b", environment=environment, niceness=7, within_s=30))
    assert (ended.code, ended.output.decode().strip()) == (3, f"{os.getsid(0)} True here ['a', 'b']")
    assert ended.last_error == "last"


def test_its_priority_is_the_one_that_was_asked_for(module: Modules) -> None:
    """It is lowered from outside a moment after it began."""
    environment = module(
        "import os, time\n"
        "end = time.monotonic() + 20\n"
        "while os.getpriority(os.PRIO_PROCESS, 0) != 7 and time.monotonic() < end: time.sleep(0.01)\n"
        "print(os.getpriority(os.PRIO_PROCESS, 0))\n"
    )
    ended = uvloop.run(run_apart("work", environment=environment, niceness=7, within_s=30))
    assert ended.output.split() == [b"7"]


def test_who_leads_a_session_is_lowered_among_sessions_too() -> None:
    """A worker that an operator's own supervisor started so, say."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        lower(process.pid, 7)
        group = Path(f"/proc/{process.pid}/autogroup")
        found = group.read_text().split()[-1:] if group.exists() else ["7"]  # a kernel without such groups
        process.communicate(b"\n")
    assert found in (["7"], [])


def test_who_gives_way_more_already_is_left_there() -> None:
    """To take it back is root's to do: anybody else's report would fail by it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        lower(process.pid, 12)
        lower(process.pid, 5)
        found = os.getpriority(os.PRIO_PROCESS, process.pid)
        process.communicate(b"\n")
    assert found == 12


def test_its_time_is_bounded(module: Modules, tmp_path: Path) -> None:
    environment = module(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    )
    with pytest.raises(TimeoutError):
        uvloop.run(run_apart("work", environment=environment, niceness=7, within_s=5))
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not _is_there(pid), within_s=10, what="it is gone")


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
