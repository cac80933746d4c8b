"""`/metrics`: what Prometheus scrapes, of this process or, with PROMETHEUS_MULTIPROC_DIR, of all web processes."""

import asyncio
import os

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response


async def scrape(request: Request) -> Response:
    """In the format that the caller accepts. Off the event loop: the multiprocess form reads a file per process."""
    encoder, media_type = choose_encoder(request.headers.get("accept", ""))
    text = await asyncio.to_thread(lambda: encoder(_registry()))
    return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-store"})


def _registry() -> CollectorRegistry:
    """A fresh one per scrape in the multiprocess form, as prometheus-client asks for."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
