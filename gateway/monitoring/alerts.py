"""What a person has to look at: raised once while it lasts, resolved when it is over, kept afterwards.

    _id, at, kind, subject, severity, summary, evidence, seen_at, resolved_at (null while open)

An alert is open while its document has `open`, the text "<kind>:<subject>"; a unique index on that makes raising it again a
note of when it was last seen, from however many processes.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from structlog import get_logger

log = get_logger(__name__)

Database = AsyncDatabase[dict[str, Any]]

SUMMARY_CHARS_MAX: Final = 500


class Severity(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alert:
    """`kind` says what sort of thing is wrong, `subject` which one: together they are open at most once."""

    kind: str
    subject: str
    severity: Severity
    summary: str
    evidence: Mapping[str, Any]
    """What a person needs to start looking: ids, counts, times; never a payload or a secret."""


async def ensure_alerts(database: Database) -> None:
    """Create the indexes once."""
    await database["alerts"].create_indexes(
        [IndexModel([("open", ASCENDING)], unique=True, sparse=True), IndexModel([("at", DESCENDING)])]
    )


async def raise_alert(database: Database, alert: Alert, *, now: datetime) -> bool:
    """Open the alert, or note that it lasts. True when it is new."""
    name = f"{alert.kind}:{alert.subject}"
    told = {
        "severity": alert.severity.value,
        "summary": alert.summary[:SUMMARY_CHARS_MAX],
        "evidence": dict(alert.evidence),
        "seen_at": now,
    }
    if (await database["alerts"].update_one({"open": name}, {"$set": told})).matched_count:
        return False
    new = {"_id": f"alr_{secrets.token_hex(12)}", "at": now, "kind": alert.kind, "subject": alert.subject}
    try:
        await database["alerts"].insert_one({**new, **told, "resolved_at": None, "open": name})
    except DuplicateKeyError:  # another process opened it in between
        return False
    log.warning("alert", kind=alert.kind, subject=alert.subject, severity=alert.severity.value, summary=alert.summary)
    return True


async def resolve_alert(database: Database, alert_id: str, *, now: datetime) -> bool:
    """Close this one, if it is open. Whether it was."""
    closed = {"$set": {"resolved_at": now}, "$unset": {"open": ""}}
    still_open = {"_id": alert_id, "open": {"$exists": True}}
    return (await database["alerts"].update_one(still_open, closed)).modified_count == 1


async def resolve_alerts(database: Database, kind: str, *, still: Iterable[str], now: datetime) -> int:
    """Close the open alerts of a kind whose subject is not among those `still` wrong. How many were closed."""
    names = [f"{kind}:{subject}" for subject in still]
    over = {"kind": kind, "open": {"$exists": True, "$nin": names}}
    done = await database["alerts"].update_many(over, {"$set": {"resolved_at": now}, "$unset": {"open": ""}})
    return done.modified_count
