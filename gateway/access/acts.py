"""Who did what: every change that a person or a program made by command or API, and every reading of what is confidential.

    _id, at, act ("event.replay", "key.create"), subject (what it was done to), by, via (command, api or mcp), details

Acts are only ever added. `by` is the operating system's user for a command, the key for the API and for agents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from gateway.access.keys import Principal
from gateway.errors import BadRequest
from gateway.queries.reading import Database, answered_within

ACTS_LISTED_MAX: Final = 1_000
SUBJECT_CHARS_MAX: Final = 200
SUBJECTS_NAMED_MAX: Final = 100
"""Of what one act was done to, named in its details; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Act:
    """One entry, as it is listed."""

    at: datetime
    act: str
    subject: str
    by: str
    via: str
    details: Mapping[str, Any] = field(default_factory=dict)


async def ensure_acts(database: Database) -> None:
    """Create the indexes once. Acts are few: one by a person or a program, none by an event."""
    await database["acts"].create_indexes(
        [IndexModel([("at", DESCENDING)]), IndexModel([("subject", ASCENDING), ("at", DESCENDING)])]
    )


async def note_act(
    database: Database, *, act: str, subject: str, by: str, via: str, details: Mapping[str, Any], now: datetime
) -> None:
    """Durable when this returns. `via` is "command", "api" or "mcp"; `details` never hold a secret or a payload."""
    await database["acts"].insert_one(
        {
            "at": now,
            "act": act,
            "subject": subject[:SUBJECT_CHARS_MAX],
            "by": by,
            "via": via,
            "details": dict(details),
        }
    )


async def list_acts(
    database: Database, *, act: str | None = None, subject: str | None = None, limit: int = 50
) -> list[Act]:
    """The latest acts first. `act` is a whole name ("key.create") or the first part of one ("key").

    Raises `BadRequest` and `StoreUnavailable`.
    """
    if not 1 <= limit <= ACTS_LISTED_MAX:
        raise BadRequest(f"limit is 1 to {ACTS_LISTED_MAX}.")
    wanted: dict[str, Any] = {}
    if subject is not None:
        wanted["subject"] = subject
    if act is not None:
        wanted["$or"] = [{"act": act}, {"act": {"$gte": f"{act}.", "$lt": f"{act}/"}}]  # "/" comes right after "."
    with answered_within():
        found = await database["acts"].find(wanted, {"_id": 0}).sort("at", DESCENDING).limit(limit).to_list()
    return [Act(**document) for document in found]


def holder(principal: Principal) -> str:
    """The `by` of an act over the API."""
    return f"key {principal.key_id} ({principal.name})"
