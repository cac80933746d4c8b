"""The rounds: traffic, a fault in it, everything healed, everything checked."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic, time
from typing import Any, Final

import orjson
from pymongo.errors import PyMongoError

from simulators.crash.check import Verdict, audit_problems, check
from simulators.crash.deliveries import ALTERED, DUPLICATES, round_traffic
from simulators.crash.faults import Striker
from simulators.crash.plan import Round
from simulators.crash.processes import Processes
from simulators.crash.provider import Journal, Provider
from simulators.crash.recovery import NotRecovered, Recovery, drained
from simulators.load.server import ServerFailed

PER_SECOND: Final = 200.0
ANSWERED_MAX_S: Final = 60.0
"""How long a round's postings are sent again before they count as never answered."""
HELD_BACK: Final = 0.85
"""The rest of a round's postings comes after the fault, so that there is something to recover with."""
HELD_BACK_MAX_S: Final = 2.0
SETTLING_S: Final = 0.7
"""And a moment after it: a killed supervisor's children do not leave at once."""
ENDING_MAX_S: Final = 20.0
"""What watches a round ends within an operation or two of MongoDB's, a pause a little later."""
POINTS: Final = "simulators.crash.points:install"


@dataclass(frozen=True, slots=True)
class Played:
    """One round that is over; `verdict` is about everything promised so far."""

    round: Round
    verdict: Verdict
    recovery_s: float | None
    missed: bool
    seconds: float


@dataclass(slots=True)
class Outcome:
    """What the rounds came to. `kept` is the directory with logs and data, when something is wrong."""

    seed: int
    played: list[Played] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    audited: bool = False
    kept: Path | None = None

    @property
    def verdict(self) -> Verdict:
        return self.played[-1].verdict if self.played else Verdict()

    @property
    def recovery_s_max(self) -> float:
        return max((each.recovery_s for each in self.played if each.recovery_s is not None), default=0.0)

    @property
    def holds(self) -> bool:
        return self.audited and self.verdict.holds and not self.problems

    def as_json(self) -> dict[str, Any]:
        verdict = self.verdict
        return {
            "acknowledged": verdict.acknowledged,
            "applied": verdict.applied,
            "lost": len(verdict.lost),
            "doubled": len(verdict.doubled),
            "recovery_s_max": round(self.recovery_s_max, 2),
            "rounds": len(self.played),
            "seed": self.seed,
            "faults": dict(Counter(each.round.fault.name for each in self.played if not each.missed)),
            "missed": sum(each.missed for each in self.played),
            "audit": self.audited and not self.problems,
            "problems": [*verdict.problems, *self.problems],
        }


async def play(
    rounds: Sequence[Round],
    *,
    seed: int,
    on_round: Callable[[Played], None] = lambda played: None,
    injections: Sequence[str] = (),
    import_from: Sequence[Path] = (),
    duplicates: float = DUPLICATES,
    altered: float = ALTERED,
) -> Outcome:
    """Play them against a gateway of our own, which is gone afterwards; stops after a round in which something is wrong.

    `injections` are further changes to the gateway's processes: mistakes, in tests of this harness. Raises `ServerFailed` when
    the gateway does not start at all.
    """
    outcome = Outcome(seed)
    directory = Path(tempfile.mkdtemp(prefix="gateway-crash-"))
    processes = Processes(directory, injections=(POINTS, *injections), import_from=import_from)
    journal = Journal(directory / "answers.jsonl")
    try:
        async with processes.running():
            for each in rounds:
                played = await _play_round(each, processes, journal, duplicates=duplicates, altered=altered)
                outcome.played.append(played)
                on_round(played)
                if not played.verdict.holds:
                    break
            await _audit(processes, outcome)
    except (NotRecovered, ServerFailed, PyMongoError) as failed:
        outcome.problems.append(f"{type(failed).__name__}: {failed}")
    except asyncio.CancelledError:  # Ctrl-C: nothing is left behind
        shutil.rmtree(directory)
        raise
    if outcome.holds:
        shutil.rmtree(directory)
    else:
        outcome.kept = directory
    return outcome


async def _play_round(
    each: Round, processes: Processes, journal: Journal, *, duplicates: float, altered: float
) -> Played:
    began = monotonic()
    traffic = round_traffic(each.traffic, at=int(time()), duplicates=duplicates, altered=altered)
    striker = Striker(processes, each.fault, Random(each.traffic))
    recovery = Recovery(processes, lambda: striker.struck_at)
    journal.acknowledged, journal.unanswered = recovery.acknowledged, recovery.unanswered
    begins, held_back = (int(len(traffic.sends) * share) for share in (each.fault.begins, HELD_BACK))
    striking: asyncio.Task[None] | None = None
    proceed = asyncio.Event()

    async def hold(number: int) -> None:
        nonlocal striking
        if number >= begins and striking is None:
            striking = asyncio.create_task(striker.strike())
        if number == held_back:
            give_up_at = monotonic() + HELD_BACK_MAX_S
            while striker.struck_at is None and monotonic() < give_up_at:
                await asyncio.sleep(0.02)
            await asyncio.sleep(SETTLING_S)
            proceed.set()
        if number > held_back:
            await proceed.wait()

    watching = asyncio.create_task(recovery.watch())
    try:
        provider = Provider(processes.url, processes.secrets, journal)
        unanswered = await provider.deliver(
            traffic.sends, per_second=PER_SECOND, until=monotonic() + ANSWERED_MAX_S, hold=hold
        )
        if unanswered:
            raise NotRecovered(f"{unanswered} postings were not answered within {ANSWERED_MAX_S:.0f} s")
        striker.undo()
        if striking:
            await striking
        await processes.ready()
        await drained(processes)
        if striker.struck_at is not None and recovery.seconds is None:
            recovery.seconds = time() - striker.struck_at
    finally:
        striker.undo()
        recovery.over = True
        await asyncio.wait({watching, striking} if striking else {watching}, timeout=ENDING_MAX_S)
    database = processes.database()
    assert database is not None, "it is ready"
    verdict = await check(database, journal, processes.cipher())
    return Played(each, verdict, recovery.seconds, striker.missed, monotonic() - began)


async def _audit(processes: Processes, outcome: Outcome) -> None:
    """The gateway's own audit, from a process that loads nothing of the writer."""
    exit_code, told = await processes.audit()
    try:
        report = orjson.loads(told)
    except orjson.JSONDecodeError:
        outcome.problems.append(f"the audit ended with {exit_code}: {told[-500:].decode(errors='replace')}")
        return
    outcome.audited = True
    outcome.problems += audit_problems(exit_code, report)
