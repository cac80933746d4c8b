"""One change of the books: the edge an object took, and the legs it posted, which sum to zero."""

from typing import Any

from gateway.ledger.wallet import Change, Wallet
from gateway.value import value


@value(frozen=True, slots=True)
class Leg:
    """A signed amount on one account; wallet legs also record the hold and what the wallet was afterwards."""

    account: str
    amount_minor: int
    wallet: Wallet | None = None
    """The wallet after this leg."""
    locked_minor: int = 0


@value(frozen=True, slots=True)
class Transaction:
    """Append-only. `key` is the effect key where money moves, else the event's own: either can be written once."""

    key: str
    effect: str
    """capture, refund, transfer, …; "state" where an object changed its state and no money moved."""
    event_id: str
    source: str
    object_key: str
    from_state: str
    to_state: str
    currency: str
    amount_minor: int
    legs: tuple[Leg, ...]
    occurred_at: float

    def __post_init__(self) -> None:
        if sum(leg.amount_minor for leg in self.legs) != 0:
            raise AssertionError(f"unbalanced: {self.key}")


def wallet_legs(before: Wallet, after: Wallet, change: Change) -> tuple[Leg, ...]:
    """The legs of one wallet's side of a movement."""
    legs = (Leg(before.account, change.balance, after, change.locked),)
    if change.receivable:
        return (*legs, Leg(f"receivable:{before.owner}", change.receivable))
    return legs


def leg_document(leg: Leg) -> dict[str, Any]:
    if leg.wallet is None:
        return {"account": leg.account, "amount_minor": leg.amount_minor}
    return {
        "account": leg.account,
        "amount_minor": leg.amount_minor,
        "locked_minor": leg.locked_minor,
        "balance_after": leg.wallet.balance_minor,
        "locked_after": leg.wallet.locked_minor,
        "version": leg.wallet.version,
    }
