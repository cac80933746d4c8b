"""A wallet's statement: what came and went, newest first, each movement on one line with the state it is in now.

Bounded whatever the history: a question looks through at most `SCANNED_MAX` transactions, on the index by wallet and number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.booked import booked
from gateway.errors import BadRequest
from gateway.queries.paging import cursor_of, seq_of
from gateway.queries.period import moment
from gateway.queries.reading import Answer, Database, Document, answered_within, page_size
from gateway.queries.statement_lines import (
    COMPLETED,
    ENDS_OF_HOLDS,
    HELD,
    LINES,
    REVERSED,
    STATUSES,
    Line,
    StatementLine,
    end_of_hold,
    line_of,
)
from gateway.queries.wallets import find_wallet

SCANNED_MAX: Final = 10_000
"""Transactions of a wallet that one question looks through; the pages go on behind them, the total stops there."""
SKIP_MAX: Final = 10_000
_ENDS: Final[Document] = {"kind": {"$in": list(ENDS_OF_HOLDS.values())}, "change.from": {"$in": HELD}}
"""The transactions that end a hold in what it was for. One that takes the money after its hold was given back does not."""
_NOW: Final[Document] = {"$lookup": {"from": "objects", "localField": "object", "foreignField": "_id", "as": "now"}}
_ENDED: Final[Document] = {
    "$lookup": {
        "from": "transactions",
        "localField": "object",
        "foreignField": "object",
        "pipeline": [{"$match": _ENDS}, {"$project": {"_id": 1}}],
        "as": "ended",
    }
}


class Statement(Answer):
    """One page. `total` counts every line that was asked for, on all pages; with `total_capped` it counts only those among
    the wallet's latest `SCANNED_MAX` transactions, and there may be more."""

    wallet_id: str
    currency: str
    transactions: list[StatementLine]
    total: int
    total_capped: bool
    has_more: bool
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lines: of a type, in a status, booked from `since` (included) to `until` (not included)."""

    type: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Raises `BadRequest`."""
        if self.type is not None and self.type not in LINES:
            raise BadRequest(f"type is one of: {', '.join(LINES)}.")
        if self.status is not None and self.status not in STATUSES:
            raise BadRequest(f"status is one of: {', '.join(STATUSES)}.")
        if self.since and self.until and self.since >= self.until:
            raise BadRequest("from is before to.")


def time_asked(name: str, text: str | None) -> datetime | None:
    """A date or time of the query. Raises `BadRequest`."""
    try:
        return None if text is None else moment(text)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} is an ISO date or time in UTC, such as 2026-11-21 or 2026-11-21T10:30:00Z.") from None


async def wallet_statement(
    database: Database,
    wallet_id: str,
    asked: Asked,
    *,
    currency: str | None = None,
    skip: int = 0,
    limit: int = 20,
    cursor: str | None = None,
) -> Statement:
    """The wallet by owner (with `currency` where there are several) or as "<CUR>:<owner>". A cursor reaches everything;
    `skip` is for the first pages. Raises `NotFound` and `BadRequest`."""
    page_size(limit)
    if not 0 <= skip <= SKIP_MAX:
        raise BadRequest(f"skip is 0 to {SKIP_MAX}; further on, follow next_cursor.")
    if cursor is not None and skip:
        raise BadRequest("Give skip or cursor, not both.")
    before = seq_of(cursor) if cursor is not None else None
    with answered_within():
        wallet = await find_wallet(database, wallet_id, currency)
        owner = wallet["owner"]
        span = await _span(database, owner, asked)
        wanted = _wanted(asked, owner, wallet["currency"])
        total, capped = await _total(database, span, wanted)
        found, older = await _page(database, _before(span, before), wanted, skip=skip, limit=limit)
        lines = await _lines(database, found[:limit], owner)
    return Statement(
        wallet_id=wallet["_id"],
        currency=wallet["currency"],
        transactions=lines,
        total=total,
        total_capped=capped,
        has_more=older is not None,
        next_cursor=cursor_of(older) if older is not None else None,
    )


async def _span(database: Database, owner: str, asked: Asked) -> Document:
    """The wallet's transactions between the two times, as numbers: the ledger is ordered by these, so it is one range of
    the index, however long the history."""
    booked_at = {bound: at for bound, at in (("$gte", asked.since), ("$lt", asked.until)) if at}
    return {"wallets": owner, **await booked(database, booked_at)}


def _before(span: Document, seq: int | None) -> Document:
    return span if seq is None else {**span, "$and": [{"seq": {"$lt": seq}}]}


