"""A private mongod per test, which no test can leave behind."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.mongo import PrivateMongod
from gateway.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    data_dir = tmp_path / "data"
    yield Settings(_env_file=None, data_dir=data_dir, mongo_url=None, mongod_path=None, mongod_cache_mb=256)
    shutil.rmtree(data_dir, ignore_errors=True)  # pytest keeps the directories of three runs, and this one is 300 MB


@pytest.fixture
def mongod(settings: Settings) -> Iterator[PrivateMongod]:
    """Not yet started."""
    mongod = PrivateMongod(settings)
    yield mongod
    asyncio.run(mongod.stop())
