"""The ceiling: the gateway's own web process with one thing taken out, the database.

The same endpoint, verification, naming, counters, limits, uvicorn settings and shared socket; only the store answers at
once that the event is new. `python -m simulators.load.ceiling serve --port P --web K`, secrets from the environment.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gateway.access.limits import Limits
from gateway.app import webhook_endpoint
from gateway.clock import system_clock
from gateway.encryption import open_cipher
from gateway.events.rejections import RejectionLog
from gateway.events.store import Appended, EventStore
from gateway.ingress.providers.sources import open_sources, window_of
from gateway.ingress.straight import StraightToWebhooks
from gateway.mongo.client import connect
from gateway.monitoring.receipts import Receipts
from gateway.pipeline import Incidents, Reception
from gateway.problem import exception_handlers
from gateway.settings import Settings, load_settings
from gateway.supervisor import Child, Supervisor, listen
from gateway.web import run_web

NOBODY: Final = "mongodb://127.0.0.1:9"
"""A client connects when it is first used, and this one never is: what is sent here is never refused."""

app = typer.Typer(add_completion=False)


class InstantStore(EventStore):
    """Remembers nothing: every event is new and, so it says, durable."""

    async def append(self, document: dict[str, Any]) -> Appended:
        return Appended(True, document["fingerprint"])


def build_ceiling(settings: Settings) -> Starlette:
    """The application of one web process without a database."""
    sources = open_sources(settings)
    limits = Limits(settings)
    client = connect(NOBODY, settings)
    database = client[settings.mongo_database]
    store = InstantStore(
        database,
        batch_max=settings.commit_batch_max,
        waiting_max=settings.commit_waiting_max,
        timeout_ms=settings.mongo_timeout_ms,
    )
    cipher = open_cipher(settings)
    reception = Reception(
        sources, store, Incidents(database, cipher), cipher=cipher, limits=limits, window=window_of(settings)
    )
    receipts = Receipts()
    endpoint = webhook_endpoint(
        settings, sources, reception, RejectionLog(database), receipts, limits=limits, clock=system_clock
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        receipts.write()
        await client.close()

    return StraightToWebhooks(
        endpoint,
        sources,
        routes=[Route("/webhooks/{source}", endpoint), Route("/ready", _ready)],
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )


@app.command()
def serve(
    port: Annotated[int, typer.Option()],
    web: Annotated[int, typer.Option()],
    metrics_dir: Annotated[Path, typer.Option(help="The gateway counts in files, so this does too.")],
) -> None:
    """Run `web` processes on one listening socket until SIGTERM, under the gateway's supervisor."""
    listener = listen("127.0.0.1", port)
    command = (sys.executable, "-m", "simulators.load.ceiling", "child", "--fd", str(listener.fileno()))
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(metrics_dir)}
    children = [
        Child(f"ceiling-{number}", command, environment, pass_fds=(listener.fileno(),)) for number in range(1, web + 1)
    ]
    asyncio.run(Supervisor(children, listener=listener).run())


@app.command()
def child(fd: Annotated[int, typer.Option()]) -> None:
    """One web process, set up as `gateway web` is."""
    settings = load_settings()
    run_web(build_ceiling(settings), settings, fd)


async def _ready(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("ready")


if __name__ == "__main__":
    app()
