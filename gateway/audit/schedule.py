"""The audit on a schedule, and the alerts that it and forgotten events raise. Runs in the worker; survives a MongoDB that is away.

The audit itself runs in a process of its own at low priority: in the worker's it would take turns from the writer, and code
that watches the writer had better not share its memory.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError, PyMongoError
from structlog import get_logger

from gateway.audit.reading import AuditIncomplete, Database
from gateway.clock import Clock, pause, system_clock, utc
from gateway.events.standing import PARKED
from gateway.monitoring.alerts import Alert, Severity, ensure_alerts, raise_alert, resolve_alerts
from gateway.monitoring.apart import run_apart

log = get_logger(__name__)

LOOK_EVERY_S: Final = 30.0
"""Between two looks at whether an audit is due and whether something is parked too long."""
AUDIT_S_MAX: Final = 3_600.0
"""A scheduled audit; a longer one is ended and called incomplete."""
AUDITS_KEPT_S: Final = 90 * 86_400
PARKED_NAMED_MAX: Final = 20
"""Events that one alert names; the rest are counted."""
STOP_S_MAX: Final = 5.0
"""For an audit that was told to end; it only reads, so nothing is lost when it is left behind."""
NICENESS: Final = 10

RunAudit = Callable[[], Awaitable[Mapping[str, Any]]]
"""Gives a report as `Report.to_document` has it. Raises `AuditIncomplete`."""


async def audit_regularly(
    database: Database,
    run_audit: RunAudit,
    stop: asyncio.Event,
    *,
    every_s: int,
    parked_after_s: int,
    clock: Clock = system_clock,
) -> None:
    """Until `stop`: an audit each `every_s` (0: never), and an alert for what is parked longer than `parked_after_s`."""
    prepared = False
    while not stop.is_set():
        try:
            if not prepared:
                await ensure_audits(database)
                prepared = True
            await watch_parked(database, after_s=parked_after_s, now=utc(clock()))
            if every_s and await _claim(database, every_s=every_s, now=utc(clock())):
                await _unless_stopped(stop, audit_once(database, run_audit, now=utc(clock())))
        except PyMongoError as failed:
            log.warning("not_audited", error=type(failed).__name__)
        await pause(stop, min(LOOK_EVERY_S, every_s or LOOK_EVERY_S))


async def ensure_audits(database: Database) -> None:
    """Create the indexes once."""
    await ensure_alerts(database)
    await database["audits"].create_indexes([IndexModel([("at", ASCENDING)], expireAfterSeconds=AUDITS_KEPT_S)])


async def audit_once(database: Database, run_audit: RunAudit, *, now: datetime) -> bool:
    """Run it, store its result, raise an alert per broken invariant and close those that hold again. Whether all held."""
    try:
        report = dict(await run_audit())
    except AuditIncomplete as failed:
        await raise_alert(
            database,
            Alert("audit_incomplete", "audit", Severity.WARNING, str(failed), {"error": failed.reason}),
            now=now,
        )
        return False
    await database["audits"].insert_one({**report, "at": now})
    broken = [check for check in report["checks"] if check["broken"]]
    log.info("audited", ok=report["ok"], seconds=report["seconds"], broken=[check["id"] for check in broken])
    for check in broken:
        await raise_alert(database, _broken_alert(check), now=now)
    await resolve_alerts(database, "audit", still=[check["id"] for check in broken], now=now)
    await resolve_alerts(database, "audit_incomplete", still=[], now=now)
    return not broken


async def watch_parked(database: Database, *, after_s: int, now: datetime) -> None:
    """One alert per source with events that have waited longer than `after_s` for something that never came."""
    old = {
        **PARKED,
        "received_at": {"$lt": now - timedelta(seconds=after_s)},
    }
    counts: list[Mapping[str, Any]] = [
        {"$match": old},
        {"$group": {"_id": "$source", "count": {"$sum": 1}, "oldest": {"$min": "$received_at"}}},
    ]
    sources = []
    async for found in await database["events"].aggregate(counts):
        sources.append(found["_id"])
        named = database["events"].find({**old, "source": found["_id"]}, {"reason": 1}).limit(PARKED_NAMED_MAX)
        await raise_alert(database, _parked_alert(found, await named.to_list()), now=now)
    await resolve_alerts(database, "parked", still=sources, now=now)


def audit_apart(mongo_uri: str, data_dir: Path) -> RunAudit:
    """The audit as a child process, `python -m gateway.audit`, with the settings of this one and its keys."""

    async def run() -> Mapping[str, Any]:
        given = {"MONGO_URL": mongo_uri, "DATA_DIR": str(data_dir)}
        try:
            ended = await run_apart("gateway.audit", environment=given, niceness=NICENESS, within_s=AUDIT_S_MAX)
        except TimeoutError:
            raise AuditIncomplete(f"The audit took longer than {AUDIT_S_MAX:.0f} s.") from None
        if ended.code not in (0, 1):
            raise AuditIncomplete(ended.last_error or f"The audit ended with exit code {ended.code}.")
        report: Mapping[str, Any] = orjson.loads(ended.output)
        return report

    return run


async def _claim(database: Database, *, every_s: int, now: datetime) -> bool:
    """Whether an audit is due and ours to run: of several workers, one gets each. The first is due `every_s` from now."""
    next_at = now + timedelta(seconds=every_s)
    with suppress(DuplicateKeyError):  # every time but the first
        await database["leases"].update_one({"_id": "audit"}, {"$setOnInsert": {"next_at": next_at}}, upsert=True)
    due = {"_id": "audit", "next_at": {"$lte": now}}
    return (await database["leases"].update_one(due, {"$set": {"next_at": next_at}})).modified_count == 1


def _broken_alert(check: Mapping[str, Any]) -> Alert:
    first = check["first"] or {}
    record = f"{first.get('collection')} {first.get('record')}: {first.get('why')}"
    summary = f"{check['id']} is broken ({check['what']}), {check['broken']} times; first: {record}"
    return Alert("audit", check["id"], Severity.CRITICAL, summary, check)


def _parked_alert(found: Mapping[str, Any], named: Sequence[Mapping[str, Any]]) -> Alert:
    since = f"{found['oldest']:%Y-%m-%d %H:%M}"
    summary = f"{found['count']} events from {found['_id']} are parked, the oldest since {since} UTC"
    events = [{"event_id": event["_id"], "reason": event["reason"]} for event in named]
    evidence = {"count": found["count"], "oldest": found["oldest"], "events": events}
    return Alert("parked", found["_id"], Severity.WARNING, summary, evidence)


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> None:
    """An audit takes minutes; a worker that is told to stop does not wait for it."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.wait({working, stopping}, timeout=STOP_S_MAX)
