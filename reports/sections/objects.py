"""Refunds, disputes and payouts: how each stood when the period ended, how old the open ones were, and what they hold.

An object that has not changed since then is read as it is; one that has, or is open, is asked of the ledger: its first and
its last transaction before the period's end say since when it was open and in which state.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from reports.asked import sources
from reports.reading import Document, Pipeline, Reading, minor, whole
from reports.table import Builder, Kind, Table, columns
from reports.text import shown

KINDS: Final = ("refund", "dispute", "payout")
OPEN: Final = frozenset({("refund", "PENDING"), ("dispute", "OPEN"), ("dispute", "WITHDRAWN"), ("payout", "REQUESTED")})
"""What still waits for the provider's last word. A withdrawn dispute can be won or lost."""
HOLDS: Final = frozenset({("dispute", "OPEN"), ("payout", "REQUESTED")})
"""What keeps its amount from the wallet's owner meanwhile (gateway/ledger/posting_rules.py)."""
LISTED_MAX: Final = 100


@dataclass(slots=True)
class Standing:
    """All objects of one kind, currency and state."""

    objects: int = 0
    amount: int = 0
    oldest: datetime | None = None


@dataclass(slots=True)
class Objects:
    standings: dict[tuple[str, str, str], Standing] = field(default_factory=dict)
    """By kind, currency and state."""
    oldest_open: list[tuple[float, str, Document]] = field(default_factory=list)
    """A heap of the `LISTED_MAX` oldest: the youngest of them on top."""
    open_count: int = 0

    def count(self, key: tuple[str, str, str], objects: int, amount: int, opened: datetime | None = None) -> None:
        standing = self.standings.setdefault(key, Standing())
        standing.objects += objects
        standing.amount += amount
        if opened is not None:
            standing.oldest = min(standing.oldest or opened, opened)

    def list_open(self, row: Document) -> None:
        self.open_count += 1
        heapq.heappush(self.oldest_open, (-row["opened"].timestamp(), row["_id"], row))
        if len(self.oldest_open) > LISTED_MAX:
            heapq.heappop(self.oldest_open)


async def read_objects(reading: Reading) -> Objects:
    """What changed in the period or was open at its end."""
    found = Objects()
    for source in [reading.asked.source] if reading.asked.source else await sources(reading.database):
        for kind in KINDS:
            of_kind = {"_id": {"$gte": f"{source}:{kind}:", "$lt": f"{source}:{kind};"}} | _filters(reading)
            for row in await reading.rows("objects", _settled(reading, of_kind, kind)):
                key = row["_id"]
                found.count((kind, key["currency"], key["state"]), row["n"], whole(row["minor"]))
            for row in await reading.rows("objects", _asked_of_the_ledger(reading, of_kind, kind)):
                _add(found, row, kind, reading)
    reading.step_done("refunds, disputes and payouts")
    return found


def _filters(reading: Reading) -> Document:
    named = {"currency": reading.asked.currency, "wallet": reading.asked.wallet}
    return {name: value for name, value in named.items() if value}


def _open_states(kind: str) -> list[str]:
    return [state for of, state in OPEN if of == kind]


def _settled(reading: Reading, of_kind: Document, kind: str) -> Pipeline:
    """Ended in the period and unchanged since."""
    period = reading.asked.period
    ended = {"updated_at": {"$gte": period.since, "$lt": period.until}, "state": {"$nin": _open_states(kind)}}
    group = {
        "_id": {"state": "$state", "currency": "$currency"}, "n": {"$sum": 1}, "minor": minor("$amount_minor")
    }  # fmt: skip
    return [{"$match": of_kind | ended}, {"$group": group}]


