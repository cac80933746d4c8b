"""What the regular audits found: the stored results, newest first. Asking does not run one."""

from datetime import datetime
from typing import Final

from gateway.queries.counted import within
from gateway.queries.period import Period
from gateway.queries.reading import Answer, Database, Document, answered_within

AUDITS_READ_MAX: Final = 1_000


class AuditedInvariant(Answer):
    """One invariant in the latest audit of the period; `first_broken` names a record that contradicts it."""

    invariant: str
    what: str
    checked: int
    broken: int
    first_broken: str | None


class AuditReport(Answer):
    """The audits of a period, at most the latest thousand, and the findings of the latest one."""

    since: datetime
    until: datetime
    audits: int
    audits_ok: int
    note: str | None
    latest_at: datetime | None
    latest_ok: bool | None
    latest_seconds: float | None
    records_checked: int
    """By the latest audit, over all invariants; a record may be held against several."""
    chain_head_seq: int | None
    chain_head_link: str | None
    """Keep it: a later chain that does not contain it was rewritten."""
    invariants: list[AuditedInvariant]


async def audit_report(database: Database, period: Period) -> AuditReport:
    """Says so when no audit ran in the period."""
    with answered_within():
        newest = database.audits.find({"at": within(period)}, {"at": 1, "ok": 1, "_id": 0}).sort("at", -1)
        found = await newest.limit(AUDITS_READ_MAX).to_list()
        latest = await database.audits.find_one({"at": within(period)}, sort=[("at", -1)])
    checks = latest["checks"] if latest else []
    head = (latest or {}).get("head") or {}
    return AuditReport(
        since=period.since,
        until=period.until,
        audits=len(found),
        audits_ok=sum(audit["ok"] for audit in found),
        note=None
        if latest
        else "no audit ran in the period; `gateway audit` runs one, AUDIT_EVERY_S runs them regularly",
        latest_at=latest["at"] if latest else None,
        latest_ok=latest["ok"] if latest else None,
        latest_seconds=latest["seconds"] if latest else None,
        records_checked=sum(check["checked"] for check in checks),
        chain_head_seq=head.get("seq"),
        chain_head_link=str(head["link"]) if "link" in head else None,
        invariants=[_invariant(check) for check in checks],
    )


def _invariant(check: Document) -> AuditedInvariant:
    first = check.get("first") or {}
    named = f"{first.get('collection')} {first.get('record')}: {first.get('why')}" if first else None
    return AuditedInvariant(
        invariant=check["id"],
        what=check["what"],
        checked=check["checked"],
        broken=check["broken"],
        first_broken=named[:300] if named else None,
    )
