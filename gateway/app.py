"""The socket: settings in, a Starlette application out. Everything is assembled here and opened and closed in `lifespan`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route

from gateway.access.door import Door
from gateway.access.keyring import KeyRing
from gateway.access.limits import Limits
from gateway.access.sources import ManagedSources
from gateway.api.routes import routes as api_routes
from gateway.clock import Clock, system_clock
from gateway.encryption import keep_fresh, open_cipher
from gateway.errors import Refusal
from gateway.events.rejections import RejectionLog
from gateway.events.store import EventStore
from gateway.ingress.delivery import Delivery
from gateway.ingress.endpoint import WebhookEndpoint
from gateway.ingress.providers.sources import Source, window_of
from gateway.ingress.providers.stored import OpenSources
from gateway.ingress.straight import StraightToWebhooks
from gateway.mcp_tools.http import mcp_endpoint
from gateway.mcp_tools.server import Additions
from gateway.mongo.client import connect
from gateway.monitoring.metrics import ANSWERS, SOURCES_NOT_REFRESHED, count_refusal
from gateway.monitoring.receipts import Receipts
from gateway.pipeline import Incidents, Reception
from gateway.problem import exception_handlers
from gateway.schema import prepare
from gateway.settings import Settings


def build_app(
    settings: Settings, mongo_uri: str, *, clock: Clock = system_clock, additions: Additions | None = None
) -> Starlette:
    """The application of one web process. `additions` are the conformance tests'. Raises `CannotStart` for settings that are
    unsafe."""
    limits = Limits(settings)
    client = connect(mongo_uri, settings)
    database = client[settings.mongo_database]
    cipher = open_cipher(settings)
    sources = OpenSources(database, cipher, settings)
    store = EventStore(
        database,
        batch_max=settings.commit_batch_max,
        waiting_max=settings.commit_waiting_max,
        timeout_ms=settings.mongo_timeout_ms,
    )
    rejections = RejectionLog(database, rows_per_minute_max=settings.refusals_kept_per_minute)
    reception = Reception(
        sources, store, Incidents(database, cipher), cipher=cipher, limits=limits, window=window_of(settings)
    )
    receipts = Receipts()
    endpoint = webhook_endpoint(settings, sources, reception, rejections, receipts, limits=limits, clock=clock)
    door = Door(KeyRing(lambda: database), limits)
    managed = ManagedSources(database, cipher, settings, clock=clock)
    mcp = mcp_endpoint(lambda: database, door, settings, cipher, clock=clock, additions=additions)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await prepare(database, cipher)
        await sources.refresh()
        stop = asyncio.Event()
        following = asyncio.create_task(sources.follow(stop, failed=SOURCES_NOT_REFRESHED.inc))
        refreshing = asyncio.create_task(keep_fresh(cipher, stop))
        try:
            async with mcp.running():
                yield
        finally:
            stop.set()
            await refreshing
            await following
            await store.drain()
            await rejections.drain()
            receipts.write()
            await client.close()

    app = StraightToWebhooks(
        endpoint,
        sources,
        routes=[
            Route("/webhooks/{source}", endpoint),
            *api_routes(lambda: database, door, settings, managed=managed, clock=clock),
            *mcp.routes,
        ],
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def webhook_endpoint(
    settings: Settings,
    sources: Mapping[str, Source],
    reception: Reception,
    rejections: RejectionLog,
    receipts: Receipts,
    *,
    limits: Limits,
    clock: Clock,
) -> WebhookEndpoint:
    """The endpoint with its evidence and its counters."""

    def note_refusal(delivery: Delivery, refused: Refusal) -> None:
        count_refusal(refused.reason, refused.check, kept=rejections.note(delivery, refused))
        ANSWERS.labels(delivery.source if delivery.source in sources else "unknown", refused.reason).inc()

    def note_receipt(source: str, answer: str, seconds: float) -> None:
        receipts.note(source, answer, seconds)
        if answer == "duplicate":
            rejections.count(source, answer, clock())

    return WebhookEndpoint(
        sources,
        reception.receive,
        outcome_of=reception.outcome_of,
        note_refusal=note_refusal,
        note_receipt=note_receipt,
        limits=limits,
        clock=clock,
        body_bytes_max=settings.body_bytes_max,
        body_timeout_s=settings.body_timeout_s,
    )
