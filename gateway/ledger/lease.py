"""One writer: a lease in the database, with an epoch that every write proves inside its own transaction.

Times are the database's (`$$NOW`), so a process whose clock steps or that was paused past its lease cannot believe it still
holds it: its next write finds another epoch and nothing of it is stored.
"""

import asyncio
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from gateway.errors import LeaseLost

_WRITER: Final = "writer"
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Lease:
    """The right to write the ledger. `next_seq` is the number of the next transaction, kept in the same document."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], *, lease_s: float) -> None:
        self._leases: AsyncCollection[dict[str, Any]] = database["leases"]
        self._lease_ms = int(lease_s * 1000)
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self.epoch = 0
        self.next_seq = 1

    async def acquire(self, stop: asyncio.Event) -> bool:
        """Stand by until the lease is free, then hold it in a new epoch. False when `stop` was set first.

        One that is ours already is taken at once: the new epoch shuts out whatever of ours may still be under way.
        """
        with suppress(DuplicateKeyError):  # every start but the first
            await self._leases.insert_one(
                {"_id": _WRITER, "holder": "", "epoch": 0, "next_seq": 1, "expires_at": _LONG_AGO}
            )
        while not stop.is_set():
            taken = await self._leases.find_one_and_update(
                {"_id": _WRITER, "$or": [{"holder": self.holder}, {"$expr": {"$lt": ["$expires_at", "$$NOW"]}}]},
                [{"$set": {"holder": self.holder, "epoch": {"$add": ["$epoch", 1]}, "expires_at": self._expiry()}}],
                return_document=ReturnDocument.AFTER,
            )
            if taken:
                self.epoch, self.next_seq = taken["epoch"], taken["next_seq"]
                return True
            await _wait(stop, self._lease_ms / 4000)
        return False

    def fence(self, next_seq: int) -> dict[str, Any]:
        """The update that renews the lease and takes sequence numbers; it matches nothing once the lease is another's."""
        return {
            "q": {"_id": _WRITER, "holder": self.holder, "epoch": self.epoch},
            "u": [{"$set": {"expires_at": self._expiry(), "next_seq": next_seq}}],
        }

    async def renew(self) -> None:
        """Keep the lease while there is nothing to write. Raises `LeaseLost`."""
        fence = self.fence(self.next_seq)
        if (await self._leases.update_one(fence["q"], fence["u"])).matched_count != 1:
            raise LeaseLost("Another writer holds the lease.")

    async def release(self) -> None:
        """Let a standby take over at once."""
        await self._leases.update_one(self.fence(0)["q"], {"$set": {"expires_at": _LONG_AGO}})

    def _expiry(self) -> dict[str, Any]:
        return {"$add": ["$$NOW", self._lease_ms]}


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
