"""Garbage collection: however much the writer remembers, no collection looks through much of it."""

import subprocess
import sys

SCRIPT = """
import gc, weakref
from gateway.analysis.counterparty import Counterparty
from gateway.analysis.profile import Profile
from gateway.garbage import MIDDLE, YOUNG, look_through, set_aside_what_stays

set_aside_what_stays()
most, times = 0, [0, 0, 0]
def look(phase, told):
    global most
    if phase == "start":
        times[told["generation"]] += 1
        if told["generation"]:
            most = max(most, sum(len(gc.get_objects(each)) for each in range(told["generation"] + 1)))
gc.callbacks.insert(0, look)
kept = []
for number in range(3_000):
    kept += [Profile(str(number)), Counterparty(str(number))]
    for times_seen in range(3):
        at = 1.79e9 + times_seen * 90_000
        kept[-2].absorb(amount_minor=100, direction="in", counterparty=str(times_seen), occurred_at=at)
        kept[-1].absorb(amount_minor=100, occurred_at=at, new=True, suspicious=False)
class Cycle:
    pass
one, weak = Cycle(), None
one.itself = one
weak = weakref.ref(one)
gc.collect(1)
del one
gc.collect()
hidden, in_its_course = weak() is not None, most
look_through()
print(times[1] > 0, in_its_course < YOUNG * (MIDDLE + 3), gc.get_freeze_count() > YOUNG * MIDDLE, hidden, weak() is None)
"""


def test_what_stays_is_looked_through_once() -> None:
    """6,000 states later, the middle generation was collected, was never large, and what it held is set aside. In a process
    of its own, because it changes how this one collects."""
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.split()[:3] == ["True", "True", "True"]
    assert run.stdout.split()[3:] == ["True", "True"], (
        "a cycle that ended after it was set aside is found in an idle moment"
    )
