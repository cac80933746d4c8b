"""What the audit found: one check per invariant, with the first broken record named."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final

INVARIANTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "I1": "every stored event has one outcome or waits in the queue",
        "I2": "at most one effect per effect key",
        "I3": "debits equal credits in every transaction, so in every currency",
        "I4": "each wallet is the fold of its legs, versions without gaps",
        "I5": "nothing available below zero, nothing owed while something is available",
        "I6": "a hold ends once",
        "I7": "refunds never exceed what was captured",
        "I8": "only edges of the tables, with the effects of the tables",
        "I9": "no stored event was altered, no altered event was applied",
        "I10": "what was refused or ignored changed nothing",
        "I12": "the chain of seals verifies",
        "I13": "the balance at a past moment equals the replay to it",
        "I14": "one record per change: a sequence without gaps, each of one event",
    }
)
"""I11, I15 and I16 speak of behaviour over time (limits, healing, retries), not of stored records: tests prove those."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One record that contradicts an invariant."""

    collection: str
    record: str
    """Its `_id`."""
    why: str
    seq: int | None = None

    def __str__(self) -> str:
        place = f"{self.collection} {self.record}" + (f" (seq {self.seq})" if self.seq is not None else "")
        return f"{place}: {self.why}"


@dataclass(slots=True)
class Check:
    """One invariant: how many records were held against it, how many contradict it, and the first of those."""

    id: str
    checked: int = 0
    broken: int = 0
    first: Broken | None = None

    @property
    def what(self) -> str:
        return INVARIANTS[self.id]

    def to_document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "what": self.what,
            "checked": self.checked,
            "broken": self.broken,
            "first": asdict(self.first) if self.first else None,
        }


@dataclass(slots=True)
class Findings:
    """The checks of one pass over the store."""

    checks: dict[str, Check] = field(default_factory=dict)

    def checked(self, invariant: str, count: int = 1) -> None:
        self._check(invariant).checked += count

    def broken(self, invariant: str, broken: Broken) -> None:
        check = self._check(invariant)
        check.broken += 1
        check.first = check.first or broken

    def add(self, others: Iterable["Findings"]) -> None:
        """Take in what other passes found; the first finding stays the first."""
        for other in others:
            for found in other.checks.values():
                check = self._check(found.id)
                check.checked += found.checked
                check.broken += found.broken
                check.first = check.first or found.first

    def in_order(self) -> list[Check]:
        """A check for every invariant, also where nothing was there to be checked."""
        return [self._check(invariant) for invariant in INVARIANTS]

    def _check(self, invariant: str) -> Check:
        return self.checks.setdefault(invariant, Check(invariant))
