"""The audit's own copy of the state machines: which change of state is an edge, and what that edge does to a wallet.

Written a second time on purpose, and differently: the writer's tables say where an event leads, these say which of the
changes that were booked are possible at all, so a mistake in one is contradicted by the other. A line is
`from → to: effect`; `state` moves no money.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

NEW: Final = "NEW"
NO_MONEY: Final = "state"

_EDGES: Final = {
    "payment": """
        NEW         AUTHORIZED state    CAPTURED capture   FAILED state   CANCELED state
        AUTHORIZED  CAPTURED capture    FAILED state       CANCELED state
        FAILED      AUTHORIZED state    CAPTURED capture   CANCELED state
    """,
    "refund": """
        NEW         PENDING state       SUCCEEDED refund   FAILED state   CANCELED state
        PENDING     SUCCEEDED refund    FAILED state       CANCELED state
        SUCCEEDED   FAILED refund_failed
        CANCELED    FAILED state
    """,
    "dispute": """
        NEW         OPEN dispute_opened           CLOSED state      WITHDRAWN dispute_withdrawn
        NEW         LOST dispute_withdrawn        REINSTATED state  WON state
        OPEN        CLOSED dispute_released       WITHDRAWN dispute_withdrawn  LOST dispute_withdrawn
        OPEN        REINSTATED dispute_released   WON dispute_released
        CLOSED      WITHDRAWN dispute_withdrawn   LOST dispute_withdrawn  REINSTATED state  WON state
        WITHDRAWN   LOST state                    REINSTATED dispute_reinstated  WON dispute_reinstated
        LOST        REINSTATED dispute_reinstated
        REINSTATED  WON state
    """,
    "payout": """
        NEW         REQUESTED payout_requested  PROCESSED payout_done  FAILED state  CANCELED state  REVERSED state
        REQUESTED   PROCESSED payout_done       FAILED payout_released
        REQUESTED   CANCELED payout_released    REVERSED payout_released
        PROCESSED   FAILED payout_return        REVERSED payout_return
        CANCELED    FAILED state
        FAILED      REVERSED state
    """,
    "transfer": "NEW COMPLETED transfer",
    "invoice": """
        NEW             PAYMENT_FAILED state  PAID state
        PAYMENT_FAILED  PAID state
    """,
}


SHIFTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "state": 0,
        "capture": +1,
        "refund": -1,
        "refund_failed": +1,
        "dispute_opened": 0,
        "dispute_released": 0,
        "dispute_withdrawn": -1,
        "dispute_reinstated": +1,
        "payout_requested": 0,
        "payout_released": 0,
        "payout_done": -1,
        "payout_return": +1,
        "transfer": -1,
    }
)
"""How many times the object's amount an effect adds to the wallet's balance less what it owes."""

HOLDING: Final = frozenset({("dispute", "OPEN"), ("payout", "REQUESTED")})
"""The states that hold the object's amount on the wallet; leaving one, on whatever edge, ends the hold."""

CAPTURED: Final = "CAPTURED"
AFTER_CAPTURE: Final = frozenset({"CAPTURED", "PARTIALLY_REFUNDED", "REFUNDED", "DISPUTED"})
"""What a captured payment may be called: which of them follows from its refunds and disputes."""
DISPUTE_RUNS: Final = frozenset({"OPEN", "WITHDRAWN", "LOST"})
"""The states of a dispute in which its payment is DISPUTED."""


def effect_of(kind: str, from_state: str, to_state: str) -> str | None:
    """The effect of a change, None when it is no edge of the kind's table."""
    if kind == "subscription":
        return NO_MONEY if _subscription_may(from_state, to_state) else None
    return _TABLES.get(kind, {}).get((from_state, to_state))


_LIVING: Final = frozenset(
    ["CREATED", "AUTHENTICATED", "TRIALING", "ACTIVE", "PAST_DUE", "PENDING", "HALTED", "PAUSED"]
)
_ENDINGS: Final = frozenset(["CANCELED", "COMPLETED", "EXPIRED"])


def _subscription_may(from_state: str, to_state: str) -> bool:
    """Living states follow each other freely, none returns to its creation, an ending is final."""
    if to_state not in _LIVING | _ENDINGS or from_state == to_state:
        return False
    return from_state == NEW or (from_state in _LIVING and to_state != "CREATED")


def _read(table: str) -> Iterator[tuple[tuple[str, str], str]]:
    for line in table.strip().splitlines():
        from_state, *cells = line.split()
        for to_state, effect in zip(cells[::2], cells[1::2], strict=True):
            yield (from_state, to_state), effect


_TABLES: Final = {kind: dict(_read(table)) for kind, table in _EDGES.items()}


def edges(kind: str) -> Mapping[tuple[str, str], str]:
    """Every edge of a kind but a subscription's, with its effect."""
    return MappingProxyType(_TABLES[kind])
