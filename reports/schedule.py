"""Regular reports, in the worker: one of several makes each, in a process of its own at low priority, into a directory.

A report that was due while no worker ran, or that failed, is made later and is still of the period before the moment it was due.
Of several that were missed only the last one is made, so a gateway that was off for a month does not start with thirty.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from pymongo.errors import PyMongoError
from structlog import get_logger

from gateway.clock import Clock, pause, system_clock, utc
from gateway.errors import GatewayError
from gateway.monitoring.alerts import Alert, Severity, raise_alert, resolve_alerts
from gateway.monitoring.apart import run_apart
from gateway.queries.reading import Database
from gateway.settings import Settings
from reports.claim import REPORT_S_MAX, Claim, claim_due, conclude, give_back, put_off
from reports.plan import Plan, read_plan
from reports.shelf import tidy

log = get_logger(__name__)

LOOK_EVERY_S: Final = 20.0
NICENESS: Final = 19

MakeReport = Callable[[str, Plan], Awaitable[None]]
"""Makes the report of a period ("2026-11-21") for a plan. Raises `ReportFailed`."""


class ReportFailed(GatewayError):
    """A regular report was not made; it is tried again."""

    reason = "report_failed"


async def report_regularly(
    database: Database, settings: Settings, make: MakeReport, stop: asyncio.Event, *, clock: Clock = system_clock
) -> None:
    """Until `stop`: each report when it is due, the index of the directory, and what is too old taken out of it."""
    while not stop.is_set():
        try:
            plan = await read_plan(database, settings)
            now = utc(clock())
            if plan is not None and (claim := await claim_due(database, plan, now=now)) is not None:
                await _unless_stopped(stop, report_once(database, settings, claim, make, now=now))
        except (PyMongoError, GatewayError) as failed:  # a zone that is none is said by the command; the writer goes on
            log.warning("not_reported", error=type(failed).__name__)
        await pause(stop, LOOK_EVERY_S)


async def report_once(database: Database, settings: Settings, claim: Claim, make: MakeReport, *, now: datetime) -> bool:
    """One report; an alert says why there is none, and is closed by the next that is made. Whether it was made."""
    try:
        await make(claim.period, claim.plan)
        await asyncio.to_thread(tidy, settings.report_directory, kept_days=settings.report_kept_days, now=now)
        await conclude(database, claim)
    except (ReportFailed, OSError) as failed:
        await put_off(database, claim, now=now)
        summary = f"The report of {claim.period} was not made: {failed}"
        await raise_alert(database, Alert("report", "schedule", Severity.WARNING, summary, {}), now=now)
        return False
    except asyncio.CancelledError:
        with suppress(PyMongoError):  # then it is due again when the lease is over
            await give_back(database, claim)
        raise
    log.info("reported", period=claim.period, directory=str(settings.report_directory))
    await resolve_alerts(database, "report", still=[], now=now)
    return True


def report_apart(mongo_uri: str, settings: Settings) -> MakeReport:
    """The report as a child process, `python -m reports`, with the settings of this one."""

    async def make(period: str, plan: Plan) -> None:
        out = settings.report_directory
        words = ["--period", period, "--compare", "--out", str(out), "--format", settings.report_formats]
        given = {"MONGO_URL": mongo_uri, "DATA_DIR": str(settings.data_dir), "REPORT_TIMEZONE": plan.zone}
        try:
            ended = await run_apart("reports", *words, environment=given, niceness=NICENESS, within_s=REPORT_S_MAX)
        except TimeoutError:
            raise ReportFailed(f"it took longer than {REPORT_S_MAX:.0f} s.") from None
        if ended.code != 0:
            raise ReportFailed(ended.last_error or f"it ended with exit code {ended.code}.")

    return make


async def _unless_stopped(stop: asyncio.Event, work: Awaitable[object]) -> None:
    """A report takes minutes; a worker that is told to stop does not wait for it."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.wait({working, stopping}, timeout=5)
