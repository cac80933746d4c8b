"""What a person has decided about an owner: the KYC level, which says how much may go out of the owner's wallets.

`owners` holds one document per owner who was given a level: {_id: owner, kyc_level, at, by, history}. The writer reads it
when it decides a transfer or withdrawal; nothing a webhook says changes it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from gateway.errors import BadRequest
from gateway.events.normalise.fields import is_owner
from gateway.ledger.limits import Limits

Database = AsyncDatabase[dict[str, Any]]

HISTORY_MAX: Final = 100
"""Decisions kept with an owner, the latest ones."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A level, when it was given and by whom."""

    kyc_level: str
    at: datetime
    by: str


async def set_level(database: Database, owner: str, level: str, *, limits: Limits, by: str, now: datetime) -> Decision:
    """Give the owner the level, from the next outgoing step on. Raises `BadRequest` for a level that the settings do not
    name and for a name that no event can give an owner. The owner may be one that no event has named yet."""
    if level not in limits.levels:
        raise BadRequest(
            f"There is no level {level!r}. KYC_LIMITS names: {', '.join(sorted(limits.levels)) or 'none'}."
        )
    if not is_owner(owner):
        raise BadRequest(
            "An owner is 1 to 128 printable ASCII characters without spaces, and no account of the gateway's."
        )
    decided: dict[str, Any] = {"kyc_level": level, "at": now, "by": by}
    await database["owners"].update_one(
        {"_id": owner},
        {"$set": decided, "$push": {"history": {"$each": [decided], "$slice": -HISTORY_MAX}}},
        upsert=True,
    )
    return Decision(**decided)


async def decisions(database: Database, owner: str) -> list[Decision]:
    """What was decided about the owner, the latest first; empty for one who has the default level."""
    found = await database["owners"].find_one({"_id": owner}, {"history": 1})
    return [Decision(**decided) for decided in reversed(found["history"])] if found else []


async def level_given(database: Database, owner: str) -> str | None:
    """The level the owner was given; None: the default counts."""
    found = await database["owners"].find_one({"_id": owner}, {"kyc_level": 1})
    return found["kyc_level"] if found else None
