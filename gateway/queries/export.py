"""Records for somebody outside, a page at a time: flat rows of transactions, acts, audits or refusals of a period."""

from datetime import datetime
from typing import Any, Final, Literal

from bson import ObjectId

from gateway.money import decimal_text
from gateway.queries.counted import within
from gateway.queries.paging import cursor_of, seq_of
from gateway.queries.period import Period
from gateway.queries.reading import Answer, Database, Document, answered_within, page_size
from gateway.queries.timed_paging import older_than, timed_cursor

Exported = Literal["transactions", "acts", "audits", "refusals"]
COUNTED_MAX: Final = 100_000
"""Where counting stops; a larger total says so."""


class ExportRow(Answer):
    """One record. What a kind of record does not have is null."""

    at: datetime
    record_id: str
    what: str
    subject: str | None
    by: str | None
    currency: str | None
    amount: str | None
    amount_minor: int | None


class ComplianceExport(Answer):
    """A page. `total` is a lower bound when `total_capped`."""

    kind: str
    since: datetime
    until: datetime
    total: int
    total_capped: bool
    rows: list[ExportRow]
    next_cursor: str | None


async def compliance_export(
    database: Database, kind: Exported, period: Period, *, limit: int = 100, cursor: str | None = None
) -> ComplianceExport:
    """Newest first. Raises `BadRequest` for a limit or cursor that is none."""
    page_size(limit)
    wanted: Document = {"at": within(period)}
    by_seq = kind == "transactions"
    after: list[Document] = []
    if cursor is not None:
        after = [{"seq": {"$lt": seq_of(cursor)}}] if by_seq else [older_than(cursor, ObjectId)]
    collection = database["rejections" if kind == "refusals" else kind]
    order: list[tuple[str, int]] = [("seq", -1)] if by_seq else [("at", -1), ("_id", -1)]
    with answered_within():
        found = await collection.find({"$and": [wanted, *after]}).sort(order).limit(limit + 1).to_list()
        total = await collection.count_documents(wanted, limit=COUNTED_MAX)
    page = found[:limit]
    more = len(found) > limit
    return ComplianceExport(
        kind=kind,
        since=period.since,
        until=period.until,
        total=total,
        total_capped=total == COUNTED_MAX,
        rows=[_ROW[kind](record) for record in page],
        next_cursor=(cursor_of(page[-1]["seq"]) if by_seq else timed_cursor(page[-1])) if more else None,
    )


def _row(record: Document, what: str, **fields: Any) -> ExportRow:
    nothing = dict.fromkeys(("subject", "by", "currency", "amount", "amount_minor"))
    return ExportRow(at=record["at"], record_id=str(record["_id"]), what=what, **{**nothing, **fields})


def _transaction(record: Document) -> ExportRow:
    currency = record["currency"] or None
    amount_minor = record["amount_minor"] if currency else None
    return _row(
        record,
        record["kind"],
        subject=record["object"],
        by=record["event_id"],
        currency=currency,
        amount=decimal_text(record["amount_minor"], currency) if currency else None,
        amount_minor=amount_minor,
    )


def _act(record: Document) -> ExportRow:
    return _row(record, record["act"], subject=record["subject"], by=record["by"])


def _audit(record: Document) -> ExportRow:
    broken = [check["id"] for check in record["checks"] if check["broken"]]
    return _row(record, "everything holds" if record["ok"] else f"broken: {', '.join(broken)}")


def _refusal(record: Document) -> ExportRow:
    return _row(record, record["reason"], subject=record.get("check"), by=record.get("network"))


_ROW: Final = {"transactions": _transaction, "acts": _act, "audits": _audit, "refusals": _refusal}
