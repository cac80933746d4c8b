"""The client: bounded in time, aware of time zones, and durable whatever the URI says."""

import asyncio
import gc
import time
from datetime import UTC, datetime

import pytest

from gateway.errors import CannotStart, StoreUnavailable
from gateway.mongo import PrivateMongod, connect, ping, reach, running_uri
from gateway.settings import Settings

A_MOMENT = datetime(2026, 11, 21, 10, tzinfo=UTC)


def test_times_come_back_aware(mongo_uri: str, database_name: str, settings: Settings) -> None:
    """A stored moment is the same moment when read, in UTC."""

    async def story() -> datetime:
        async with connect(mongo_uri, settings) as client:
            await ping(client)
            moments = client[database_name].moments
            await moments.insert_one({"at": A_MOMENT})
            found = await moments.find_one()
            assert found is not None
            at: datetime = found["at"]
            return at

    assert asyncio.run(story()) == A_MOMENT


def test_the_uri_cannot_lower_the_durability(settings: Settings) -> None:
    """A 202 means a majority has it in its journal, also for an operator who wrote w=0 into the URI."""

    client = connect("mongodb://db.example/?w=0&journal=false&retryWrites=false", settings)
    assert client.write_concern.document == {"w": "majority", "j": True}
    assert client.options.retry_writes
    asyncio.run(client.close())


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # PyMongo, closed in mid-connect: PYTHON-5867
def test_a_silent_store_is_unavailable_in_time(settings: Settings) -> None:
    """Nothing answers at the address: a retryable error within the timeout, not a wait."""
    hasty = settings.model_copy(update={"mongo_timeout_ms": 200})

    async def story() -> None:
        async with connect("mongodb://127.0.0.1:9/", hasty) as client:
            with pytest.raises(StoreUnavailable):
                await ping(client)

    began_at = time.monotonic()
    asyncio.run(story())
    assert time.monotonic() - began_at < 10
    gc.collect()


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "mongodb://",
        "postgres://me:sw0rdfish@host/",
        "mongodb://me:sw0rd:fish@host/",
        "mongodb://me:sw0rd/fish@host/",
    ],
)
def test_a_wrong_uri_is_refused_without_its_password(uri: str, settings: Settings) -> None:
    """The message says what to write, and quotes nothing of what was written."""
    with pytest.raises(CannotStart, match="MONGO_URL") as refused:
        connect(uri, settings)
    assert "sw0rd" not in str(refused.value)


def test_reach_prefers_a_deployment_of_yours(settings: Settings) -> None:
    """With MONGO_URL nothing private is started or created."""
    deployed = Settings(_env_file=None, mongo_url="mongodb://db.example/", data_dir=settings.data_dir)

    async def story() -> str:
        async with reach(deployed) as uri:
            return uri

    assert asyncio.run(story()) == "mongodb://db.example/"
    assert not settings.data_dir.exists()


def test_reach_shares_the_mongod_of_a_running_gateway(settings: Settings, mongod: PrivateMongod) -> None:
    """A command beside a running gateway uses its mongod and leaves it running."""

    async def story() -> None:
        started = await mongod.start()
        async with reach(settings) as uri:
            assert uri == started
        async with connect(started, settings) as client:
            await ping(client)

    asyncio.run(story())


def test_reach_waits_for_a_gateway_that_is_starting(settings: Settings, mongod: PrivateMongod) -> None:
    """A command in the first second of a gateway waits for it instead of failing."""

    async def command() -> str:
        async with reach(settings) as uri:
            return uri

    async def story() -> None:
        assert mongod.lock()
        reached, started = await asyncio.gather(command(), mongod.start())
        assert reached == started

    asyncio.run(story())


def test_reach_starts_one_for_as_long_as_it_is_needed(settings: Settings) -> None:
    """With no gateway running, a command has a mongod of its own, which ends with it, also by an error."""

    async def a_command_that_fails() -> None:
        async with reach(settings) as uri, connect(uri, settings) as client:
            await ping(client)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(a_command_that_fails())
    assert running_uri(settings.data_dir) is None