def _asked_of_the_ledger(reading: Reading, of_kind: Document, kind: str) -> Pipeline:
    until = reading.asked.period.until
    before = [
        {"$match": {"at": {"$lt": until}}},
        {"$sort": {"seq": 1}},
        {
            "$group": {
                "_id": None,
                "opened": {"$first": "$at"},
                "last": {"$last": "$at"},
                "state": {"$last": "$change.to"},
            }
        },
    ]
    shown_fields = {"source": 1, "object_id": 1, "wallet": 1, "currency": 1, "amount_minor": 1}
    return [
        {"$match": of_kind | {"$or": [{"state": {"$in": _open_states(kind)}}, {"updated_at": {"$gte": until}}]}},
        {"$project": shown_fields},
        {
            "$lookup": {
                "from": "transactions", "localField": "_id", "foreignField": "object", "pipeline": before, "as": "was"
            }
        },
        {"$unwind": "$was"},
        {"$set": {"opened": "$was.opened", "last": "$was.last", "state": "$was.state"}},
        {"$unset": "was"},
    ]  # fmt: skip


def _add(found: Objects, row: Document, kind: str, reading: Reading) -> None:
    is_open = (kind, row["state"]) in OPEN
    if not is_open and row["last"] < reading.asked.period.since:
        return
    amount = int(row["amount_minor"])
    found.count((kind, row["currency"], row["state"]), 1, amount, row["opened"] if is_open else None)
    if is_open:
        found.list_open(row | {"kind": kind})


def standings(found: Objects, reading: Reading, *, key: str, title: str, kinds: Iterable[str], about: str) -> Table:
    """How many objects of these kinds stand in each state, and since when the oldest open one does."""
    wanted = list(kinds)
    built = Builder(
        columns(
            ("currency", "Currency", Kind.TEXT),
            ("kind", "Kind", Kind.TEXT),
            ("state", "State at the end", Kind.TEXT),
            ("objects", "How many", Kind.COUNT, True),
            ("amount", "Amount", Kind.MONEY),
            ("oldest", "Oldest open since", Kind.MOMENT),
            ("age_days", "Its age in days", Kind.COUNT),
        )
    )
    for (kind, currency, state), standing in sorted(
        found.standings.items(),
        key=lambda each: (each[0][1], wanted.index(each[0][0]) if each[0][0] in wanted else 9, each[0][2]),
    ):
        if kind in wanted:
            built.add(
                currency=currency,
                kind=kind.capitalize(),
                state=shown(state).capitalize(),
                objects=standing.objects,
                amount=standing.amount,
                oldest=reading.asked.period.local(standing.oldest) if standing.oldest else None,
                age_days=age_days(standing.oldest, reading) if standing.oldest else None,
            )
    return built.table(key, title, about)


def open_items(found: Objects, reading: Reading) -> Table:
    """The oldest open refunds, disputes and payouts, each with what it holds."""
    built = Builder(
        columns(
            ("currency", "Currency", Kind.TEXT),
            ("kind", "Kind", Kind.TEXT),
            ("state", "State", Kind.TEXT),
            ("source", "Source", Kind.CODE),
            ("object", "Id", Kind.CODE),
            ("wallet", "Wallet", Kind.CODE),
            ("amount", "Amount", Kind.MONEY),
            ("held", "Held on the wallet", Kind.MONEY, True),
            ("opened", "Open since", Kind.MOMENT),
            ("age_days", "Age in days", Kind.COUNT),
        )
    )
    for _, _, row in sorted(found.oldest_open, key=lambda each: (-each[0], each[1])):
        built.add(**_open_cells(row, reading))
    return built.table(
        "open_items",
        "Open refunds, disputes and payouts",
        "Oldest first, with the amount that each holds on its wallet until the provider decides. Answer a dispute before the "
        "provider's deadline; ask the provider about a refund or payout that is older than a week.",
        empty="Nothing was open at the end of this period.",
        left_out=found.open_count - len(found.oldest_open),
    )


def _open_cells(row: Document, reading: Reading) -> dict[str, Any]:
    amount = int(row["amount_minor"])
    return {
        "currency": row["currency"],
        "kind": row["kind"].capitalize(),
        "state": shown(row["state"]).capitalize(),
        "source": shown(row["source"]),
        "object": shown(row["object_id"]),
        "wallet": shown(row.get("wallet") or ""),
        "amount": amount,
        "held": amount if (row["kind"], row["state"]) in HOLDS else 0,
        "opened": reading.asked.period.local(row["opened"]),
        "age_days": age_days(row["opened"], reading),
    }


def age_days(since: datetime, reading: Reading) -> int:
    """Whole days until the period's end."""
    return max(0, (reading.asked.period.until - since).days)
