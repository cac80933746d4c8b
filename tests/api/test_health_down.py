"""What the gateway says about itself when MongoDB does not answer, and what /metrics does with several processes."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from seeded_store import NOW
from served import InGateway, Served, unreachable_store

from gateway.errors import StoreUnavailable
from gateway.queries.health import Health, Readiness, health
from gateway.queries.reading import Database
from gateway.settings import Settings

SETTINGS = Settings(_env_file=None, gemini_api_key="k", gemini_model="gemini-x")


def test_without_mongodb_health_is_down_and_still_an_answer() -> None:
    """It says what that means for the senders; the model is told from the settings."""

    async def main() -> Health:
        async with unreachable_store() as database:
            return await health(database, SETTINGS, now=NOW)

    found = asyncio.run(main())
    assert (found.status, found.mongodb, found.worker, found.backlog) == ("down", "unreachable", "unknown", None)
    assert (found.model, found.model_reason) == ("configured", "gemini-x")


def test_without_mongodb_nothing_is_ready_and_it_is_asked_at_most_once_a_second() -> None:
    """Anyone may call it, as often as they like."""

    async def main() -> int:
        asked = 0
        async with unreachable_store() as store:

            def database() -> Database:
                nonlocal asked
                asked += 1
                return store

            ready = Readiness(database, clock=lambda: 5.0)
            answers = await asyncio.gather(*(ready.check() for _ in range(20)), return_exceptions=True)
            assert all(isinstance(answer, StoreUnavailable) for answer in answers)
        return asked

    assert asyncio.run(main()) == 1


def test_metrics_are_those_of_all_processes_when_they_share_a_directory(
    in_gateway: InGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty here, because no process has written to it."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    async def work(served: Served) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=served.url) as client:
            return await client.get("/metrics", headers={"X-API-Key": await served.key("ops:read")})

    response = in_gateway(work)
    assert (response.status_code, response.text.replace("# EOF\n", "")) == (200, "")
