"""How a report reads the store: bounded queries, one after the other, each followed by a pause for whoever answers senders.

The ledger is append-only, so what was booked before the period's end reads the same whenever it is read: no snapshot is held
open, however long the report takes.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pymongo
from pymongo.errors import PyMongoError

from gateway.booked import booked
from gateway.errors import StoreUnavailable
from gateway.queries.reading import Database
from reports.asked import Asked

Document = dict[str, Any]
Pipeline = list[Document]

QUERY_S_MAX: Final = 240.0
"""Of one query; MongoDB stops it too. There are some tens of them."""
BATCH: Final = 500
PAUSE_SHARE: Final = 0.5
"""After a query, the part of its time that MongoDB is left alone: a report is not in a hurry."""
PAUSE_S_MAX: Final = 2.0


@dataclass(slots=True)
class Reading:
    """The store, what is asked of it, and where to tell how far it is."""

    database: Database
    asked: Asked
    now: datetime
    step_done: Callable[[str], None] = lambda _: None

    async def transactions(self, **times: datetime) -> Document:
        """The condition on the transactions that are asked for; `times` are bounds of when they were booked, as `gte=…, lt=…`."""
        of_then = await booked(self.database, {f"${name}": moment for name, moment in times.items()})
        return of_then | self.asked.transactions

    async def rows(self, collection: str, pipeline: Pipeline) -> list[Document]:
        """Every row of an aggregation that gives few. Groups beyond the server's 100 MB go to its disk."""
        began = time.monotonic()
        with answering(), pymongo.timeout(QUERY_S_MAX):
            cursor = await self.database[collection].aggregate(pipeline, allowDiskUse=True, batchSize=BATCH)
            found = await cursor.to_list(None)
        await asyncio.sleep(min(PAUSE_SHARE * (time.monotonic() - began), PAUSE_S_MAX))
        return found

    async def facets(self, collection: str, pipeline: Pipeline) -> dict[str, list[Document]]:
        """The one row of a pipeline that ends in `$facet`."""
        return (await self.rows(collection, pipeline))[0]


@contextmanager
def answering() -> Iterator[None]:
    """What MongoDB does not answer inside is `StoreUnavailable`."""
    try:
        yield
    except PyMongoError as failed:
        raise StoreUnavailable(
            f"MongoDB did not answer for the report ({type(failed).__name__}); try again, or a shorter period."
        ) from failed


def minor(expression: Any) -> Document:
    """The sum of minor units, as decimals of 34 digits: MongoDB's own sum of 64-bit integers becomes a rounded double when
    it overflows."""
    return {"$sum": {"$toDecimal": {"$ifNull": [expression, 0]}}}


def whole(found: Any) -> int:
    """The integer of what `minor` gave, or of a stored one."""
    if found is None:
        return 0
    return int(found.to_decimal()) if hasattr(found, "to_decimal") else int(found)
