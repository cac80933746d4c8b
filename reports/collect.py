"""Reads the store into `Figures`: eight bounded aggregations, all of them (but one) from the same moment.

A snapshot session makes the sections agree with each other while the worker keeps writing. MongoDB refuses snapshots of
capped collections, so the log of refused requests is read as it is then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pymongo
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from gateway.errors import StoreUnavailable
from gateway.queries.period import Period
from reports import insight_rows, queries, rows
from reports.figures import EventFigures, Figures, OpenEvents, Refusals, RiskFigures

Document = dict[str, Any]

REPORT_S_MAX: Final = 240.0
"""For all queries of one report together; the server stops them too. MongoDB keeps a snapshot for 300 s by default."""

SNAPSHOT_TRIES_MAX: Final = 3
SNAPSHOT_GONE: Final = frozenset({239, 246})
"""SnapshotTooOld, SnapshotUnavailable (a collection was made a moment ago): a new snapshot helps.
Source: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml"""


async def collect(db: AsyncDatabase[Document], *, since: datetime, until: datetime, now: datetime) -> Figures:
    """The figures of what lies at or after `since` and before `until`, aware datetimes.

    Raises `BadRequest` for a period that is empty or too long, and `StoreUnavailable` when MongoDB does not
    answer within `REPORT_S_MAX`.
    """
    period = Period(since, until)
    try:
        await db.command("ping")  # within the client's own timeout: a store that is down is not waited for as long
        with pymongo.timeout(REPORT_S_MAX):
            return await _from_one_snapshot(db, period, now)
    except PyMongoError as failed:
        raise StoreUnavailable(
            f"MongoDB did not answer for the report ({type(failed).__name__}); try again, or a shorter period."
        ) from failed


async def _from_one_snapshot(db: AsyncDatabase[Document], period: Period, now: datetime) -> Figures:
    for attempt in range(1, SNAPSHOT_TRIES_MAX + 1):
        try:
            async with db.client.start_session(snapshot=True) as session:
                return await _Reading(db, session, period.since, period.until).figures(now)
        except OperationFailure as failed:
            if failed.code not in SNAPSHOT_GONE or attempt == SNAPSHOT_TRIES_MAX:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def step_of(since: datetime, until: datetime) -> str:
    """The unit of the series: fine enough to see a shape, and at most a hundred steps in a year."""
    length = until - since
    if length <= timedelta(days=2):
        return "hour"
    return "day" if length <= timedelta(days=100) else "month"


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading of the store: the period, and the session that holds the moment still."""

    db: AsyncDatabase[Document]
    session: AsyncClientSession
    since: datetime
    until: datetime

    async def figures(self, now: datetime) -> Figures:
        step = step_of(self.since, self.until)
        flows = await self._all("transactions", queries.flows(self.since, self.until, step))
        accounts = await self._one("transactions", queries.accounts(self.since, self.until))
        return Figures(
            since=self.since,
            until=self.until,
            made_at=now,
            step=step,
            currencies=rows.currencies(flows, accounts, rows.starts(self.since, self.until, step)),
            states=rows.states(await self._one("objects", queries.states(self.since, self.until))),
            events=await self._events(),
            refusals=await self._refusals(),
            incidents=rows.incidents(await self._one("incidents", queries.incidents(self.since, self.until))),
            open_events=await self._open_events(),
            risk=await self._risk(),
        )

    async def _events(self) -> EventFigures:
        return rows.events(await self._one("events", queries.events(self.since, self.until)))

    async def _refusals(self) -> Refusals:
        """Without the session: the log is a capped collection. Its oldest entry tells how far back it reaches."""
        log = self.db["rejections"]
        oldest = await log.find_one({}, {"at": 1}, sort=[("$natural", 1)])
        cursor = await log.aggregate(queries.refusals(self.since, self.until), allowDiskUse=True)
        return rows.refusals((await cursor.to_list(1))[0], oldest)

    async def _open_events(self) -> OpenEvents:
        waiting = await self._all("events", queries.waiting(self.until))
        return rows.open_events(waiting, await self._one("events", queries.parked(self.until)))

    async def _risk(self) -> RiskFigures:
        levels = await self._one("insights", queries.levels(self.since, self.until))
        return insight_rows.risk(levels, await self._all("insights", queries.riskiest(self.since, self.until)))

    async def _all(self, collection: str, pipeline: queries.Pipeline) -> list[Document]:
        """Every row; the pipelines return few. Groups beyond the server's 100 MB go to its disk."""
        cursor = await self.db[collection].aggregate(pipeline, session=self.session, allowDiskUse=True)
        return await cursor.to_list(None)

    async def _one(self, collection: str, pipeline: queries.Pipeline) -> Mapping[str, list[Document]]:
        """The one row of a pipeline that ends in `$facet`."""
        return (await self._all(collection, pipeline))[0]
