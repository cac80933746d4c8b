"""What every test may ask for: a real MongoDB, and a database of its own in it."""

import asyncio
import os
import secrets
import shutil
from collections.abc import Iterator

import pytest

from gateway.encryption import new_key_text
from gateway.mongo import PrivateMongod, connect
from gateway.settings import Settings

os.environ["ENCRYPTION_KEY"] = new_key_text()
"""What tests store in this process is sealed with it; a gateway in processes of its own makes its own key file."""


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One private mongod for the whole test run."""
    data_dir = tmp_path_factory.mktemp("mongo")
    mongod = PrivateMongod(Settings(_env_file=None, data_dir=data_dir, mongod_cache_mb=256))
    yield asyncio.run(mongod.start())
    asyncio.run(mongod.stop())
    shutil.rmtree(data_dir)  # pytest keeps the directories of three runs, and this one is 300 MB


@pytest.fixture
def database_name(mongo_uri: str) -> Iterator[str]:
    """A database that no other test knows, dropped afterwards."""
    name = f"test_{secrets.token_hex(8)}"
    yield name

    async def drop() -> None:
        async with connect(mongo_uri, Settings(_env_file=None, mongo_timeout_ms=30_000)) as client:
            await client.drop_database(name)

    asyncio.run(drop())
