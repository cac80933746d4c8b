"""The socket: settings in, a Starlette application out. Everything is assembled here and opened and closed in `lifespan`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from beanie import init_beanie
from pymongo.asynchronous.database import AsyncDatabase
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.access.door import Door
from gateway.access.keyring import KeyRing
from gateway.access.limits import Limits
from gateway.api.routes import routes as api_routes
from gateway.clock import Clock, system_clock
from gateway.errors import Refusal
from gateway.events.rejections import RejectionLog, ensure_rejections
from gateway.events.store import EventDocument, EventStore
from gateway.ingress.delivery import Delivery
from gateway.ingress.endpoint import WebhookEndpoint
from gateway.ingress.providers.sources import Source, open_sources
from gateway.ingress.verify import Window
from gateway.insights.store import InsightDocument
from gateway.ledger.store import ObjectDocument, TransactionDocument, WalletDocument
from gateway.mcp_tools.http import mcp_endpoint
from gateway.mongo.client import connect
from gateway.monitoring.metrics import ACKNOWLEDGED, ANSWERS
from gateway.pipeline import Incidents, Reception
from gateway.problem import exception_handlers
from gateway.queries.indexes import ensure_indexes
from gateway.settings import Settings


def build_app(settings: Settings, mongo_uri: str, *, clock: Clock = system_clock) -> Starlette:
    """The application of one web process. Raises `CannotStart` for settings that are unsafe."""
    sources = open_sources(settings)
    limits = Limits(settings)
    client = connect(mongo_uri, settings)
    database = client[settings.mongo_database]
    store = EventStore(
        database,
        batch_max=settings.commit_batch_max,
        waiting_max=settings.commit_waiting_max,
        timeout_ms=settings.mongo_timeout_ms,
    )
    rejections = RejectionLog(database)
    reception = Reception(sources, store, Incidents(database), limits=limits, window=window_of(settings))
    endpoint = webhook_endpoint(settings, sources, reception, rejections, limits, clock)
    door = Door(KeyRing(lambda: database), limits)
    mcp = mcp_endpoint(lambda: database, door, settings, clock=clock)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await prepare(database)
        try:
            async with mcp.running():
                yield
        finally:
            await store.drain()
            await rejections.drain()
            await client.close()

    app = Starlette(
        routes=[
            Route("/webhooks/{source}", endpoint),
            *api_routes(lambda: database, door, settings, clock=clock),
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
    limits: Limits,
    clock: Clock,
) -> WebhookEndpoint:
    """The endpoint with its evidence and its counters."""

    def note_refusal(delivery: Delivery, refused: Refusal) -> None:
        rejections.note(delivery, refused)
        ANSWERS.labels(delivery.source if delivery.source in sources else "unknown", refused.reason).inc()

    def note_receipt(source: str, answer: str, seconds: float) -> None:
        ANSWERS.labels(source, answer).inc()
        ACKNOWLEDGED.observe(seconds)

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


def window_of(settings: Settings) -> Window:
    return Window(past_s=settings.max_webhook_age_seconds, future_s=settings.max_webhook_future_seconds)


async def prepare(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Create the collections and indexes that are missing; every process does, whichever comes first."""
    await init_beanie(
        database=database,
        document_models=[EventDocument, WalletDocument, ObjectDocument, TransactionDocument, InsightDocument],
    )
    await ensure_rejections(database)
    await ensure_indexes(database)
