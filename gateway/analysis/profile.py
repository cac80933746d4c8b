"""What a wallet usually does in one currency, as running state whose size has a bound.

One profile holds two flows (money in, money out), because a wallet that receives a salary and buys coffee has two
normal amounts. A flow holds the running mean and variance of the logarithm of its amounts, and three windows of time
slots, so that neither memory nor time grows with volume. Movements may arrive in any order.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from math import inf, log, sqrt
from typing import Any, Final, Literal, NamedTuple

Direction = Literal["in", "out"]

SHAPE: Final = 3
"""Version of the stored document; a profile of another shape starts anew."""
COUNTERPARTIES_MAX: Final = 64
WEIGHT_MAX: Final = 500
"""A running mean forgets: one amount never weighs less than 1/500."""
WINSOR_FROM: Final = 5
WINSOR_DEVIATIONS: Final = 3.0
"""From the fifth amount on, an outlier enters the mean as if it were 3 deviations away: one cannot teach much."""
DEVIATION_MIN: Final = 0.25
"""Of the logarithm: a wallet that always pays 10.00 is not alarmed by 12.00."""
EWMA_WEIGHT: Final = 0.1
LEVEL_DEVIATION_MIN: Final = 0.1
SUSPICIONS_DAYS: Final = 14
SUSPICIOUS_TIMES: Final = 3.0
"""From this many times a wallet's mean amount on, a movement is remembered as a suspicion for two weeks."""
SUM_MAX: Final = 2**62
"""A sum stops here, inside what MongoDB's 64-bit integer holds."""
HOUR_S: Final = 3_600
DAY_S: Final = 86_400


