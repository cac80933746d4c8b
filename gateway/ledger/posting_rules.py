"""The state machines, as tables a reader can hold against the payments literature, and what each state means for a wallet.

A row is the state an object is in, a column the step an event reports, a cell the next state or a verdict. Order comes from
these tables alone, never from timestamps: providers deliver late, twice and in any order.

What an edge does to money follows from the states at its two ends: `POSITIONS` says how much of the object's amount each
state has put on the balance and on hold, and an edge moves the difference. So every path between two states moves the same
sum, which is what makes any order of the same events end alike.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Verdict(StrEnum):
    """Why an event takes no edge."""

    DUPLICATE = "duplicate"
    """The object is in that state already: a second event for one effect."""
    STALE = "stale"
    """The state already implies the step."""
    CONFLICT = "conflict"
    """The two cannot both be true; a person or the provider's own record decides."""


NEW: Final = "NEW"
"""The state of an object that no event has told of yet."""

_DUP, _STALE, _CONFLICT = Verdict.DUPLICATE, Verdict.STALE, Verdict.CONFLICT

Table = Mapping[str, Mapping[str, str | Verdict]]


def _table(columns: str, **rows: str) -> Table:
    """Rows of words under columns of words; a verdict is written in lower case, a state in capitals."""
    verdicts = {verdict.value: verdict for verdict in Verdict}
    steps = columns.split()
    return {
        state: dict(zip(steps, (verdicts.get(cell, cell) for cell in cells.split()), strict=True))
        for state, cells in rows.items()
    }


_PAYMENT = _table(
    "                      authorized  captured   failed     canceled",
    NEW="                  AUTHORIZED  CAPTURED   FAILED     CANCELED",
    AUTHORIZED="           duplicate   CAPTURED   FAILED     CANCELED",
    FAILED="               AUTHORIZED  CAPTURED   duplicate  CANCELED",
    CAPTURED="             stale       duplicate  stale      conflict",
    PARTIALLY_REFUNDED="   stale       duplicate  stale      conflict",
    REFUNDED="             stale       duplicate  stale      stale",
    DISPUTED="             stale       duplicate  stale      conflict",
    CANCELED="             conflict    conflict   stale      duplicate",
)

_REFUND = _table(
    "           created    succeeded  failed     canceled",
    NEW="       PENDING    SUCCEEDED  FAILED     CANCELED",
    PENDING="   duplicate  SUCCEEDED  FAILED     CANCELED",
    SUCCEEDED=" stale      duplicate  FAILED     conflict",
    FAILED="    stale      stale      duplicate  stale",
    CANCELED="  stale      conflict   FAILED     duplicate",
)

_DISPUTE = _table(
    "            created    updated  closed     withdrawn  lost       reinstated  won",
    NEW="        OPEN       OPEN     CLOSED     WITHDRAWN  LOST       REINSTATED  WON",
    OPEN="       duplicate  stale    CLOSED     WITHDRAWN  LOST       REINSTATED  WON",
    CLOSED="     stale      stale    duplicate  WITHDRAWN  LOST       REINSTATED  WON",
    WITHDRAWN="  stale      stale    stale      duplicate  LOST       REINSTATED  WON",
    LOST="       stale      stale    stale      stale      duplicate  REINSTATED  conflict",
    REINSTATED=" stale      stale    stale      stale      stale      duplicate   WON",
    WON="        stale      stale    stale      stale      conflict   stale       duplicate",
)

_PAYOUT = _table(
    "           requested  processed  failed     canceled   reversed",
    NEW="       REQUESTED  PROCESSED  FAILED     CANCELED   REVERSED",
    REQUESTED=" duplicate  PROCESSED  FAILED     CANCELED   REVERSED",
    PROCESSED=" stale      duplicate  FAILED     conflict   REVERSED",
    CANCELED="  stale      conflict   FAILED     duplicate  conflict",
    FAILED="    stale      stale      duplicate  stale      REVERSED",
    REVERSED="  stale      stale      stale      stale      duplicate",
)

_TRANSFER = _table("completed", NEW="COMPLETED", COMPLETED="duplicate")

_INVOICE = _table(
    "                payment_failed  paid",
    NEW="            PAYMENT_FAILED  PAID",
    PAYMENT_FAILED=" duplicate       PAID",
    PAID="           stale           duplicate",
)


