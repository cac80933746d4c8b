"""A ledger transaction as a caller reads it: legs that balance, as decimal text and in minor units."""

from datetime import datetime

from gateway.money import decimal_text
from gateway.queries.reading import Answer, Document


class Leg(Answer):
    """What one account gained (+) or gave (−)."""

    account: str
    amount: str
    amount_minor: int
    balance_after: str | None


class Movement(Answer):
    """One transaction: its legs add up to zero."""

    transaction_id: str
    seq: int
    kind: str
    event_id: str
    currency: str
    amount: str
    amount_minor: int
    legs: list[Leg]
    occurred_at: datetime
    applied_at: datetime


def movement(transaction: Document) -> Movement:
    """From the stored transaction."""
    currency = transaction["currency"]
    return Movement(
        transaction_id=transaction["_id"],
        seq=transaction["seq"],
        kind=transaction["kind"],
        event_id=transaction["event_id"],
        currency=currency,
        amount=decimal_text(transaction["amount_minor"], currency),
        amount_minor=transaction["amount_minor"],
        legs=[_leg(leg, currency) for leg in transaction["legs"]],
        occurred_at=transaction["occurred_at"],
        applied_at=transaction["at"],
    )


def _leg(leg: Document, currency: str) -> Leg:
    balance_after = leg.get("balance_after")
    return Leg(
        account=leg["account"],
        amount=decimal_text(leg["amount_minor"], currency),
        amount_minor=leg["amount_minor"],
        balance_after=decimal_text(balance_after, currency) if balance_after is not None else None,
    )
