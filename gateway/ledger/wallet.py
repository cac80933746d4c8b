"""A wallet: what an owner has in one currency, what of it is held, and what the owner owes.

Kept in a normal form: something is owed only while nothing is available. Then balance, hold and debt are a function of the
sums of what moved and what is held, so any order of the same movements ends in the same wallet.
"""

from dataclasses import replace
from typing import Any, Final, NamedTuple

from gateway.value import value

BALANCE_MINOR_MAX: Final = 2**62
"""Half of what MongoDB's 64-bit integer holds; an event that would pass it is parked instead of overflowing."""


class BalanceTooLarge(Exception):
    """The wallet cannot hold this many minor units."""


class Change(NamedTuple):
    """What one movement changes, in minor units: the wallet's leg, its hold, and the leg of `receivable:<owner>`."""

    balance: int
    locked: int
    receivable: int


@value(frozen=True, slots=True)
class Wallet:
    """`available` is `balance - locked`, never below zero; `receivable_minor` is what is owed beyond it."""

    owner: str
    currency: str
    balance_minor: int = 0
    locked_minor: int = 0
    receivable_minor: int = 0
    version: int = 0
    day: str = ""
    """The day ("2026-11-21", UTC) that `day_used_minor` speaks of; on another day nothing is used."""
    day_used_minor: int = 0
    month: str = ""
    month_used_minor: int = 0

    @property
    def key(self) -> str:
        return wallet_key(self.currency, self.owner)

    @property
    def account(self) -> str:
        """The name of its account in the postings."""
        return self.owner if self.owner.startswith("suspense:") else f"wallet:{self.owner}"

    def moved(self, balance: int, locked: int) -> tuple["Wallet", Change]:
        """The wallet after `balance` was added to its sum and `locked` to its holds. Raises `BalanceTooLarge`.

        What the provider has already moved cannot be refused: a debit beyond what is available is owed, and a later credit
        pays that first.
        """
        net = self.balance_minor - self.receivable_minor + balance
        held = self.locked_minor + locked
        if held < 0:
            raise ValueError("a hold would end twice")
        after = max(net, held)
        owed = after - net
        if max(after, owed, held) > BALANCE_MINOR_MAX:
            raise BalanceTooLarge
        wallet = Wallet(  # not `replace`, which costs twice as much, twice per transfer
            owner=self.owner,
            currency=self.currency,
            balance_minor=after,
            locked_minor=held,
            receivable_minor=owed,
            version=self.version + 1,
            day=self.day,
            day_used_minor=self.day_used_minor,
            month=self.month,
            month_used_minor=self.month_used_minor,
        )
        return wallet, Change(after - self.balance_minor, locked, self.receivable_minor - owed)

    def window(self, day: str) -> str:
        """The day that something sent on `day` counts in. A window never goes back: what arrives late, after the first of
        the next day, counts in that day; reopening the day before would forget what the new one has used."""
        return max(day, self.day)

    def having_sent(self, amount_minor: int, day: str) -> "Wallet":
        """The wallet with the amount counted in its windows of that day and month, up to `BALANCE_MINOR_MAX`: far beyond any
        limit, and a sum that MongoDB can hold where there is none."""
        day = self.window(day)
        month = day[:7]
        day_used = amount_minor + (self.day_used_minor if self.day == day else 0)
        month_used = amount_minor + (self.month_used_minor if self.month == month else 0)
        return replace(
            self,
            day=day,
            day_used_minor=min(day_used, BALANCE_MINOR_MAX),
            month=month,
            month_used_minor=min(month_used, BALANCE_MINOR_MAX),
        )


def wallet_key(currency: str, owner: str) -> str:
    return f"{currency}:{owner}"


def suspense_owner(source: str) -> str:
    """Who holds money that names no wallet: it is never dropped, and waits there for a person."""
    return f"suspense:{source}"


def wallet_from(document: dict[str, Any]) -> Wallet:
    return Wallet(
        owner=document["owner"],
        currency=document["currency"],
        balance_minor=document["balance_minor"],
        locked_minor=document["locked_minor"],
        receivable_minor=document["receivable_minor"],
        version=document["version"],
        day=document["day"],
        day_used_minor=document["day_used_minor"],
        month=document["month"],
        month_used_minor=document["month_used_minor"],
    )
