"""The guard of the encryption keys: the store remembers with which ones it was sealed.

A second machine with a key file of its own would store bodies that the first cannot open, and nobody would notice before they
are needed. So a process that has none of the keys that are on record does not start.

    encryption_keys: _id (the key's id), since, first (on the one that a new store began with)
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from gateway.encryption import Cipher
from gateway.errors import CannotStart


async def register_keys(database: AsyncDatabase[dict[str, Any]], cipher: Cipher, *, now: datetime) -> None:
    """Put the sealing key on record beside the known ones. Raises `CannotStart` when we have none of those."""
    keys = database["encryption_keys"]
    if not await keys.find_one() and await _is_first(database, cipher.key_id, now):
        return
    await check_keys(database, cipher)
    await keys.update_one({"_id": cipher.key_id}, {"$setOnInsert": {"since": now}}, upsert=True)


async def check_keys(database: AsyncDatabase[dict[str, Any]], cipher: Cipher) -> None:
    """Raises `CannotStart` when keys are on record and none of them is ours."""
    known = await database["encryption_keys"].distinct("_id")
    if known and not set(known) & set(cipher.key_ids):
        raise CannotStart(
            f"ENCRYPTION_KEY: what is stored was sealed with the key {', '.join(sorted(known))}, and here is only "
            f"{', '.join(cipher.key_ids)}: set the key of the machine that sealed it (ENCRYPTION_KEY there, or its "
            "DATA_DIR/encryption.key)."
        )


async def keep_on_record(database: AsyncDatabase[dict[str, Any]], key_ids: Iterable[str]) -> None:
    """Strike off every other key, when nothing that is stored needs it any more: who has such a one alone does not start."""
    await database["encryption_keys"].delete_many({"_id": {"$nin": list(key_ids)}})


async def _is_first(database: AsyncDatabase[dict[str, Any]], key_id: str, now: datetime) -> bool:
    """Whether ours is the key that the store begins with; of two processes that start at once, one is told no."""
    keys = database["encryption_keys"]
    await keys.create_index([("first", ASCENDING)], unique=True, sparse=True)
    try:
        await keys.insert_one({"_id": key_id, "since": now, "first": True})
    except DuplicateKeyError:
        return False
    return True
