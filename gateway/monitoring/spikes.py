"""Looks every few seconds whether much more is refused than usual; tells it as a security insight and an alert.

Runs in the worker. It reads counts per minute, of which there are few, and only for a spike the latest rows of evidence; so a
flood makes neither the look nor the figures wrong. Each spike is one document, found by several workers or not.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError, PyMongoError
from structlog import get_logger

from gateway.clock import Clock, pause, system_clock, utc
from gateway.events.rejections import BUCKET_S
from gateway.insights.security import (
    KIND_OF_REASON,
    KINDS,
    USUAL_WINDOWS,
    WINDOW_S,
    Kind,
    is_over,
    limit_of,
    new_insight,
    summary,
)
from gateway.monitoring.alerts import Alert, Severity, ensure_alerts, raise_alert, resolve_alerts

log = get_logger(__name__)

Database = AsyncDatabase[dict[str, Any]]
Windows = Mapping[tuple[str, str], Mapping[int, int]]
"""By kind and source: how many in each window, 0 the present one, 1 the one before it …"""

LOOK_EVERY_S: Final = 15.0
ALERT_KIND: Final = "security"
INSIGHTS_KEPT_S: Final = 365 * 86_400
ROWS_MAX: Final = 5_000
"""Of the latest rows, those that say which networks and checks a spike is made of."""
NAMED_MAX: Final = 5
KIND_NAMED: Final = {kind.name: kind for kind in KINDS}


async def ensure_security_insights(database: Database) -> None:
    """Create the indexes once."""
    await ensure_alerts(database)
    await database["security_insights"].create_indexes(
        [
            IndexModel([("open", ASCENDING)], unique=True, sparse=True),
            IndexModel([("at", DESCENDING)], expireAfterSeconds=INSIGHTS_KEPT_S),
        ]
    )


async def watch_refusals(
    database: Database, stop: asyncio.Event, *, every_s: float = LOOK_EVERY_S, clock: Clock = system_clock
) -> None:
    """Until `stop`; survives a MongoDB that is away."""
    prepared = False
    while not stop.is_set():
        try:
            if not prepared:
                await ensure_security_insights(database)
                prepared = True
            await look(database, now=utc(clock()))
        except PyMongoError as failed:
            log.warning("refusals_not_watched", error=type(failed).__name__)
        await pause(stop, every_s)


async def look(database: Database, *, now: datetime) -> None:
    """Open what has begun, keep up what lasts, close what is over."""
    minute_s = int(now.timestamp()) // BUCKET_S * BUCKET_S
    since = utc(minute_s + BUCKET_S - WINDOW_S)  # whole minutes, the present one the last
    windows = await _windows(database, since)
    insights = database["security_insights"]
    lasting: set[tuple[str, str]] = set()
    async for insight in insights.find({"open": {"$exists": True}}):
        of = (insight["kind"], insight["source"])
        count = windows.get(of, {}).get(0, 0)
        if insight["kind"] in KIND_NAMED and not is_over(insight, count):
            lasting.add(of)
            await _keep_up(database, insight, count, now)
        else:
            await _end(database, insight, now)
    for of in sorted(windows.keys() - lasting):
        if await _begin(database, KIND_NAMED[of[0]], of[1], windows[of], since=since, now=now):
            lasting.add(of)
    await resolve_alerts(database, ALERT_KIND, still=[":".join(of) for of in lasting], now=now)


async def _windows(database: Database, since: datetime) -> Windows:
    """Added up in MongoDB: a few hundred minutes of a few reasons."""
    window = {"$ceil": {"$divide": [{"$subtract": [since, "$at"]}, WINDOW_S * 1000]}}
    pipeline: list[dict[str, Any]] = [
        {"$match": {"at": {"$gte": since - timedelta(seconds=USUAL_WINDOWS * WINDOW_S)}}},
        {"$set": {"window": {"$max": [0, window]}}},
        {"$group": {"_id": {"s": "$source", "r": "$reason", "w": "$window"}, "count": {"$sum": "$count"}}},
    ]
    windows: defaultdict[tuple[str, str], defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    async for group in await database["refusal_counts"].aggregate(pipeline):
        kind = KIND_OF_REASON.get(group["_id"]["r"])
        if kind:
            windows[kind.name, group["_id"]["s"]][int(group["_id"]["w"])] += group["count"]
    return windows


async def _begin(
    database: Database, kind: Kind, source: str, counts: Mapping[int, int], *, since: datetime, now: datetime
) -> bool:
    """Whether this window is unusual; then the insight and the alert are stored, if nobody did before."""
    count = counts.get(0, 0)
    usual, limit = limit_of(kind, [counts.get(window, 0) for window in range(1, USUAL_WINDOWS + 1)])
    if count < limit:
        return False
    insight = new_insight(kind, source, since=since, now=now, count=count, usual=usual, limit=limit)
    insight |= await _evidence(database, kind, source, since)
    insight["summary"] = summary(kind, insight)
    with suppress(DuplicateKeyError):  # another worker was first, or it is the window of one that has just ended
        await database["security_insights"].insert_one(insight)
        log.warning("security_insight", kind=kind.name, source=source, count=count, usual=usual)
    await _alert(database, kind, insight, now)
    return True


async def _keep_up(database: Database, insight: dict[str, Any], count: int, now: datetime) -> None:
    kind = KIND_NAMED[insight["kind"]]
    insight |= {"until": now, "count": await _total(database, insight), "peak": max(insight["peak"], count)}
    insight |= await _evidence(database, kind, insight["source"], now - timedelta(seconds=WINDOW_S))
    insight["summary"] = summary(kind, insight)
    changed = {name: insight[name] for name in ("until", "count", "peak", "rows", "networks", "checks", "summary")}
    await database["security_insights"].update_one({"_id": insight["_id"]}, {"$set": changed})
    await _alert(database, kind, insight, now)


async def _end(database: Database, insight: dict[str, Any], now: datetime) -> None:
    """With what was counted after the last look, if its kind still exists."""
    told: dict[str, Any] = {"ended_at": now}
    if insight["kind"] in KIND_NAMED:
        told["count"] = insight["count"] = await _total(database, insight)
        told["summary"] = summary(KIND_NAMED[insight["kind"]], insight)
    await database["security_insights"].update_one({"_id": insight["_id"]}, {"$set": told, "$unset": {"open": ""}})
    log.info("spike_over", kind=insight["kind"], source=insight["source"], count=insight["count"])


async def _total(database: Database, insight: Mapping[str, Any]) -> int:
    """All that was counted since it began; counts are kept for a week, so never less than was told before."""
    reasons = {"$in": list(KIND_NAMED[insight["kind"]].reasons)}
    of = {"at": {"$gte": insight["since"]}, "source": insight["source"], "reason": reasons}
    total: list[dict[str, Any]] = [{"$match": of}, {"$group": {"_id": None, "count": {"$sum": "$count"}}}]
    found = await (await database["refusal_counts"].aggregate(total)).to_list()
    return max(int(insight["count"]), found[0]["count"] if found else 0)


async def _evidence(database: Database, kind: Kind, source: str, since: datetime) -> dict[str, Any]:
    """The networks and failed checks of the latest rows since then: by index, newest first, so many and no more. A minute has
    a bounded number of rows, so this is cheap during a flood too; `rows` says how many were looked at."""
    by: dict[str, Any] = {"at": {"$gte": since}, "reason": {"$in": list(kind.reasons)}}
    if source != "unknown":
        by["source"] = source
    pipeline: list[dict[str, Any]] = [
        {"$match": by},
        {"$sort": {"at": -1, "_id": -1}},
        {"$limit": ROWS_MAX},
        {
            "$facet": {
                "rows": [{"$count": "count"}],
                "networks": [{"$sortByCount": "$network"}, {"$limit": NAMED_MAX}],
                "checks": [{"$sortByCount": "$check"}, {"$limit": NAMED_MAX}],
            }
        },
    ]
    found = (await (await database["rejections"].aggregate(pipeline)).to_list())[0]
    return {
        "rows": found["rows"][0]["count"] if found["rows"] else 0,
        "networks": _named(found["networks"]),
        "checks": _named(found["checks"]),
    }


def _named(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": str(group["_id"] or "unknown"), "count": group["count"]} for group in groups]


async def _alert(database: Database, kind: Kind, insight: Mapping[str, Any], now: datetime) -> None:
    names = ("since", "count", "peak", "usual", "limit", "rows", "networks", "checks", "recommendation")
    evidence = {"insight": insight["_id"], **{name: insight[name] for name in names}}
    subject = f"{kind.name}:{insight['source']}"
    alert = Alert(ALERT_KIND, subject, Severity(kind.severity), insight["summary"], evidence)
    await raise_alert(database, alert, now=now)