class Window:
    """Counts and sums of the last `slots_max` slots of `slot_s` seconds; empty slots take no room."""

    __slots__ = ("counts", "slot_s", "slots", "slots_max", "sums")

    def __init__(self, *, slot_s: int, slots_max: int) -> None:
        self.slot_s = slot_s
        self.slots_max = slots_max
        self.slots: list[int] = []
        self.counts: list[int] = []
        self.sums: list[int] = []

    def add(self, at_s: float, amount_minor: int) -> None:
        """Books a movement in its slot; one older than the whole window changes nothing."""
        slot, slots = int(at_s // self.slot_s), self.slots
        if not slots or slot > slots[-1]:
            slots.append(slot)
            self.counts.append(1)
            self.sums.append(amount_minor)
            self._drop_before(slot - self.slots_max + 1)
            return
        if slot <= slots[-1] - self.slots_max:
            return
        place = bisect_left(slots, slot)
        if slots[place] == slot:
            self.counts[place] += 1
            self.sums[place] = min(self.sums[place] + amount_minor, SUM_MAX)
        else:
            slots.insert(place, slot)
            self.counts.insert(place, 1)
            self.sums.insert(place, amount_minor)

    def total(self, at_s: float, *, back: int, skip: int = 0) -> tuple[int, int]:
        """Count and sum of the `back` slots that end with the slot of `at_s`, or `skip` slots before it."""
        slots, last = self.slots, int(at_s // self.slot_s) - skip
        if not slots or slots[0] > last or slots[-1] <= last - back:
            return 0, 0
        if slots[-1] <= last and slots[0] > last - back:
            return (self.counts[0], self.sums[0]) if len(slots) == 1 else (sum(self.counts), sum(self.sums))
        end = bisect_right(slots, last)
        start = bisect_right(slots, last - back, 0, end)
        return sum(self.counts[start:end]), sum(self.sums[start:end])

    def take_last(self) -> None:
        """One movement fewer in the latest slot."""
        if not self.slots:
            return
        self.counts[-1] -= 1
        if self.counts[-1] == 0:
            del self.slots[-1], self.counts[-1], self.sums[-1]

    def _drop_before(self, slot: int) -> None:
        gone = bisect_left(self.slots, slot)
        if gone:
            del self.slots[:gone], self.counts[:gone], self.sums[:gone]

    def to_lists(self) -> list[list[int]]:
        return [self.slots[:], self.counts[:], self.sums[:]]

    def read(self, lists: list[list[int]]) -> None:
        self.slots, self.counts, self.sums = (list(numbers) for numbers in lists)


class Flow:
    """The money of one direction: how large it usually is and how often it comes."""

    __slots__ = ("count", "days", "ewma", "hours", "level", "mean", "minutes", "spread", "variance")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.variance = 0.0
        self.ewma = 0.0
        self.level = 0.0
        """The running mean of the amounts themselves, in minor units, and their variance: multiples of a wallet's usual
        amount stand out from it more than from the mean of logarithms, which small amounts pull apart."""
        self.spread = 0.0
        self.minutes = Window(slot_s=300, slots_max=12)
        self.hours = Window(slot_s=HOUR_S, slots_max=24)
        self.days = Window(slot_s=DAY_S, slots_max=8)

    @property
    def deviation(self) -> float:
        """Of the logarithm of the amounts, never below `DEVIATION_MIN`."""
        return max(sqrt(self.variance), DEVIATION_MIN)

    @property
    def amount_deviation(self) -> float:
        """Of the amounts, never below a tenth of their mean."""
        return max(sqrt(self.spread), self.level * LEVEL_DEVIATION_MIN, 1.0)

    def absorb(self, amount_minor: int, at_s: float) -> None:
        value = log(amount_minor)
        if self.count == 0:
            self.mean = self.ewma = value
            self.level = float(amount_minor)
        else:
            self._learn(value)
            self._learn_level(amount_minor)
        self.count += 1
        self.minutes.add(at_s, amount_minor)
        self.hours.add(at_s, amount_minor)
        self.days.add(at_s, amount_minor)

    def _learn(self, value: float) -> None:
        """Welford's recurrence with a capped weight. Repeating an amount never makes it look more unusual."""
        reach = WINSOR_DEVIATIONS * self.deviation if self.count >= WINSOR_FROM else inf
        step = max(-reach, min(reach, value - self.mean))
        weight = 1.0 / min(self.count + 1, WEIGHT_MAX)
        self.mean += step * weight
        self.variance = (1.0 - weight) * (self.variance + step * step * weight)
        self.ewma += max(-reach, min(reach, value - self.ewma)) * EWMA_WEIGHT

    def _learn_level(self, amount_minor: int) -> None:
        """The same recurrence for the amounts themselves."""
        step = amount_minor - self.level
        if self.count >= WINSOR_FROM:
            reach = WINSOR_DEVIATIONS * self.amount_deviation
            step = max(-reach, min(reach, step))
        weight = 1.0 / min(self.count + 1, WEIGHT_MAX)
        self.level += step * weight
        self.spread = (1.0 - weight) * (self.spread + step * step * weight)

    def to_list(self) -> list[Any]:
        windows = (self.minutes, self.hours, self.days)
        amounts = [self.count, self.mean, self.variance, self.ewma, self.level, self.spread]
        return [*amounts, *(window.to_lists() for window in windows)]

    def read(self, stored: list[Any]) -> None:
        self.count, self.mean, self.variance, self.ewma, self.level, self.spread, minutes, hours, days = stored
        self.minutes.read(minutes)
        self.hours.read(hours)
        self.days.read(days)


class Learned(NamedTuple):
    """What a movement was to the profile that absorbed it: the counterparty's state takes it over."""

    new: bool
    """It met its counterparty for the first time, as far as is remembered."""
    suspicious: bool


class Profile:
    """A wallet's running state; `id` is "<CUR>:<owner>".

    It is changed in place: after a database transaction that failed, read it again instead of using it further.
    """

    __slots__ = (
        "counterparties",
        "days_seen",
        "first_s",
        "hours",
        "id",
        "last_s",
        "met",
        "met_new",
        "money_in",
        "money_out",
        "seq",
        "stored",
        "suspicions",
    )

    def __init__(self, profile_id: str) -> None:
        self.id = profile_id
        self.money_in = Flow()
        self.money_out = Flow()
        self.hours = [0] * 24
        self.counterparties: dict[str, int] = {}
        self.met = 0
        self.met_new = 0
        self.first_s: float | None = None
        self.last_s: float | None = None
        self.days_seen = 0
        self.suspicions = Window(slot_s=DAY_S, slots_max=SUSPICIONS_DAYS)
        """Movements that were many times the usual amount."""
        self.seq = 0
        """The number of the last transaction it has learned from."""
        self.stored = False
        """Whether MongoDB has a document of it, of whatever shape."""

    @property
    def count(self) -> int:
        return self.money_in.count + self.money_out.count

    def flow(self, direction: Direction) -> Flow:
        return self.money_in if direction == "in" else self.money_out

    def is_suspicious(self, amount_minor: int, direction: Direction) -> bool:
        """Whether an amount is so far from the usual that it is remembered: a matter of the past alone, not of a model."""
        flow = self.flow(direction)
        return flow.count >= WINSOR_FROM and amount_minor >= SUSPICIOUS_TIMES * flow.level

    def absorb(
        self, *, amount_minor: int, direction: Direction, counterparty: str | None, occurred_at: float
    ) -> Learned:
        """Learns from one movement, after it was scored. `occurred_at` is in unix seconds."""
        suspicious = self.is_suspicious(amount_minor, direction)
        if suspicious:
            self.suspicions.add(occurred_at, amount_minor)
        self.flow(direction).absorb(amount_minor, occurred_at)
        self.hours[int(occurred_at // HOUR_S) % 24] += 1
        new = counterparty is not None and self._meet(counterparty_mark(counterparty))
        self._see(occurred_at)
        return Learned(new, suspicious)

    def _meet(self, mark: str) -> bool:
        """Whether it is the first time, as far as is remembered."""
        times = self.counterparties.pop(mark, 0)
        self.counterparties[mark] = times + 1  # the end of the dict is the most recent
        self.met += 1
        if times == 0:
            self.met_new += 1
            if len(self.counterparties) > COUNTERPARTIES_MAX:
                del self.counterparties[next(iter(self.counterparties))]
        return times == 0

    def _see(self, at_s: float) -> None:
        if self.first_s is None or self.last_s is None:
            self.first_s = self.last_s = at_s
            self.days_seen = 1
            return
        if at_s > self.last_s:
            self.days_seen += at_s // DAY_S > self.last_s // DAY_S
            self.last_s = at_s
        self.first_s = min(self.first_s, at_s)

    def to_document(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, all copies: a batch may be absorbed while the one before is being written."""
        return {
            "_id": self.id,
            "shape": SHAPE,
            "seq": self.seq,
            "in": self.money_in.to_list(),
            "out": self.money_out.to_list(),
            "hours": self.hours[:],
            "counterparties": dict(self.counterparties),
            "met": [self.met, self.met_new],
            "seen": [self.first_s, self.last_s, self.days_seen],
            "suspicions": self.suspicions.to_lists(),
        }

    @classmethod
    def from_document(cls, stored: Mapping[str, Any]) -> "Profile":
        """The profile that `to_document` wrote; a document of another shape gives an empty one."""
        profile = cls(stored["_id"])
        profile.stored = True
        if stored.get("shape") != SHAPE:
            return profile
        profile.seq = stored["seq"]
        profile.money_in.read(stored["in"])
        profile.money_out.read(stored["out"])
        profile.hours = list(stored["hours"])
        profile.counterparties = dict(stored["counterparties"])
        profile.met, profile.met_new = stored["met"]
        profile.first_s, profile.last_s, profile.days_seen = stored["seen"]
        profile.suspicions.read(stored["suspicions"])
        return profile


@lru_cache(maxsize=65_536)
def counterparty_mark(counterparty: str) -> str:
    """16 hex digits that stand for a counterparty: a name of any length or spelling takes the same room."""
    return blake2b(counterparty.encode(errors="surrogatepass"), digest_size=8).hexdigest()
