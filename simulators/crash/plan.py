"""One seed, one plan: which fault each round has, where it strikes, how the clocks go meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

Victim = Literal["web", "writer", "mongod", "supervisor", "pause", "clock"]

POINTS: Final = ("before_insert", "after_insert", "before_commit", "after_commit", "while_parking", "while_releasing")
"""Named moments inside the gateway's processes (`simulators.crash.points`)."""

_WHERE: Final[dict[Victim, tuple[str | None, ...]]] = {
    "web": (None, "before_insert", "after_insert"),
    "writer": (None, "before_commit", "after_commit", "while_parking", "while_releasing"),
    "mongod": (None, "before_insert", "after_insert", "before_commit", "after_commit"),
    "supervisor": (None, "after_insert", "before_commit"),
    "pause": (None, "before_commit", "after_commit"),
    "clock": (None,),
}
"""`None` is a moment of the traffic; a pause stops the writer there until somebody else has its lease."""

_STEPS_S: Final = (-120.0, -3.0, 3.0, 120.0, 4_000.0)
_HARMLESS_STEPS_S: Final = (-2.0, 3.0, 120.0)
"""Clocks that still let webhooks in: a signed time may be 300 s old or 5 s ahead."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`begins` is the share of the round's postings before it; `step_s` is how far clocks are wrong during the round.

    `web_clock`, `worker_clock`: whose clocks are.
    """

    victim: Victim
    point: str | None = None
    begins: float = 0.3
    step_s: float = 0.0
    web_clock: bool = True
    worker_clock: bool = True

    @property
    def name(self) -> str:
        place = self.point or "at random"
        return "clock stepped" if self.victim == "clock" else f"{_DEED[self.victim]} {place.replace('_', ' ')}"


_DEED: Final[dict[Victim, str]] = {
    "web": "web killed",
    "writer": "writer killed",
    "mongod": "mongod killed",
    "supervisor": "supervisor killed",
    "pause": "writer paused",
    "clock": "clock stepped",
}


@dataclass(frozen=True, slots=True)
class Round:
    number: int
    fault: Fault
    traffic: str = field(repr=False)
    """The seed of its events."""


def plan_rounds(count: int, *, seed: int) -> list[Round]:
    """Any six rounds in a row have one fault of each kind; each kind goes through its places in a seeded order."""
    random = Random(f"{seed}:plan")
    faults = _faults(random)
    return [Round(number, next(faults), f"{seed}:{number}") for number in range(1, count + 1)]


def _faults(random: Random) -> Iterator[Fault]:
    places = {victim: _dealt(random, where) for victim, where in _WHERE.items()}
    while True:
        for victim in random.sample(list(_WHERE), k=len(_WHERE)):
            yield _fault(random, victim, next(places[victim]))


def _fault(random: Random, victim: Victim, point: str | None) -> Fault:
    steps = _STEPS_S if victim == "clock" else _HARMLESS_STEPS_S
    wrong = victim == "clock" or random.random() < 0.3
    whose = random.choice(((True, True), (True, False), (False, True)))
    return Fault(
        victim=victim,
        point=point,
        begins=random.uniform(0.0, 0.2) if point else random.uniform(0.1, 0.6),
        step_s=random.choice(steps) if wrong else 0.0,
        web_clock=whose[0],
        worker_clock=whose[1],
    )


def _dealt(random: Random, where: tuple[str | None, ...]) -> Iterator[str | None]:
    """Each place once before any comes again."""
    while True:
        yield from random.sample(where, k=len(where))
