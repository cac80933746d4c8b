"""What is known of a counterparty in one currency: its volume by day and its chargebacks, as state whose size has a bound.

A chargeback enters when it becomes known, some days after the payment it takes back, so a rate is only asked of payments
that are old enough to have been disputed: the matured ones. Days are UTC. Movements may arrive in any order.
"""

from bisect import bisect_left
from collections.abc import Mapping
from math import log
from typing import Any, Final

from gateway.analysis.profile import DAY_S, Window, counterparty_mark

SHAPE: Final = 1
"""Version of the stored document; a counterparty of another shape starts anew."""
DAYS_MAX: Final = 36
"""Day buckets kept: four weeks that have matured, and the week that has not."""
MATURE_DAYS: Final = 7
"""After this many days a payment that nobody disputed counts as good."""
RUN_DAYS: Final = 28
"""A chargeback this long after the last one begins a new run: whatever was wrong then is another matter now."""
WEIGHT_MAX: Final = 200
SPREAD_START: Final = 1.0
"""Variance of the logarithm of a counterparty's amounts before it has any."""


class Counterparty:
    """A counterparty's running state; `id` is "<CUR>:<mark>". It is changed in place, like a profile."""

    __slots__ = (
        "counts",
        "days",
        "ever",
        "first_day",
        "id",
        "known",
        "last_day",
        "mean",
        "new",
        "run",
        "seen",
        "seq",
        "since_s",
        "stored",
        "suspicions",
        "variance",
    )

    def __init__(self, counterparty_id: str) -> None:
        self.id = counterparty_id
        self.days: list[int] = []
        self.counts: list[int] = []
        """Movements of each of `days`; beside them how many met it for the first time, and how many looked suspicious."""
        self.new: list[int] = []
        self.suspicions: list[int] = []
        self.known = Window(slot_s=DAY_S, slots_max=28)
        """Chargebacks by the day they became known."""
        self.ever = 0
        self.run = 0
        self.first_day: int | None = None
        """Of the payments charged back in the present run; `last_day` likewise."""
        self.last_day: int | None = None
        self.seen = 0
        self.mean = 0.0
        self.variance = SPREAD_START
        self.since_s: float | None = None
        self.seq = 0
        """The number of the last transaction it has learned from."""
        self.stored = False

    def absorb(self, *, amount_minor: int, occurred_at: float, new: bool, suspicious: bool) -> None:
        """Learns from one movement, after it was scored."""
        place = self._place(int(occurred_at // DAY_S))
        if place is not None:
            self.counts[place] += 1
            self.new[place] += new
            self.suspicions[place] += suspicious
        self.seen += 1
        step = log(amount_minor) - self.mean
        weight = 1.0 / min(self.seen, WEIGHT_MAX)
        self.mean += step * weight
        if self.seen > 1:
            self.variance = (1.0 - weight) * (self.variance + step * step * weight)
        if self.since_s is None or occurred_at < self.since_s:
            self.since_s = occurred_at

    def charge_back(self, *, paid_at: float, known_at: float, suspicious: bool) -> None:
        """A payment of `paid_at` turned out to be disputed or fraud, known since `known_at`; both in unix seconds.

        One that was suspicious for its wallet says something of the wallet and little of the counterparty: it is counted,
        and begins no run."""
        self.ever += 1
        if suspicious:
            return
        day = int(paid_at // DAY_S)
        self.known.add(known_at, 0)
        if self.last_day is None or self.first_day is None or day - self.last_day > RUN_DAYS:
            self.first_day = self.last_day = day
            self.run = 1
        elif day > self.first_day - RUN_DAYS:
            self.first_day, self.last_day = min(self.first_day, day), max(self.last_day, day)
            self.run += 1

    def take_back(self, *, suspicious: bool) -> None:
        """A chargeback was won, or given up: one fewer. Which of them it was is not kept; the latest known goes."""
        self.ever = max(0, self.ever - 1)
        if suspicious:
            return
        self.run = max(0, self.run - 1)
        if self.run == 0:
            self.first_day = self.last_day = None
        self.known.take_last()

    def matured(self, day: int) -> tuple[int, int]:
        """How many movements are old enough on `day` to have been disputed: since the run's first, and after its last."""
        since_first = since_last = 0
        if self.first_day is None or self.last_day is None:
            return 0, 0
        up_to = day - MATURE_DAYS
        for place in range(len(self.days) - 1, -1, -1):
            bucket = self.days[place]
            if bucket < self.first_day:
                break
            if bucket <= up_to:
                since_first += self.counts[place]
                if bucket > self.last_day:
                    since_last += self.counts[place]
        return since_first, since_last

    def _place(self, day: int) -> int | None:
        """Where the bucket of `day` is, made if it is missing; None for one older than all that are kept."""
        days = self.days
        if days and day == days[-1]:
            return len(days) - 1
        if days and day <= days[-1] - DAYS_MAX:
            return None
        place = bisect_left(days, day)
        if place == len(days) or days[place] != day:
            days.insert(place, day)
            for numbers in (self.counts, self.new, self.suspicions):
                numbers.insert(place, 0)
            gone = bisect_left(days, days[-1] - DAYS_MAX + 1)
            if gone:
                for numbers in (days, self.counts, self.new, self.suspicions):
                    del numbers[:gone]
                place -= gone
        return place

    def to_document(self) -> dict[str, Any]:
        """Plain numbers and lists, all copies: a batch may be absorbed while the one before is being written."""
        return {
            "_id": self.id,
            "shape": SHAPE,
            "seq": self.seq,
            "days": [self.days[:], self.counts[:], self.new[:], self.suspicions[:]],
            "known": self.known.to_lists(),
            "charged_back": [self.ever, self.run, self.first_day, self.last_day],
            "amounts": [self.seen, self.mean, self.variance],
            "since_s": self.since_s,
        }

    @classmethod
    def from_document(cls, stored: Mapping[str, Any]) -> "Counterparty":
        """What `to_document` wrote; a document of another shape gives an empty one."""
        found = cls(stored["_id"])
        found.stored = True
        if stored.get("shape") != SHAPE:
            return found
        found.seq = stored["seq"]
        found.days, found.counts, found.new, found.suspicions = (list(numbers) for numbers in stored["days"])
        found.known.read(stored["known"])
        found.ever, found.run, found.first_day, found.last_day = stored["charged_back"]
        found.seen, found.mean, found.variance = stored["amounts"]
        found.since_s = stored["since_s"]
        return found


def counterparty_id(currency: str, counterparty: str) -> str:
    """By a mark, because the name may be a person's."""
    return f"{currency}:{counterparty_mark(counterparty)}"
