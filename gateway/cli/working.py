"""`gateway work`: the worker's process, and everything that runs beside the writer."""

import asyncio
import os
import signal
from typing import Final

import uvloop

from gateway.analysis.narrative import SUMMARY_AGE_MAX_S, Narrator, narrate_pending
from gateway.audit.schedule import audit_apart, audit_regularly
from gateway.cli.options import DataDir
from gateway.clock import system_clock
from gateway.encryption import keep_fresh, open_cipher
from gateway.events.at_rest import retry_unread
from gateway.events.retries import retry_failed
from gateway.garbage import look_through_when_idle, set_aside_what_stays
from gateway.insights.period_store import NAME
from gateway.insights.store import InsightStore
from gateway.ledger.lease import Lease
from gateway.ledger.limits import read_limits
from gateway.ledger.store import LedgerStore
from gateway.mongo.client import connect, reach
from gateway.mongo.giving_way import giving_way
from gateway.monitoring.components import tell
from gateway.monitoring.logs import configure_logs
from gateway.monitoring.spikes import watch_refusals
from gateway.pipeline import Processing
from gateway.pipeline.labels import label_regularly
from gateway.pipeline.period_insights import compute_regularly
from gateway.pipeline.retention import Retention, retain_regularly
from gateway.pipeline.scoring import Scoring
from gateway.schema import prepare
from gateway.settings import Settings, load_settings
from gateway.supervisor import on_orphaned
from gateway.worker import Worker
from reports.schedule import report_apart, report_regularly

NICENESS: Final = 10
"""Answering a sender comes before applying what it sent: a backlog waits, a sender gives up. A tenth of a busy processor is left to
the worker, so that it keeps its lease and gets on."""


def work(data_dir: DataDir = None) -> None:
    """Run one worker beside a running gateway; it stands by until the present one lets go of the lease."""
    settings = load_settings(data_dir=data_dir)
    configure_logs(settings.log_level, process=f"worker-{os.getpid()}")
    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for kind in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(kind, stop.set)
    on_orphaned(stop.set)
    async with (
        reach(settings) as uri,
        connect(uri, settings) as client,
        giving_way(client, settings, niceness=NICENESS),
    ):
        database = client[settings.mongo_database]
        cipher = open_cipher(settings)
        await prepare(database, cipher)
        set_aside_what_stays()
        lease = Lease(database, lease_s=settings.lease_s)
        limits = read_limits(settings.kyc_limits, settings.kyc_level_default)
        narrator = Narrator(settings)
        scoring = Scoring(
            database, narrate_from_score=settings.narrate_from_score, model_configured=narrator.configured
        )
        processing = Processing(
            database,
            LedgerStore(database, lease, limits),
            cipher=cipher,
            clock=system_clock,
            scoring=scoring if settings.analyse else None,
        )
        worker = Worker(database, lease, processing, batch_max=settings.apply_batch_max, lease_s=settings.lease_s)
        tasks = [
            asyncio.create_task(worker.run(stop)),
            asyncio.create_task(
                audit_regularly(
                    database,
                    audit_apart(uri, settings.data_dir),
                    stop,
                    every_s=settings.audit_every_s,
                    parked_after_s=settings.parked_alert_after_s,
                )
            ),
            asyncio.create_task(look_through_when_idle(lambda: worker.is_idle, stop)),
            asyncio.create_task(keep_fresh(cipher, stop)),
            asyncio.create_task(retry_unread(database["events"], cipher, stop)),
            asyncio.create_task(retry_failed(database["events"], stop, clock=system_clock)),
            asyncio.create_task(retain_regularly(database, Retention.of(settings), stop)),
            asyncio.create_task(narrate_pending(InsightStore(database), narrator, stop)),
            asyncio.create_task(
                narrate_pending(InsightStore(database, NAME), narrator, stop, age_max_s=SUMMARY_AGE_MAX_S)
            ),
            asyncio.create_task(tell(database, "model", narrator.model_state, stop)),
            asyncio.create_task(watch_refusals(database, stop)),
            asyncio.create_task(compute_regularly(database, stop, narrate=narrator.configured)),
            asyncio.create_task(label_regularly(database, stop, delay_days=settings.label_delay_days)),
            asyncio.create_task(report_regularly(database, settings, report_apart(uri, settings), stop)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            await narrator.aclose()
