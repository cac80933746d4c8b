"""Who did what: the acts of people, programs and agents, newest first, page by page."""

from datetime import datetime
from typing import Any

from bson import ObjectId

from gateway.queries.counted import within
from gateway.queries.period import Period
from gateway.queries.reading import Answer, Database, Document, answered_within, identifier, page_size
from gateway.queries.timed_paging import older_than, timed_cursor

DETAIL_CHARS_MAX = 200
DETAILS_MAX = 20


class Detail(Answer):
    name: str
    value: str


class ActRow(Answer):
    """One act. `by` is the operating system's user for a command, a key for the API and for agents."""

    at: datetime
    act: str
    subject: str
    by: str
    via: str
    details: list[Detail]


class AuditTrail(Answer):
    """A page. `total` counts the acts of the whole period that were asked for."""

    since: datetime
    until: datetime
    total: int
    note: str | None
    acts: list[ActRow]
    next_cursor: str | None


async def audit_trail(
    database: Database,
    period: Period,
    *,
    act: str | None = None,
    subject: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> AuditTrail:
    """`act` is a whole name ("key.create") or the first part of one ("key"). Raises `BadRequest`."""
    page_size(limit)
    wanted: Document = {"at": within(period)}
    if subject is not None:
        wanted["subject"] = identifier(subject)
    if act is not None:
        wanted["$or"] = [{"act": identifier(act)}, {"act": {"$gte": f"{act}.", "$lt": f"{act}/"}}]
    after = {"$and": [wanted, older_than(cursor, ObjectId)]} if cursor is not None else wanted
    with answered_within():
        found = await database.acts.find(after).sort([("at", -1), ("_id", -1)]).limit(limit + 1).to_list()
        total = await database.acts.count_documents(wanted)
    page = found[:limit]
    return AuditTrail(
        since=period.since,
        until=period.until,
        total=total,
        note=None if total else "no such act in the period",
        acts=[_row(document) for document in page],
        next_cursor=timed_cursor(page[-1]) if len(found) > limit else None,
    )


def _row(document: Document) -> ActRow:
    details = list(document["details"].items())[:DETAILS_MAX]
    return ActRow(
        at=document["at"],
        act=document["act"],
        subject=document["subject"],
        by=document["by"],
        via=document["via"],
        details=[Detail(name=str(name), value=_text(value)) for name, value in details],
    )


def _text(value: Any) -> str:
    return str(value)[:DETAIL_CHARS_MAX]
