"""The lines of a wallet's statement: which effects of the ledger open one, and what it is called in each state of its object.

An effect that only goes on with a line that is there (the end of a hold) has none of its own. Money that comes back is a line
of its own, and so is money that is taken after its hold was given back; so the lines with a `completed_at` add up to the
balance less what is owed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.money import decimal_text
from gateway.queries.reading import Answer, Document

PENDING, COMPLETED, FAILED, CANCELED, REVERSED = STATUSES = ("PENDING", "COMPLETED", "FAILED", "CANCELED", "REVERSED")


@dataclass(frozen=True, slots=True)
class Line:
    """A type of line. `states` names the line by its object's state; without them it is complete once it is booked."""

    effects: tuple[str, ...]
    text: str
    states: Mapping[str, str] = field(default_factory=dict)
    held: str = ""
    """The state of a hold: an effect that starts from it goes on with the line that opened the hold."""
    side: int | None = None
    """Of a transfer: 0 for who gave, 1 for who got."""


_TAKEN: Final = {"OPEN": PENDING, "WITHDRAWN": COMPLETED, "LOST": COMPLETED}
_GIVEN_BACK: Final = {"CLOSED": REVERSED, "REINSTATED": REVERSED, "WON": REVERSED}
_PAYOUT_STATES: Final = {
    "REQUESTED": PENDING,
    "PROCESSED": COMPLETED,
    "FAILED": FAILED,
    "CANCELED": CANCELED,
    "REVERSED": REVERSED,
}

LINES: Final[Mapping[str, Line]] = {
    "DEPOSIT": Line(("capture",), "Payment {id} by {source}"),
    "REFUND": Line(("refund",), "Refund {id} by {source}", {"SUCCEEDED": COMPLETED, "FAILED": FAILED}),
    "REFUND_RETURN": Line(("refund_failed",), "Refund {id} by {source} failed and came back"),
    "WITHDRAWAL": Line(("payout_requested", "payout_done"), "Withdrawal {id}", _PAYOUT_STATES, held="REQUESTED"),
    "WITHDRAWAL_RETURN": Line(("payout_return",), "Withdrawal {id} came back"),
    "DISPUTE": Line(
        ("dispute_opened", "dispute_withdrawn"), "Dispute {id} by {source}", _TAKEN | _GIVEN_BACK, held="OPEN"
    ),
    "DISPUTE_RETURN": Line(("dispute_reinstated",), "Dispute {id} by {source} was given back"),
    "TRANSFER_OUT": Line(("transfer",), "Transfer to {other}", side=0),
    "TRANSFER_IN": Line(("transfer",), "Transfer from {other}", side=1),
}
ENDS_OF_HOLDS: Final = {"payout_requested": "payout_done", "dispute_opened": "dispute_withdrawn"}
"""What completes a line that a hold opened, where it starts from that hold."""
HELD: Final = tuple(line.held for line in LINES.values() if line.held)
WITHOUT_A_LINE: Final = frozenset({"payout_released", "dispute_released"})


class StatementLine(Answer):
    """`amount` is above zero; the type says which way it went. `description` is ours, never a payer's."""

    id: str
    amount: str
    type: str
    status: str
    description: str
    created_at: datetime
    """When it was booked."""
    completed_at: datetime | None


def end_of_hold(transaction: Document) -> str | None:
    """The key of the transaction that completes the line, where another than the one that opened it does. It does so only from a
    state in `HELD`: from any other it opens a line of its own."""
    effect = ENDS_OF_HOLDS.get(transaction["kind"])
    return f"{transaction['source']}:{effect}:{_object_id(transaction)}" if effect else None


def line_of(transaction: Document, owner: str, state: str, ended_at: Mapping[str, datetime]) -> StatementLine:
    """The transaction as the owner reads it: `state` is its object's present one, `ended_at` when holds ended in what they
    were for, by key. A hold that did not is given back, even if the money was taken later."""
    side = transaction["wallets"].index(owner)
    name, line = next(
        (name, line)
        for name, line in LINES.items()
        if transaction["kind"] in line.effects and line.side in (None, side)
    )
    end, status = end_of_hold(transaction), line.states.get(state, COMPLETED)
    other = transaction["wallets"][1 - side] if line.side is not None else ""
    return StatementLine(
        id=transaction["_id"],
        amount=decimal_text(transaction["amount_minor"], transaction["currency"]),
        type=name,
        status=REVERSED if end and end not in ended_at and status == COMPLETED else status,
        description=line.text.format(id=_object_id(transaction), source=transaction["source"], other=other),
        created_at=transaction["at"],
        completed_at=ended_at.get(end) if end else transaction["at"],
    )


def _object_id(transaction: Document) -> str:
    """The provider's or our own id of what moved, out of "<source>:<kind>:<id>"."""
    return str(transaction["object"].split(":", 2)[2])
