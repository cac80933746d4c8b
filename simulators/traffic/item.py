"""One event of a simulated day, with what it should do to money: the ledger's expected result, computed apart from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

EXPONENTS: Final[Mapping[str, int]] = {"USD": 2, "EUR": 2, "INR": 2, "JPY": 0, "KWD": 3}
"""Decimals of the currencies that the simulated people use (ISO 4217)."""


def decimal_text(amount_minor: int, currency: str) -> str:
    """12345 USD → "123.45"; no point for JPY."""
    places = EXPONENTS[currency]
    if places == 0:
        return str(amount_minor)
    whole, part = divmod(amount_minor, 10**places)
    return f"{whole}.{part:0{places}d}"


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount_minor` is signed: positive credits the owner's wallet."""

    owner: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What an event does to wallets: once per `key`, however many events report it, and only after `needs` happened."""

    key: str
    postings: tuple[Posting, ...]
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A provider's event, ready to be signed and posted.

    `event_id` is the id the delivery carries (for Razorpay its unsigned header), `reference` is what the gateway calls
    `tx_id`, `kind` is the provider's type name, `note` names the anomaly the event belongs to.
    """

    source: str
    kind: str
    event_id: str
    reference: str
    body: bytes
    occurred_at: int
    effect: Effect | None = None
    note: str | None = None


def expected_balances(items: Iterable[Item]) -> dict[tuple[str, str], int]:
    """(owner, currency) → net minor units after every item was delivered at least once, in any order.

    Net is `balance − receivable`: a debit that a wallet could not cover is owed instead. Wallets that nothing touched
    are absent.
    """
    effects = {item.effect.key: item.effect for item in items if item.effect}
    balances: dict[tuple[str, str], int] = {}
    for effect in effects.values():
        if effect.needs is None or effect.needs in effects:
            for posting in effect.postings:
                account = (posting.owner, posting.currency)
                balances[account] = balances.get(account, 0) + posting.amount_minor
    return balances


def captured(source: str, payment: str, owner: str | None, currency: str, amount_minor: int) -> Effect:
    """A payment credits its wallet, or the source's suspense wallet when it names none."""
    posting = Posting(owner or f"suspense:{source}", currency, amount_minor)
    return Effect(f"{source}:capture:{payment}", (posting,))


def refunded(capture: Effect, source: str, refund: str, amount_minor: int) -> Effect:
    """A succeeded refund debits the wallet that the payment credited, once the payment is there."""
    credited = capture.postings[0]
    debit = Posting(credited.owner, credited.currency, -amount_minor)
    return Effect(f"{source}:refund:{refund}", (debit,), needs=capture.key)
