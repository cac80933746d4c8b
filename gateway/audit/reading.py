"""One moment of the store, streamed: a pass reads everything as of the same instant while the writer goes on behind it.

Memory stays that of one batch per stream: collections are read in the order of a common key and joined as they come, never
held. MongoDB keeps what a snapshot needs for five minutes by default (`minSnapshotHistoryWindowInSeconds`), so each pass takes its
own; a private one keeps it for as long as the audit lasts (gateway/mongo/history.py).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import pymongo
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from gateway.audit.findings import Broken, Findings
from gateway.audit.records import Document, Malformed, name_of
from gateway.errors import GatewayError

Database = AsyncDatabase[dict[str, Any]]
Result = TypeVar("Result")
Item = TypeVar("Item")
Left = TypeVar("Left")
Right = TypeVar("Right")

SORT_S_MAX: Final = 600.0
"""Until MongoDB has sorted what it has no index for; every other step is over within the client's own timeout."""
BATCH: Final = 500
"""Documents per answer of MongoDB: small enough that whoever shares the event loop gets its turn."""

_UNAVAILABLE: Final = 246  # a collection or index was made after the moment that was asked for; the next moment will do
_TOO_OLD: Final = 239
_TRIES: Final = 20


class AuditIncomplete(GatewayError):
    """The audit could not be carried through; nothing is known about the invariants."""

    reason, retryable = "audit_incomplete", True


class Moment:
    """The store as it was at one instant."""

    def __init__(self, database: Database, session: AsyncClientSession) -> None:
        self.database = database
        self.session = session

    async def stream(
        self,
        collection: str,
        query: Document | None = None,
        *,
        order: Sequence[tuple[str, int]] = (),
        fields: Document | None = None,
    ) -> AsyncIterator[Document]:
        """The documents one by one, in the order of an index that the collection has."""
        found = self.database[collection].find(query or {}, fields, session=self.session, batch_size=BATCH)
        async for document in found.sort(order) if order else found:
            yield document

    async def sorted(self, collection: str, stages: list[Document]) -> AsyncIterator[Document]:
        """An aggregation; what it sorts without an index spills to MongoDB's disk, not into our memory."""
        with pymongo.timeout(SORT_S_MAX):
            found = await self.database[collection].aggregate(
                stages, session=self.session, allowDiskUse=True, batchSize=BATCH
            )
        async for document in found:
            yield document

    async def one(self, collection: str, query: Document) -> Document | None:
        return await self.database[collection].find_one(query, session=self.session)


async def at_one_moment(database: Database, read: Callable[[Moment], Awaitable[Result]]) -> Result:
    """Run one pass over a snapshot. Raises `AuditIncomplete`."""
    for tries_left in reversed(range(_TRIES)):
        try:
            async with database.client.start_session(snapshot=True) as session:
                return await read(Moment(database, session))
        except OperationFailure as refused:
            if refused.code == _TOO_OLD:
                raise AuditIncomplete(
                    "The store no longer holds the moment the audit reads; raise MongoDB's "
                    "minSnapshotHistoryWindowInSeconds, or audit when it is quieter."
                ) from refused
            if refused.code != _UNAVAILABLE or not tries_left:
                raise AuditIncomplete(f"MongoDB refused to be read: error {refused.code}.") from refused
        except PyMongoError as failed:
            raise AuditIncomplete(f"MongoDB did not answer: {type(failed).__name__}.") from failed
        await asyncio.sleep(0.1)
    raise AssertionError("unreachable")


async def grouped(items: AsyncIterator[Item], key: Callable[[Item], str]) -> AsyncIterator[tuple[str, list[Item]]]:
    """Neighbours with the same key, together."""
    group: list[Item] = []
    present: str | None = None
    async for item in items:
        found = key(item)
        if group and found != present:
            yield present or "", group
            group = []
        present = found
        group.append(item)
    if group:
        yield present or "", group


async def joined(
    lefts: AsyncIterator[tuple[str, Left]], rights: AsyncIterator[tuple[str, Right]]
) -> AsyncIterator[tuple[str, Left | None, Right | None]]:
    """Each key with what stands on both sides, either of which may be missing. Both come in the order of the key, once each.

    MongoDB orders text by its UTF-8 bytes and Python by code points, which is the same order.
    """
    left, right = await anext(lefts, None), await anext(rights, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            yield left[0], left[1], None
            left = await anext(lefts, None)
        elif left is None or right[0] < left[0]:
            yield right[0], None, right[1]
            right = await anext(rights, None)
        else:
            yield left[0], left[1], right[1]
            left, right = await anext(lefts, None), await anext(rights, None)


async def believed(
    documents: AsyncIterator[Document],
    read: Callable[[Document], Item],
    *,
    collection: str,
    findings: Findings,
    invariant: str,
) -> AsyncIterator[Item]:
    """The documents as typed values; one that cannot be read is a finding, and is passed over."""
    async for document in documents:
        try:
            yield read(document)
        except Malformed as wrong:
            findings.broken(invariant, Broken(collection, name_of(document), f"cannot be read: {wrong}"))
