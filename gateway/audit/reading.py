"""One moment of the store, streamed: a pass reads everything as of the same instant while the writer goes on behind it.

Memory stays that of one batch per stream: collections are read in the order of a common key and joined as they come, never
held. MongoDB keeps what a snapshot needs for five minutes (`minSnapshotHistoryWindowInSeconds`), so each pass takes its own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import pymongo
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from gateway.audit.records import Document
from gateway.errors import GatewayError

Database = AsyncDatabase[dict[str, Any]]
Result = TypeVar("Result")
Item = TypeVar("Item")

AUDIT_S_MAX: Final = 3_600.0
"""A whole audit; MongoDB stops working on it when the time is over."""
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
        self._database = database
        self._session = session

    async def stream(
        self,
        collection: str,
        query: Document | None = None,
        *,
        order: Sequence[tuple[str, int]] = (),
        fields: Document | None = None,
    ) -> AsyncIterator[Document]:
        """The documents one by one, in the order of an index that the collection has."""
        found = self._database[collection].find(query or {}, fields, session=self._session, batch_size=BATCH)
        async for document in found.sort(order) if order else found:
            yield document

    async def sorted(self, collection: str, stages: list[Document]) -> AsyncIterator[Document]:
        """An aggregation; what it sorts without an index spills to MongoDB's disk, not into our memory."""
        found = await self._database[collection].aggregate(
            stages, session=self._session, allowDiskUse=True, batchSize=BATCH
        )
        async for document in found:
            yield document

    async def one(self, collection: str, query: Document) -> Document | None:
        return await self._database[collection].find_one(query, session=self._session)


async def at_one_moment(database: Database, read: Callable[[Moment], Awaitable[Result]]) -> Result:
    """Run one pass over a snapshot. Raises `AuditIncomplete`."""
    for tries_left in reversed(range(_TRIES)):
        try:
            with pymongo.timeout(AUDIT_S_MAX):
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
    groups: AsyncIterator[tuple[str, list[Item]]], documents: AsyncIterator[Document]
) -> AsyncIterator[tuple[str, list[Item], Document | None]]:
    """Each key with its group and its document, either of which may be missing. Both come in the order of the key.

    MongoDB orders text by its UTF-8 bytes and Python by code points, which is the same order.
    """
    group = await anext(groups, None)
    document = await anext(documents, None)
    while group is not None or document is not None:
        if document is None or (group is not None and group[0] < document["_id"]):
            assert group is not None
            yield group[0], group[1], None
            group = await anext(groups, None)
        elif group is None or document["_id"] < group[0]:
            yield document["_id"], [], document
            document = await anext(documents, None)
        else:
            yield group[0], group[1], document
            group, document = await anext(groups, None), await anext(documents, None)
