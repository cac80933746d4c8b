"""API keys: made once, shown once, stored as a hash, with scopes from a closed set.

A key reads `apg_<key_id>_<secret>`: the id is public (it is in logs and lists), the secret is 256 random bits, so a
plain SHA-256 of the whole is enough and no slow password hash is needed.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from gateway.errors import BadRequest, NotFound

Database = AsyncDatabase[dict[str, Any]]

SCOPES: Final = (
    "payments:read",
    "wallets:read",
    "insights:read",
    "events:read",
    "reports:read",
    "ops:read",
    "audit:read",
    "audit:export",
    "wallets:write",
    "refunds:write",
    "ops:write",
    "admin",
)
"""Each opens what its name says and nothing else; `admin` changes things, the others that write are for agents (see mcp_tools)."""

NAME_LENGTH_MAX: Final = 100
KEYS_LISTED_MAX: Final = 1_000
_KEY: Final = re.compile(r"apg_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: a key that exists, is not disabled, and whose secret was right."""

    key_id: str
    name: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as an operator sees it; what would let someone in is not part of it."""

    key_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None


def key_id_of(text: str) -> str | None:
    """The public id inside a key; None for a text that is no key of ours."""
    found = _KEY.fullmatch(text)
    return found.group(1) if found else None


def key_hash(text: str) -> str:
    """What is stored of a key, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def known_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes, each once, in our order. Raises `BadRequest` for none at all and for one that does not exist."""
    wanted = set(scopes)
    unknown = sorted(wanted - set(SCOPES))
    if unknown or not wanted:
        wrong = f"There is no scope {unknown[0]!r}." if unknown else "A key needs at least one scope."
        raise BadRequest(f"{wrong} The scopes are: {', '.join(SCOPES)}.")
    return tuple(scope for scope in SCOPES if scope in wanted)


async def create_key(database: Database, *, name: str, scopes: Iterable[str], now: datetime) -> str:
    """Store a new key and return its text, which is never to be seen again. Raises `BadRequest`."""
    if not 0 < len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        raise BadRequest(f"A key's name is 1 to {NAME_LENGTH_MAX} printable characters.")
    granted = known_scopes(scopes)
    key_id = secrets.token_hex(8)
    text = f"apg_{key_id}_{secrets.token_urlsafe(32)}"
    await database.api_keys.insert_one(
        {"_id": key_id, "name": name, "hash": key_hash(text), "scopes": list(granted), "created_at": now}
    )
    return text


async def list_keys(database: Database) -> list[KeyRecord]:
    """Every key, newest first, at most `KEYS_LISTED_MAX`; disabled ones too."""
    found = database.api_keys.find({}, {"hash": 0}).sort("created_at", -1).limit(KEYS_LISTED_MAX)
    return [
        KeyRecord(
            key_id=key["_id"],
            name=key["name"],
            scopes=tuple(key["scopes"]),
            created_at=key["created_at"],
            disabled_at=key.get("disabled_at"),
        )
        async for key in found
    ]


async def disable_key(database: Database, key_id: str, *, now: datetime) -> None:
    """Make the key useless within seconds; doing it again changes nothing. Raises `NotFound`."""
    first_time = {"_id": key_id, "disabled_at": {"$exists": False}}
    changed = await database.api_keys.update_one(first_time, {"$set": {"disabled_at": now}})
    if changed.matched_count == 0 and await database.api_keys.find_one({"_id": key_id}, {"_id": 1}) is None:
        raise NotFound("There is no key with this id; list them with: gateway keys list.")
