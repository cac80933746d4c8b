"""What every test may ask for: a real MongoDB, and a database of its own in it."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from databases import Databases
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
    uri = asyncio.run(mongod.start())
    with MongoClient[dict[str, Any]](uri) as client:
        # What tests store has days of its own, and would expire when those have gone by.
        client.admin.command("setParameter", 1, ttlMonitorEnabled=False)
    yield uri
    asyncio.run(mongod.stop())
    shutil.rmtree(data_dir)  # pytest keeps the directories of three runs, and this one is 300 MB


@pytest.fixture(scope="session")
def databases(mongo_uri: str) -> Iterator[Databases]:
    with Databases(mongo_uri) as kept:
        yield kept


@pytest.fixture
def database_name(databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database in which nothing is stored and that no other test uses; it may have its indexes already."""
    path = request.path
    name = databases.take(with_indexes=_room(path) in _ROOMS_WITH_INDEXES and path.name not in _LOOKS_AT_INDEXES)
    yield name
    databases.give_back(name)


_ROOMS_WITH_INDEXES = {"api", "events", "ledger", "mcp_tools", "pipeline"} | {
    f"test_{name}.py" for name in ("worker", "passed", "pipeline", "profiles", "models", "acts")
}
"""Whose tests make every index before they begin, as each process of the gateway does."""
_LOOKS_AT_INDEXES = {"test_standing.py"}


hypothesis.settings.register_profile("suite", deadline=None)  # a machine that others use too is slow now and then
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
    room = _room(path)
    return _LONG_FILES_FIRST.index(room) if room in _LONG_FILES_FIRST else len(_LONG_FILES_FIRST)


def _room(path: Path) -> str:
    """The folder under `tests`, or the file that stands there itself."""
    return path.relative_to(Path(__file__).parent).parts[0]
