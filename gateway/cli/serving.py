"""`gateway serve`: the supervisor, and which processes it starts."""

import asyncio
import shutil
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
import typer

from gateway.cli.options import DataDir
from gateway.cli.start_checks import NO_SOURCE, check_settings, check_store, has_mongo_url, may_have_sources, mongo_url
from gateway.encryption import open_cipher
from gateway.errors import CannotStart
from gateway.ingress.providers.sources import open_sources
from gateway.mongo.embedded import PrivateMongod
from gateway.monitoring.logs import configure_logs
from gateway.settings import Settings, load_settings
from gateway.supervisor import Child, Supervisor, listen

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
    open_cipher(settings)
    if has_mongo_url(settings):
        asyncio.run(check_store(mongo_url(settings), settings))
    elif not may_have_sources(settings):
        raise CannotStart(NO_SOURCE)
    mongod = None if has_mongo_url(settings) else PrivateMongod(settings)
    if mongod and not mongod.lock():
        asyncio.run(mongod.start())  # says who holds the directory
    listener = listen(settings.host, settings.port)
    log.info(
        "listening", url=f"http://{settings.host}:{listener.getsockname()[1]}", sources=sorted(open_sources(settings))
    )
    checked = partial(check_store, settings=settings)
    supervisor = Supervisor(_children(settings, listener), mongod=mongod, check_store=checked, listener=listener)
    asyncio.run(supervisor.run())


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
