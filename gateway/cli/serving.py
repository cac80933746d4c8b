"""`gateway serve` and the processes it starts: `gateway web` (hidden) and `gateway work`."""

import asyncio
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvloop

from gateway.access.limits import Limits
from gateway.analysis.narrative import Narrator, narrate_pending
from gateway.app import build_app, prepare
from gateway.audit.chain import seal
from gateway.audit.schedule import audit_apart, audit_regularly
from gateway.cli.options import DataDir
from gateway.clock import system_clock
from gateway.errors import CannotStart, StoreUnavailable
from gateway.ingress.providers.sources import open_sources
from gateway.insights.store import InsightStore
from gateway.ledger.lease import Lease
from gateway.ledger.limits import read_limits
from gateway.ledger.store import LedgerStore
from gateway.mongo.client import connect, deployment_kind, reach
from gateway.mongo.embedded import PrivateMongod
from gateway.monitoring.components import tell
from gateway.monitoring.logs import configure_logs
from gateway.pipeline import Processing
from gateway.settings import Settings, load_settings
from gateway.supervisor import Child, Supervisor, listen, on_orphaned
from gateway.web import calm_garbage_collection, run_web
from gateway.worker import Worker

log = structlog.get_logger(__name__)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [env: HOST; default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [env: PORT; default: 8000]")] = None,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(help="Web processes. [env: WORKERS; default: 1]")] = None,
) -> None:
    """Run the gateway: web processes, the worker and, without MONGO_URL, a private MongoDB. SIGTERM drains and stops all."""
    settings = load_settings(host=host, port=port, data_dir=data_dir, workers=workers)
    configure_logs(settings.log_level, process="supervisor")
    check_settings(settings)
    if has_mongo_url(settings):
        asyncio.run(_check_deployment(settings))
    mongod = None if has_mongo_url(settings) else PrivateMongod(settings)
    if mongod and not mongod.lock():
        asyncio.run(mongod.start())  # says who holds the directory
    listener = listen(settings.host, settings.port)
    log.info(
        "listening", url=f"http://{settings.host}:{listener.getsockname()[1]}", sources=sorted(open_sources(settings))
    )
    supervisor = Supervisor(_children(settings, listener), mongod=mongod, listener=listener)
    asyncio.run(supervisor.run())


def web(fd: Annotated[int, typer.Option(help="The listening socket, inherited.")]) -> None:
    """One web process of `gateway serve`."""
    settings = load_settings()
    configure_logs(settings.log_level, process=f"web-{os.getpid()}")
    run_web(build_app(settings, _mongo_url(settings)), settings, fd)


def work(data_dir: DataDir = None) -> None:
    """Run one worker beside a running gateway; it stands by until the present one lets go of the lease."""
    settings = load_settings(data_dir=data_dir)
    configure_logs(settings.log_level, process=f"worker-{os.getpid()}")
    uvloop.run(_work(settings))


def check_settings(settings: Settings) -> None:
    """Everything that can be wrong before anything is started. Raises `CannotStart`, a sentence per problem."""
    if not open_sources(settings):
        raise CannotStart(
            "No source has a secret, so every webhook would be refused: set at least one of HMAC_SECRET_KEY, "
            "STRIPE_WEBHOOK_SECRET, RAZORPAY_WEBHOOK_SECRET, STANDARD_WEBHOOKS_SECRET."
        )
    Limits(settings)
    read_limits(settings.kyc_limits, settings.kyc_level_default)


async def _check_deployment(settings: Settings) -> None:
    """A deployment of the operator's own must answer and have transactions before anything is promised on it."""
    try:
        async with connect(_mongo_url(settings), settings) as client:
            await deployment_kind(client)
    except StoreUnavailable as silent:
        raise CannotStart(f"MONGO_URL: {silent} Check the address, the credentials and the network.") from None


def has_mongo_url(settings: Settings) -> bool:
    return bool(settings.mongo_url and settings.mongo_url.get_secret_value())


def _mongo_url(settings: Settings) -> str:
    if settings.mongo_url is None:
        raise CannotStart("MONGO_URL is not set; `gateway serve` sets it for its processes.")
    return settings.mongo_url.get_secret_value()


def _children(settings: Settings, listener: socket.socket) -> list[Child]:
    environment = {
        "HOST": settings.host,
        "PORT": str(listener.getsockname()[1]),
        "DATA_DIR": str(settings.data_dir),
        "PROMETHEUS_MULTIPROC_DIR": str(_fresh_metrics_dir(settings.data_dir)),
    }
    command = (sys.executable, "-m", "gateway")
    fd = listener.fileno()
    webs = [
        Child(f"web-{number}", (*command, "web", "--fd", str(fd)), environment, pass_fds=(fd,))
        for number in range(1, settings.workers + 1)
    ]
    return [*webs, Child("worker", (*command, "work"), environment, drain_order=1)]


def _fresh_metrics_dir(data_dir: Path) -> Path:
    """Counters start at zero with the gateway, as Prometheus expects."""
    metrics = data_dir / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    return metrics.resolve()


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for kind in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(kind, stop.set)
    on_orphaned(stop.set)
    async with reach(settings) as uri, connect(uri, settings) as client:
        database = client[settings.mongo_database]
        await prepare(database)
        calm_garbage_collection()
        lease = Lease(database, lease_s=settings.lease_s)
        limits = read_limits(settings.kyc_limits, settings.kyc_level_default)
        narrator = Narrator(settings)
        processing = Processing(
            database,
            LedgerStore(database, lease, limits),
            clock=system_clock,
            narrate_from_score=settings.narrate_from_score,
            model_configured=narrator.configured,
        )
        worker = Worker(database, lease, processing, batch_max=settings.apply_batch_max, lease_s=settings.lease_s)
        tasks = [
            asyncio.create_task(worker.run(stop)),
            asyncio.create_task(seal(database, stop)),
            asyncio.create_task(
                audit_regularly(
                    database,
                    audit_apart(uri),
                    stop,
                    every_s=settings.audit_every_s,
                    parked_after_s=settings.parked_alert_after_s,
                )
            ),
        ]
        tasks += [
            asyncio.create_task(narrate_pending(InsightStore(database), narrator, stop)),
            asyncio.create_task(tell(database, "model", narrator.model_state, stop)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            await narrator.aclose()
