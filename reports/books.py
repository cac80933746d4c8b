"""The money part of a report: what was booked in each currency, and the proof that it adds up.

A field is a figure that was read; a property is one that follows from the others. Both appear in the JSON.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from gateway.money import decimal_text

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Amount:
    """An exact amount of one currency; adding two currencies raises `ValueError`, so no total can mix them."""

    amount_minor: int
    currency: str

    @property
    def amount(self) -> str:
        return decimal_text(self.amount_minor, self.currency)

    def __add__(self, other: "Amount") -> "Amount":
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added")
        return Amount(self.amount_minor + other.amount_minor, self.currency)

    def __neg__(self) -> "Amount":
        return self.times(-1)

    def __sub__(self, other: "Amount") -> "Amount":
        return self + -other

    def times(self, factor: int) -> "Amount":
        return Amount(self.amount_minor * factor, self.currency)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """The first rows of a list that may be long, and how many rows were left out."""

    rows: tuple[Row, ...]
    left_out: int = 0

    @property
    def total(self) -> int:
        return len(self.rows) + self.left_out


@dataclass(frozen=True, slots=True)
class Flow:
    """What was booked in one currency. Transfers stay between wallets, so they are no part of `net`."""

    captured: Amount
    refunded: Amount
    returned: Amount
    transferred: Amount
    transactions: int

    @property
    def net(self) -> Amount:
        return self.captured - self.refunded + self.returned

    def __add__(self, other: "Flow") -> "Flow":
        return Flow(
            captured=self.captured + other.captured,
            refunded=self.refunded + other.refunded,
            returned=self.returned + other.returned,
            transferred=self.transferred + other.transferred,
            transactions=self.transactions + other.transactions,
        )


def flow(currency: str, amounts: dict[str, int] | None = None, transactions: int = 0) -> Flow:
    """The flow of minor units by transaction kind; kinds that are not named stay zero."""
    minor = amounts or {}
    return Flow(
        captured=Amount(minor.get("capture", 0), currency),
        refunded=Amount(minor.get("refund", 0), currency),
        returned=Amount(minor.get("refund_failed", 0), currency),
        transferred=Amount(minor.get("transfer", 0), currency),
        transactions=transactions,
    )


FLOW_KINDS: Final = frozenset({"capture", "refund", "refund_failed", "transfer"})
"""The transaction kinds that `Flow` has a column for; every other kind is listed by its own name."""

CLEARED_BY: Final = MappingProxyType(
    {
        "dispute_opened": 0,
        "dispute_released": 0,
        "dispute_withdrawn": -1,
        "dispute_reinstated": 1,
        "payout_requested": 0,
        "payout_released": 0,
        "payout_done": -1,
        "payout_return": 1,
    }
)
"""How the other kinds move money through clearing: in (1), out (-1), or only onto and off a hold (0)."""


def summed(flows: Iterable[Flow], currency: str) -> Flow:
    return reduce(lambda total, each: total + each, flows, flow(currency))


@dataclass(frozen=True, slots=True)
class SourceFlow:
    source: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class StepFlow:
    """One hour, day, month or year of a series, from `start`."""

    start: datetime
    flow: Flow


@dataclass(frozen=True, slots=True)
class OtherKind:
    kind: str
    amount: Amount
    transactions: int


@dataclass(frozen=True, slots=True)
class AccountChange:
    """How the accounts of one class (wallet, clearing, suspense, ...) changed together."""

    account: str
    change: Amount


@dataclass(frozen=True, slots=True)
class WalletChange:
    """One wallet over the period; `closing` is the balance its last posting in the period recorded."""

    owner: str
    change: Amount
    closing: Amount
    postings: int

    @property
    def opening(self) -> Amount:
        return self.closing - self.change


@dataclass(frozen=True, slots=True)
class CurrencyFigures:
    """All money of one currency. `accounts` come from the legs, the rest from the transactions: two independent sums."""

    currency: str
    by_source: tuple[SourceFlow, ...]
    series: tuple[StepFlow, ...]
    other_kinds: tuple[OtherKind, ...]
    accounts: tuple[AccountChange, ...]
    wallets: Listing[WalletChange]

    @property
    def total(self) -> Flow:
        return summed((each.flow for each in self.by_source), self.currency)

    @property
    def legs_sum(self) -> Amount:
        return sum((each.change for each in self.accounts), Amount(0, self.currency))

    @property
    def cleared(self) -> Amount:
        """What came in through the providers, less what went out: by the legs on clearing, seen from the wallets."""
        legs = (each.change for each in self.accounts if each.account == "clearing")
        return -sum(legs, Amount(0, self.currency))

    @property
    def expected(self) -> Amount:
        """The same from the transactions: the net, and what disputes and payouts moved."""
        moved = (each.amount.times(CLEARED_BY.get(each.kind, 0)) for each in self.other_kinds)
        return sum(moved, self.total.net)

    @property
    def balances(self) -> bool:
        """Whether the double entry holds and both ways of counting agree; a kind unknown here leaves only the first."""
        known = all(each.kind in CLEARED_BY for each in self.other_kinds)
        return self.legs_sum.amount_minor == 0 and (self.cleared == self.expected or not known)
