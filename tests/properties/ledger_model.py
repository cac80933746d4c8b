"""The ledger from its rules alone: the end is a function of the *set* of events, so a set is all this model looks at.

Payments that were captured credit their wallet; of each other object the strongest thing said about it counts. A wallet is
then three sums: what moved, what is held, and what is owed because it was not there.
"""

from collections import defaultdict
from collections.abc import Iterable

from gateway.events.event import PaymentEvent

STRONGEST = {
    "payment": ["authorized", "failed", "canceled", "captured"],
    "refund": ["created", "succeeded", "canceled", "failed"],
    "dispute": ["updated", "created", "closed", "withdrawn", "lost", "reinstated", "won"],
    "payout": ["requested", "processed", "canceled", "failed", "reversed"],
    "transfer": ["completed"],
}
"""Of what was said about one object, the last in its row is how it stands, in whatever order it was said."""

MOVES = {"captured": 1, "succeeded": -1, "withdrawn": -1, "lost": -1, "processed": -1, "completed": -1}
HOLDS = {("dispute", "updated"), ("dispute", "created"), ("payout", "requested")}

CONTRADICTIONS = {
    "payment": [{"captured", "canceled"}, {"authorized", "canceled"}, {"authorized", "failed"}],
    "refund": [{"succeeded", "canceled"}],
    "dispute": [{"lost", "won"}],
    "payout": [{"processed", "canceled"}, {"canceled", "reversed"}],
    "transfer": [],
}
"""What cannot both be said of one object: a person decides, so the order matters and nothing is promised. (authorized, failed)
is no contradiction, and not confluent either: the table leads from each state to the other. It moves no money, and with the
capture it is over; only the pair alone is left out."""

Wallets = dict[str, tuple[int, int, int]]
"""(balance, locked, owed) by owner."""


def standing(events: Iterable[PaymentEvent]) -> dict[str, tuple[str, PaymentEvent]]:
    """How each object stands, by key; refunds and disputes of payments that were never captured do not stand at all."""
    said: dict[str, dict[str, PaymentEvent]] = defaultdict(dict)
    for event in events:
        said[event.key][event.step] = event
    ends = {
        key: max(steps.items(), key=lambda item: STRONGEST[item[1].kind].index(item[0])) for key, steps in said.items()
    }
    return {
        key: (step, event)
        for key, (step, event) in ends.items()
        if event.parent_key is None or ends.get(event.parent_key, ("", event))[0] == "captured"
    }


def wallets(events: Iterable[PaymentEvent]) -> Wallets:
    """What every owner has, holds and owes in the end."""
    net: dict[str, int] = defaultdict(int)
    held: dict[str, int] = defaultdict(int)
    ends = standing(events)
    for step, event in ends.values():
        parent = ends.get(event.parent_key or "")
        owner = (parent[1] if parent else event).wallet or f"suspense:{event.source}"
        net[owner] += MOVES.get(step, 0) * event.amount_minor
        held[owner] += event.amount_minor if (event.kind, step) in HOLDS else 0
        if event.kind == "transfer" and event.counterparty:
            net[event.counterparty] += event.amount_minor
    balances = {owner: max(net[owner], held[owner]) for owner in net}
    return {owner: (balances[owner], held[owner], balances[owner] - net[owner]) for owner in net}


def agrees(events: Iterable[PaymentEvent]) -> bool:
    """Whether the events can all be true together, so that their order may not matter."""
    said: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, str] = {}
    for event in events:
        said[event.key].add(event.step)
        kinds[event.key] = event.kind
    for key, steps in said.items():
        for pair in CONTRADICTIONS[kinds[key]]:
            if pair <= steps and not (pair == {"authorized", "failed"} and "captured" in steps):
                return False
    return True
