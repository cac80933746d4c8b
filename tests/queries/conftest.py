"""The seeded store, asked through one function: `ask(question)` runs it on a fresh client."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from seeded_store import Ask, seed

from gateway.mongo import connect
from gateway.queries.reading import Database
from gateway.settings import Settings


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, mongo_timeout_ms=20_000)


@pytest.fixture
def empty(mongo_uri: str, database_name: str, settings: Settings) -> Ask:
    """A store with nothing in it."""

    def ask(question: Callable[[Database], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            async with connect(mongo_uri, settings) as client:
                return await question(client[database_name])

        return asyncio.run(run())

    return ask


@pytest.fixture
def ask(empty: Ask) -> Ask:
    """The seeded store."""
    empty(seed)
    return empty