def _subscription() -> Table:
    """Living states follow each other freely, an ending is final. No money hangs on them."""
    living = ("created", "authenticated", "trialing", "active", "past_due", "pending", "halted", "paused")
    endings = ("canceled", "completed", "expired")
    steps = living + endings
    rows: dict[str, dict[str, str | Verdict]] = {NEW: {step: step.upper() for step in steps}}
    for state in living:
        rows[state.upper()] = {step: _DUP if step == state else step.upper() for step in steps}
        rows[state.upper()]["created"] = _DUP if state == "created" else _STALE
    for state in endings:
        rows[state.upper()] = {step: _DUP if step == state else _STALE for step in steps}
    return rows


EDGES: Final[Mapping[str, Table]] = MappingProxyType(
    {
        "payment": _PAYMENT,
        "refund": _REFUND,
        "dispute": _DISPUTE,
        "payout": _PAYOUT,
        "transfer": _TRANSFER,
        "invoice": _INVOICE,
        "subscription": _subscription(),
    }
)

DISPUTE_RUNS: Final = frozenset({"OPEN", "WITHDRAWN", "LOST"})
"""The states of a dispute in which it holds its payment's money or has taken it."""

PARENT_STATES: Final = frozenset({"CAPTURED", "PARTIALLY_REFUNDED", "REFUNDED", "DISPUTED"})
"""The states of a payment in which a refund or dispute of it can be booked; until then it is parked."""


class Position(NamedTuple):
    """How many times the object's amount a state has put on the wallet's balance and on hold."""

    balance: int
    locked: int


_NOTHING: Final = Position(0, 0)

POSITIONS: Final[Mapping[str, Mapping[str, Position]]] = MappingProxyType(
    {
        "payment": {state: Position(1, 0) for state in PARENT_STATES},
        "refund": {"SUCCEEDED": Position(-1, 0)},
        "dispute": {"OPEN": Position(0, 1), "WITHDRAWN": Position(-1, 0), "LOST": Position(-1, 0)},
        "payout": {"REQUESTED": Position(0, 1), "PROCESSED": Position(-1, 0)},
        "transfer": {"COMPLETED": Position(-1, 0)},
    }
)

EFFECTS: Final[Mapping[tuple[str, Position, Position], str]] = MappingProxyType(
    {
        ("payment", _NOTHING, Position(1, 0)): "capture",
        ("refund", _NOTHING, Position(-1, 0)): "refund",
        ("refund", Position(-1, 0), _NOTHING): "refund_failed",
        ("dispute", _NOTHING, Position(0, 1)): "dispute_opened",
        ("dispute", Position(0, 1), _NOTHING): "dispute_released",
        ("dispute", Position(0, 1), Position(-1, 0)): "dispute_withdrawn",
        ("dispute", _NOTHING, Position(-1, 0)): "dispute_withdrawn",
        ("dispute", Position(-1, 0), _NOTHING): "dispute_reinstated",
        ("payout", _NOTHING, Position(0, 1)): "payout_requested",
        ("payout", Position(0, 1), _NOTHING): "payout_released",
        ("payout", Position(0, 1), Position(-1, 0)): "payout_done",
        ("payout", _NOTHING, Position(-1, 0)): "payout_done",
        ("payout", Position(-1, 0), _NOTHING): "payout_return",
        ("transfer", _NOTHING, Position(-1, 0)): "transfer",
    }
)
"""The name of each effect on money. With source and object it is the effect key: the transaction's primary key, used once."""


def next_state(kind: str, state: str, step: str) -> str | Verdict:
    """The cell of the kind's table. A step the table has no column for is a programming error: `KeyError`."""
    return EDGES[kind][state][step]


def position(kind: str, state: str) -> Position:
    return POSITIONS.get(kind, {}).get(state, _NOTHING)


def captured_state(*, amount_minor: int, refunded_minor: int, disputes_open: int) -> str:
    """The state of a captured payment, from what has happened to it since."""
    if disputes_open:
        return "DISPUTED"
    if refunded_minor == 0:
        return "CAPTURED"
    return "REFUNDED" if refunded_minor >= amount_minor else "PARTIALLY_REFUNDED"