def _wanted(asked: Asked, owner: str, currency: str) -> list[Document]:
    """The stages that keep only the lines that were asked for."""
    names = [asked.type] if asked.type else list(LINES)
    match: Document = {"currency": currency, "$or": [_opened(LINES[name], owner) for name in names]}
    if asked.status is None:
        return [{"$match": match}]
    return [{"$match": match}, *_in_status(names, asked.status)]


def _opened(line: Line, owner: str) -> Document:
    """The transactions that open such a line."""
    match: Document = {"kind": {"$in": line.effects}}
    if line.held:
        match["change.from"] = {"$ne": line.held}
    if line.side is not None:
        match["wallets.0"] = owner if line.side == 0 else {"$ne": owner}
    return match


def _in_status(names: list[str], status: str) -> list[Document]:
    """The state of an object, and how a hold ended, are looked up only where the type alone does not decide."""
    decided = [line for line in map(LINES.__getitem__, names) if not line.states]
    open_ones = [line for line in map(LINES.__getitem__, names) if line.states]
    either: list[Document] = []
    if decided and status == COMPLETED:
        either.append({"kind": {"$in": [effect for line in decided for effect in line.effects]}})
    for line in open_ones:
        either.append(_named(line, status))
        if line.held and status == COMPLETED:
            either[-1]["$or"] = [{"kind": {"$nin": list(ENDS_OF_HOLDS)}}, {"ended": {"$ne": []}}]
        if line.held and status == REVERSED:
            opened = {"kind": {"$in": [effect for effect in line.effects if effect in ENDS_OF_HOLDS]}}
            either.append(_named(line, COMPLETED) | opened | {"ended": []})
    lookups = [_NOW] if open_ones else []
    if status in (COMPLETED, REVERSED) and any(line.held for line in open_ones):
        lookups.append(_ENDED)
    none: Document = {"_id": {"$in": []}}
    return [*lookups, {"$match": {"$or": either} if either else none}]


def _named(line: Line, status: str) -> Document:
    states = [state for state, named in line.states.items() if named == status]
    return {"kind": {"$in": line.effects}, "now.state": {"$in": states}}


async def _total(database: Database, span: Document, wanted: list[Document]) -> tuple[int, bool]:
    """How many lines, and whether the counting stopped before the end."""
    pipeline = [
        *_newest(span, SCANNED_MAX + 1),
        {
            "$facet": {
                "looked_at": [{"$count": "count"}],
                "lines": [{"$limit": SCANNED_MAX}, *wanted, {"$count": "count"}],
            }
        },
    ]
    (counted,) = await (await database.transactions.aggregate(pipeline)).to_list()
    return _count(counted["lines"]), _count(counted["looked_at"]) > SCANNED_MAX


def _count(counted: list[Document]) -> int:
    return int(counted[0]["count"]) if counted else 0


async def _page(
    database: Database, span: Document, wanted: list[Document], *, skip: int, limit: int
) -> tuple[list[Document], int | None]:
    """The page, and the number that the next page starts below; None on the last page. A page that ends because enough was
    looked through is short, even empty, and still has a next one."""
    pipeline = [*_newest(span, SCANNED_MAX), *wanted, {"$skip": skip}, {"$limit": limit + 1}]
    found = await (await database.transactions.aggregate(pipeline)).to_list()
    if len(found) > limit:
        return found, found[limit - 1]["seq"]
    unseen = await database.transactions.find(span, {"seq": 1}).sort("seq", -1).skip(SCANNED_MAX).limit(1).to_list()
    return found, unseen[0]["seq"] + 1 if unseen else None


def _newest(span: Document, count: int) -> list[Document]:
    """On the index (wallets, seq), and no further than `count`."""
    return [{"$match": span}, {"$sort": {"seq": -1}}, {"$limit": count}]


async def _lines(database: Database, found: list[Document], owner: str) -> list[StatementLine]:
    """The page's transactions with the present state of their objects, and when their holds ended."""
    objects = database.objects.find({"_id": {"$in": [each["object"] for each in found]}}, {"state": 1})
    states = {each["_id"]: each["state"] async for each in objects}
    ends = [key for each in found if (key := end_of_hold(each))]
    ended = database.transactions.find({"_id": {"$in": ends}, **_ENDS}, {"at": 1})
    ended_at = {each["_id"]: each["at"] async for each in ended}
    return [line_of(each, owner, states.get(each["object"], ""), ended_at) for each in found]


def filters(asked: Mapping[str, str]) -> Asked:
    """From a query's parameters. Raises `BadRequest`."""
    return Asked(
        type=asked.get("type"),
        status=asked.get("status"),
        since=time_asked("from", asked.get("from")),
        until=time_asked("to", asked.get("to")),
    )
