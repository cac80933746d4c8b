"""What every test may ask for: a real MongoDB, and a database of its own in it."""

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
import pytest
from pymongo import MongoClient

from gateway.encryption import new_key_text
from gateway.mongo import PrivateMongod
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


@pytest.fixture(scope="session")
def drop_database(mongo_uri: str) -> Iterator[Callable[[str], object]]:
    """Drops a database beside the tests that follow: MongoDB takes a tenth of a second for each."""
    with MongoClient(mongo_uri) as client, ThreadPoolExecutor(1) as beside:
        yield lambda name: beside.submit(client.drop_database, name)


@pytest.fixture
def database_name(drop_database: Callable[[str], object]) -> Iterator[str]:
    """A database that no other test knows, dropped afterwards."""
    name = f"test_{secrets.token_hex(8)}"
    yield name
    drop_database(name)


hypothesis.settings.register_profile("suite")  # a machine that others use too is slow now and then
hypothesis.settings.load_profile("suite")

_LONG_FILES_FIRST = (
    "crash",
    "journeys",
    "fuzz",
    "test_supervisor.py",
    "properties",
    "mongo",
    "simulators",
    "audit",
    "api",
)
"""They mostly wait for processes; begun last they would be waited for alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _turn(item.path))


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: the tests of processes and limits spend half of their time waiting."""
    return (os.cpu_count() or 1) + 1


def _turn(path: Path) -> int:
    room = path.relative_to(Path(__file__).parent).parts[0]
    return _LONG_FILES_FIRST.index(room) if room in _LONG_FILES_FIRST else len(_LONG_FILES_FIRST)
