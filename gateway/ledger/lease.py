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
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError, OperationFailure

from gateway.clock import pause
from gateway.errors import LeaseLost

_WRITER: Final = "writer"
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Lease:
    """The right to write the ledger. `next_seq` is the number of the next transaction, kept in the same document.

    So is the database session that the holder's transactions use. A writer that dies or is paused inside a transaction
    leaves it open, and MongoDB keeps what it touched, the lease among it, from everybody for another 60 to 90 seconds
    (measured 89). Whoever finds the lease lapsed ends that session first, and takes over at once.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]], *, lease_s: float) -> None:
        self._client = database.client
        self._leases: AsyncCollection[dict[str, Any]] = database["leases"]
        self._session: AsyncClientSession | None = None
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
            if await self._take():
                return True
            await pause(stop, self._lease_ms / 4000)
        return False

    async def _take(self) -> bool:
        """Hold the lease if nobody else does."""
        free = {"_id": _WRITER, "$or": [{"holder": self.holder}, {"$expr": {"$lt": ["$expires_at", "$$NOW"]}}]}
        standing = await self._leases.find_one(free)
        if standing is None:
            return False
        await self._end_transactions_of(standing.get("session"))
        session = await self._fresh_session()
        held = {"holder": self.holder, "session": session.session_id["id"], "expires_at": self._expiry()}
        taken = await self._leases.find_one_and_update(
            free,
            [{"$set": {**held, "epoch": {"$add": ["$epoch", 1]}}}],
            return_document=ReturnDocument.AFTER,
        )
        if taken is None:
            return False
        self.epoch, self.next_seq = taken["epoch"], taken["next_seq"]
        return True

    async def _end_transactions_of(self, session: Any) -> None:
        """Whoever may use the database may end sessions of the same user."""
        if session is not None:
            with suppress(OperationFailure):  # then the open transaction has to run into MongoDB's own limit
                await self._client.admin.command("killSessions", [{"id": session}])

    async def _fresh_session(self) -> AsyncClientSession:
        if self._session is not None:
            await self._session.end_session()
        self._session = self._client.start_session()
        return self._session

    @property
    def session(self) -> AsyncClientSession:
        """The one in which the holder writes."""
        assert self._session is not None, "acquire the lease before writing"
        return self._session

    def fence(self, next_seq: int) -> dict[str, Any]:
        """The update that renews the lease and takes sequence numbers. It matches nothing once the lease is another's, nor
        when a commit that was reported as failed has happened after all: then what is in memory is behind what is stored."""
        return {
            "q": {"_id": _WRITER, "holder": self.holder, "epoch": self.epoch, "next_seq": self.next_seq},
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
