"""What was refused, and why: one row per refusal in a capped collection, written behind the answer.

Bounded three ways, so that a flood costs neither the disk nor the memory nor the next honest sender: the collection is
capped, the waiting rows are counted, and what does not fit is dropped and counted as dropped.
"""

import asyncio
import hashlib
from collections import deque
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure, PyMongoError
from structlog import get_logger

from gateway.clock import utc
from gateway.errors import Refusal
from gateway.ingress.delivery import Delivery

COLLECTION_BYTES_MAX: Final = 64 * 1024 * 1024
WAITING_MAX: Final = 5_000
_BATCH_MAX: Final = 500
_SOURCE_LENGTH_MAX: Final = 64

log = get_logger(__name__)


async def ensure_rejections(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Create the capped collection once."""
    try:
        await database.create_collection("rejections", capped=True, size=COLLECTION_BYTES_MAX)
    except (CollectionInvalid, OperationFailure) as exists:
        if isinstance(exists, OperationFailure) and exists.code != 48:  # NamespaceExists
            raise
    await database["rejections"].create_index("at")


class RejectionLog:
    """`note` never waits; `drain` writes what is left. Evidence only: sizes and a hash, never a body, a header or a secret."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._rejections = database["rejections"]
        self._waiting: deque[dict[str, Any]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self.dropped = 0

    def note(self, delivery: Delivery, refused: Refusal) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += 1
            return
        self._waiting.append(
            {
                "at": utc(delivery.received_at),
                "source": delivery.source[:_SOURCE_LENGTH_MAX],
                "reason": refused.reason,
                "check": refused.check,
                "status": refused.status,
                "remote": delivery.remote,
                "body_bytes": len(delivery.body),
                "body_sha256": hashlib.sha256(delivery.body).hexdigest(),
            }
        )
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def drain(self) -> None:
        while self._writer is not None:
            await asyncio.wait([self._writer])

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_BATCH_MAX, len(self._waiting)))]
                try:
                    await self._rejections.insert_many(batch, ordered=False)
                except PyMongoError as failure:  # evidence is worth less than the service: say so and go on
                    self.dropped += len(batch)
                    log.warning("rejections_not_written", count=len(batch), error=type(failure).__name__)
        finally:
            self._writer = None
