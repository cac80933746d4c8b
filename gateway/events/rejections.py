"""What was refused, and why: one row per refusal in a capped collection, written behind the answer, and counts of all of them.

Bounded four ways, so that a flood costs neither the disk nor the memory nor the evidence about everybody else nor the next
honest sender: the collection is capped, the rows of a minute are (of one network and of all), the waiting rows are, and what
does not fit is dropped. It is still counted: `refusal_counts` has a number for each minute, source and reason.

    rejections       at, source, reason, check, status, remote, network, address, body_bytes, body_sha256, headers, headers_bytes
    refusal_counts   _id "<unix time of the minute>:<source>:<reason>", at, source, reason, count
"""

import asyncio
import hashlib
from collections import Counter, deque
from contextlib import suppress
from typing import Any, Final

from bson import Binary
from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, CollectionInvalid, OperationFailure, PyMongoError
from structlog import get_logger

from gateway.clock import utc
from gateway.errors import Refusal, UnknownSource
from gateway.events.networks import network_of, packed
from gateway.ingress.delivery import Delivery
from gateway.mongo.former_indexes import drop_former

COLLECTION_BYTES_MAX: Final = 64 * 1024 * 1024
WAITING_MAX: Final = 5_000
ROWS_PER_MINUTE_MAX: Final = 6_000
"""Of one process: at some 450 bytes a row, a flood needs at least 25 minutes to push out what was there before it."""
NETWORK_SHARE: Final = 3
"""One network gets one part in so many of the minute's rows."""
BUCKET_S: Final = 60
COUNTS_KEPT_S: Final = 7 * 86_400
COUNTS_MAX: Final = 2_000
"""Numbers that wait to be written; those of more sources are counted as of source "(other)"."""
GATHER_S: Final = 0.25
"""Between two writes: a flood costs a few a second, not one for each refusal."""
_BATCH_MAX: Final = 500
_SOURCE_LENGTH_MAX: Final = 64

log = get_logger(__name__)


async def ensure_rejections(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Create the collections and indexes once. The one index of the rows serves periods and pages, newest first."""
    try:
        await database.create_collection("rejections", capped=True, size=COLLECTION_BYTES_MAX)
    except (CollectionInvalid, OperationFailure) as exists:
        if isinstance(exists, OperationFailure) and exists.code != 48:  # NamespaceExists
            raise
    await database["rejections"].create_index([("at", ASCENDING), ("_id", ASCENDING)])
    await drop_former(database["rejections"], ["at_1"])
    await database["refusal_counts"].create_indexes([IndexModel([("at", ASCENDING)], expireAfterSeconds=COUNTS_KEPT_S)])


class RejectionLog:
    """`note` never waits; `drain` writes what is left. Evidence only: sizes and a hash, never a body, a header or a secret."""

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], *, rows_per_minute_max: int = ROWS_PER_MINUTE_MAX
    ) -> None:
        self._rejections = database["rejections"]
        self._counts = database["refusal_counts"]
        self._waiting: deque[dict[str, Any]] = deque()
        self._counted: Counter[tuple[int, str, str]] = Counter()
        self._allowance = _Allowance(rows_per_minute_max)
        self._writer: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self.dropped = 0

    def note(self, delivery: Delivery, refused: Refusal) -> bool:
        """Count the refusal, and keep a row of it. False where there is no room for the row."""
        source = "unknown" if isinstance(refused, UnknownSource) else delivery.source
        self.count(source, refused.reason, delivery.received_at)
        network = network_of(delivery.remote)
        if len(self._waiting) >= WAITING_MAX or not self._allowance.take(delivery.received_at, network):
            self.dropped += 1
            return False
        address = packed(delivery.remote)
        self._waiting.append(
            {
                "at": utc(delivery.received_at),
                "source": delivery.source[:_SOURCE_LENGTH_MAX],
                "reason": refused.reason,
                "check": refused.check,
                "status": refused.status,
                "remote": delivery.remote,
                "network": network,
                "address": Binary(address) if address else None,
                "body_bytes": len(delivery.body),
                "body_sha256": hashlib.sha256(delivery.body).hexdigest(),
                "headers": len(delivery.headers),
                "headers_bytes": sum(len(name) + len(value) for name, value in delivery.headers),
            }
        )
        return True

    def count(self, source: str, reason: str, at: float) -> None:
        """Count what needs no row, a duplicate say; `at` is in unix seconds."""
        key = (int(at) // BUCKET_S * BUCKET_S, source[:_SOURCE_LENGTH_MAX], reason)
        if key not in self._counted and len(self._counted) >= COUNTS_MAX:
            key = (key[0], "(other)", reason)
        self._counted[key] += 1
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def drain(self) -> None:
        self._hurry.set()
        while self._writer is not None:
            await asyncio.wait([self._writer])
        self._hurry.clear()

    async def _write(self) -> None:
        """Until nothing is left, or only counts that the store does not take: the next refusal tries again with them."""
        try:
            while self._waiting or self._counted:
                await self._write_rows()
                if not await self._write_counts() and not self._waiting:
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(GATHER_S):
                        await self._hurry.wait()
        finally:
            self._writer = None

    async def _write_rows(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH_MAX, len(self._waiting)))]
            try:
                await self._rejections.insert_many(batch, ordered=False)
            except PyMongoError as failure:  # evidence is worth less than the service: say so and go on
                self.dropped += len(batch)
                log.warning("rejections_not_written", count=len(batch), error=type(failure).__name__)

    async def _write_counts(self) -> bool:
        """Add them to what all processes counted. Whether it was possible; what was not written waits for the next time."""
        counted, self._counted = list(self._counted.items()), Counter()
        writes = [
            UpdateOne(
                {"_id": f"{minute}:{source}:{reason}"},
                {"$inc": {"count": count}, "$setOnInsert": {"at": utc(minute), "source": source, "reason": reason}},
                upsert=True,
            )
            for (minute, source, reason), count in counted
        ]
        try:
            if writes:
                await self._counts.bulk_write(writes, ordered=False)
        except BulkWriteError as partly:
            errors = partly.details["writeErrors"]
            self._keep([counted[error["index"]] for error in errors])
            return all(error["code"] == 11000 for error in errors)  # another process made the same row: add to it
        except PyMongoError as failure:
            self._keep(counted)
            log.warning("refusals_not_counted", error=type(failure).__name__)
            return False
        return True

    def _keep(self, counted: list[tuple[tuple[int, str, str], int]]) -> None:
        self._counted.update(dict(counted[:COUNTS_MAX]))


class _Allowance:
    """Rows of the present minute, of each network and of all."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._minute = -1
        self._rows: Counter[str] = Counter()
        self._all = 0

    def take(self, at: float, network: str) -> bool:
        if (minute := int(at) // 60) != self._minute:
            self._minute = minute
            self._all = 0
            self._rows.clear()
        if self._all >= self._rows_max or self._rows[network] >= max(1, self._rows_max // NETWORK_SHARE):
            return False
        self._all += 1
        self._rows[network] += 1
        return True
