"""`python -m simulators.crash`: what it plays, what it finds, and that it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from running_gateway import environment, until

from simulators.crash.control import Control
from simulators.crash.deliveries import round_traffic
from simulators.crash.digits import PLACES_MAX, booked_as, booked_in, payment_minor, refund_minor
from simulators.crash.plan import plan_rounds
from simulators.traffic import expected_balances

RUN_S_MAX = 300.0


class Run:
    """The command in a process of its own; its temporary directories are in `folder`."""

    def __init__(self, folder: Path, rounds: int, seed: int) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simulators.crash", "--rounds", str(rounds), "--seed", str(seed), "--json"],
            env=environment(TMPDIR=str(folder)),
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )

    def left(self) -> list[str]:
        """Processes that still work in the folder."""
        wanted = os.fsencode(self.folder)
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if wanted in words and int(entry.name) != os.getpid():
                found.append(entry.name)
        return found


def held(folder: Path, *, rounds: int, seed: int) -> dict[str, object]:
    """The report of a run in which nothing was lost, and which left nothing behind."""
    run = Run(folder, rounds, seed)
    told, _ = run.process.communicate(timeout=RUN_S_MAX + 10 * rounds)
    report: dict[str, object] = json.loads(told)
    assert run.process.returncode == 0, report
    assert run.left() == []
    assert list(folder.iterdir()) == []
    return report


def test_a_short_run_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Six rounds: a fault for each kind of process, a paused writer and wrong clocks."""
    report = held(tmp_path, rounds=6, seed=11)
    assert (report["lost"], report["doubled"], report["problems"]) == (0, 0, [])
    assert report["audit"] is True
    assert isinstance(report["acknowledged"], int)
    assert isinstance(report["applied"], int)
    assert report["acknowledged"] > report["applied"] > 100
    assert isinstance(report["faults"], dict)
    struck = {name.split()[0] for name in report["faults"]}
    assert struck == {"web", "writer", "mongod", "supervisor", "clock"}
    assert isinstance(report["recovery_s_max"], float)
    assert 0 < report["recovery_s_max"] < 60


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_a_long_run_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    """Every fault at every place, several times."""
    report = held(tmp_path, rounds=40, seed=seed)
    assert (report["lost"], report["doubled"], report["audit"]) == (0, 0, True)


@pytest.mark.long
def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM in the middle: no process, no directory."""
    run = Run(tmp_path, 50, 1)
    until(lambda: any(tmp_path.glob("gateway-crash-*/answers.jsonl")), within_s=60, what="traffic has begun")
    time.sleep(0.5)
    run.process.send_signal(signal.SIGTERM)
    run.process.communicate(timeout=60)
    assert run.process.returncode != 0
    assert run.left() == []
    assert list(tmp_path.iterdir()) == []


def test_one_seed_is_one_plan() -> None:
    """The faults, their places and the events are the same again; another seed has others."""
    assert plan_rounds(50, seed=5) == plan_rounds(50, seed=5)
    assert plan_rounds(50, seed=5) != plan_rounds(50, seed=6)
    assert round_traffic("5:1", at=1_800_000_000) == round_traffic("5:1", at=1_800_000_000)


@pytest.mark.parametrize("seed", range(5))
def test_the_faults_take_turns(seed: int) -> None:
    """Any six rounds from the first on have each kind once; sixty have every place."""
    rounds = plan_rounds(60, seed=seed)
    for first in range(0, 60, 6):
        assert len({each.fault.victim for each in rounds[first : first + 6]}) == 6
    places = Counter((each.fault.victim, each.fault.point) for each in rounds)
    assert len(places) == 3 + 5 + 5 + 3 + 3 + 1


@pytest.mark.parametrize("seed", range(20))
def test_traffic_is_what_providers_send(seed: int) -> None:
    """Half of it twice; a refund before its capture now and then; an altered copy names another wallet under the same id."""
    traffic = round_traffic(f"{seed}", at=1_800_000_000)
    copies = sum(send.copy for send in traffic.sends)
    assert 0.25 < copies / len(traffic.items) < 0.7
    ids = Counter((item.source, item.event_id) for item in traffic.items)
    altered = [item for item in traffic.items if ids[item.source, item.event_id] > 1]
    assert {item.source for item in altered} <= {"payments", "standard"}
    for net in expected_balances(item for item in traffic.items if item not in altered).values():
        assert set(booked_in(abs(net)).values()) <= {1, 2}


@pytest.mark.parametrize("place", range(PLACES_MAX))
def test_a_balance_names_its_events(place: int) -> None:
    """Each digit by itself, whatever stands beside it."""
    other = payment_minor((place + 1) % PLACES_MAX)
    payment, refund = payment_minor(place), refund_minor(place)
    assert booked_as(payment) == (place, "payment")
    assert booked_as(-refund) == (place, "refund")
    for payments, refunds in ((0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 4), (2, 0), (2, 3)):
        booked = booked_in(other + payments * payment - refunds * refund)
        assert (booked[place, "payment"], booked[place, "refund"]) == (payments, refunds)


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path)


def test_a_point_is_reached_once(control: Control) -> None:
    """By whoever comes first; those after it pass, and nobody stops at a point that is not armed."""
    control.reach("before_commit")
    assert control.reached("before_commit") is None
    control.arm("before_commit", 0)
    control.reach("before_commit")
    control.reach("before_commit")
    reached = control.reached("before_commit")
    assert reached is not None
    assert reached.pid == os.getpid()
    assert abs(reached.at - time.time()) < 10


def test_a_point_that_is_gone_stops_the_gateway(tmp_path: Path) -> None:
    """A renamed function must not turn the harness into one that kills nobody."""
    (tmp_path / "renaming.py").write_text(
        "def away():\n"
        "    from gateway.events.store import EventStore\n"
        "    EventStore._put = EventStore._insert\n"
        "    del EventStore._insert\n"
    )
    injected = Path(sys.modules[Control.__module__].__file__ or "").parent / "injected"
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "--help"],
        env=environment(
            CRASH_CONTROL=str(tmp_path),
            CRASH_INJECTIONS="renaming:away,simulators.crash.points:install",
            PYTHONPATH=os.pathsep.join(map(str, (injected, tmp_path, injected.parents[2]))),
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == os.EX_SOFTWARE
    assert "has no attribute '_insert'" in done.stderr
