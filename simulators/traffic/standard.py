"""A bank that speaks Standard Webhooks: `{type, timestamp, data}` with decimal amounts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from simulators.traffic.cast import Person, alphanumeric
from simulators.traffic.item import Effect, Item, captured, decimal_text, refunded

SOURCE = "standard"


@dataclass(frozen=True, slots=True)
class Payment:
    """A bank payment into a wallet; `names_wallet` false leaves the wallet out."""

    random: Random
    person: Person
    amount_minor: int
    at: int
    payment: str
    names_wallet: bool
    manual: bool

    @property
    def capture(self) -> Effect:
        owner = self.person.owner if self.names_wallet else None
        return captured(SOURCE, self.payment, owner, self.person.currency, self.amount_minor)


def payment(
    random: Random, person: Person, amount_minor: int, at: int, *, names_wallet: bool = True, manual: bool = False
) -> Payment:
    """A payment; `manual` ones are authorized first."""
    return Payment(random, person, amount_minor, at, f"bp_{alphanumeric(random, 18)}", names_wallet, manual)


def captured_story(paid: Payment) -> Iterator[Item]:
    """The authorization is told only when the money was taken by hand."""
    if paid.manual:
        yield _event(paid, "payment.authorized", paid.amount_minor, 0)
    yield _event(paid, "payment.captured", paid.amount_minor, 30, effect=paid.capture)


def failed_story(paid: Payment, *, tries_again: bool) -> Iterator[Item]:
    """Refused by the bank, and sometimes paid after all."""
    yield _event(paid, "payment.failed", paid.amount_minor, 5, reason="insufficient_funds")
    if tries_again:
        yield _event(paid, "payment.captured", paid.amount_minor, 400, effect=paid.capture)


def canceled_story(paid: Payment) -> Iterator[Item]:
    """Authorized and let go."""
    yield _event(paid, "payment.authorized", paid.amount_minor, 0)
    yield _event(paid, "payment.canceled", paid.amount_minor, 3_600, reason="abandoned")


def refund_story(paid: Payment, parts_minor: list[int], *, after_s: int) -> Iterator[Item]:
    """Each part is created, then succeeds; only then it debits the wallet."""
    for number, part_minor in enumerate(parts_minor):
        refund = f"br_{alphanumeric(paid.random, 18)}"
        delay = after_s + number * 900
        yield _event(paid, "refund.created", part_minor, delay, refund=refund)
        effect = refunded(paid.capture, SOURCE, refund, part_minor)
        yield _event(paid, "refund.succeeded", part_minor, delay + 1_800, effect=effect, refund=refund)


def failed_refund_story(paid: Payment, part_minor: int, *, after_s: int) -> Iterator[Item]:
    """A refund to an account that was closed."""
    refund = f"br_{alphanumeric(paid.random, 18)}"
    yield _event(paid, "refund.created", part_minor, after_s, refund=refund)
    yield _event(paid, "refund.failed", part_minor, after_s + 1_800, refund=refund, reason="account_closed")


def other_story(random: Random, person: Person, at: int) -> Iterator[Item]:
    """A type the ledger has no rule for."""
    yield _event(payment(random, person, person.usual_minor, at), "statement.available", person.usual_minor, 0)


def _event(
    paid: Payment,
    kind: str,
    amount_minor: int,
    delay_s: int,
    *,
    effect: Effect | None = None,
    refund: str | None = None,
    reason: str | None = None,
) -> Item:
    at = paid.at + delay_s
    optional = {
        "refund_id": refund,
        "wallet_id": paid.person.owner if paid.names_wallet else None,
        "reason": reason,
    }
    about = {
        "payment_id": paid.payment,
        "amount": decimal_text(amount_minor, paid.person.currency),
        "currency": paid.person.currency,
        **{name: value for name, value in optional.items() if value is not None},
    }
    written = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = json.dumps({"type": kind, "timestamp": written, "data": about}, separators=(",", ":")).encode()
    event_id = f"msg_{alphanumeric(paid.random, 27)}"
    return Item(SOURCE, kind, event_id, event_id, body, at, effect)
