"""Rows, in order → what the scorer would have seen of each: its vector and the rules' score, from its past only.

The same states and functions as in the worker. A fraud becomes a chargeback of its counterparty `delay_s` after it happened,
not earlier: what nobody knew yet is in no feature.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Final, NamedTuple

from gateway.analysis.assessment import assess
from gateway.analysis.counterparty import Counterparty
from gateway.analysis.features import Movement, features
from gateway.analysis.learning.rows import Row
from gateway.analysis.profile import DAY_S, Direction, Profile
from gateway.analysis.vector import vector

DELAY_DAYS: Final = 7
CURRENCY: Final = "USD"
"""A file says none; any with two decimals will do, since nothing is compared across currencies."""


class Seen(NamedTuple):
    """One event as it was scored; `seconds` is what features and rules took. An array: half a million of them fit in memory."""

    day: int
    customer: str
    fraud: bool
    numbers: "array[float]"
    rules: int
    seconds: float


class Stream:
    """The states of all customers and counterparties."""

    def __init__(self, *, delay_days: float = DELAY_DAYS) -> None:
        self._delay_s = delay_days * DAY_S
        self._profiles: dict[str, Profile] = {}
        self._counterparties: dict[str, Counterparty] = {}
        self._unknown: deque[tuple[float, Counterparty, float, bool]] = deque()
        """Frauds that nobody knows of yet: when they will be known, whose, and when they were paid."""

    def watch(self, rows: Iterable[Row], wanted: Callable[[int], bool]) -> Iterator[Seen]:
        """Go through all rows; give those of the wanted days."""
        for row in rows:
            if wanted(int(row.time_s // DAY_S)):
                yield self.look(row)
            self.learn(row)

    def look(self, row: Row) -> Seen:
        """What is known when the row happens. Changes nothing but what became known meanwhile."""
        self._mature(row.time_s)
        profile, counterparty = self._states(row)
        began = perf_counter()
        movement = _movement(row)
        seen = features(movement, profile, counterparty)
        rules = assess(seen).score
        numbers = vector(movement, seen, profile, counterparty)
        seconds = perf_counter() - began
        return Seen(int(row.time_s // DAY_S), row.customer, row.fraud, array("d", numbers), rules, seconds)

    def learn(self, row: Row) -> None:
        """The states take the row in; its label comes later."""
        self._mature(row.time_s)
        profile, counterparty = self._states(row)
        amount_minor = max(1, abs(row.amount_minor))
        learned = profile.absorb(
            amount_minor=amount_minor,
            direction=_direction(row),
            counterparty=row.counterparty,
            occurred_at=row.time_s,
        )
        counterparty.absorb(
            amount_minor=amount_minor, occurred_at=row.time_s, new=learned.new, suspicious=learned.suspicious
        )
        if row.fraud:
            self._unknown.append((row.time_s + self._delay_s, counterparty, row.time_s, learned.suspicious))

    def _mature(self, now_s: float) -> None:
        while self._unknown and self._unknown[0][0] <= now_s:
            known_at, counterparty, paid_at, suspicious = self._unknown.popleft()
            counterparty.charge_back(paid_at=paid_at, known_at=known_at, suspicious=suspicious)

    def _states(self, row: Row) -> tuple[Profile, Counterparty]:
        profile = self._profiles.get(row.customer)
        if profile is None:
            profile = self._profiles[row.customer] = Profile(f"{CURRENCY}:{row.customer}")
        counterparty = self._counterparties.get(row.counterparty)
        if counterparty is None:
            counterparty = self._counterparties[row.counterparty] = Counterparty(f"{CURRENCY}:{row.counterparty}")
        return profile, counterparty


def _movement(row: Row) -> Movement:
    return Movement(
        event_id="",
        source="file",
        kind="refund" if row.amount_minor < 0 else "capture",
        wallet=row.customer,
        counterparty=row.counterparty,
        currency=CURRENCY,
        amount_minor=max(1, abs(row.amount_minor)),
        direction=_direction(row),
        occurred_at=row.time_s,
    )


def _direction(row: Row) -> Direction:
    """As the ledger books them: a payment is captured into the wallet it belongs to, a refund goes out of it."""
    return "out" if row.amount_minor < 0 else "in"
