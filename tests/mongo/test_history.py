"""A private mongod forgets what was changed within seconds, and keeps it while somebody reads the store as it was."""

import asyncio

import pytest
from pymongo.errors import OperationFailure

from gateway.mongo import PrivateMongod, connect
from gateway.mongo.client import Client
from gateway.mongo.history import history_kept
from gateway.settings import Settings

TOO_OLD = 239


async def _window_s(client: Client) -> int:
    told = await client.admin.command({"getParameter": 1, "minSnapshotHistoryWindowInSeconds": 1})
    return int(told["minSnapshotHistoryWindowInSeconds"])


async def _read_slowly(client: Client) -> list[int]:
    """Two reads of one moment, ten changes and more than the window between them."""
    things = client["test"]["things"]
    await things.replace_one({"_id": 1}, {"n": 0}, upsert=True)
    async with client.start_session(snapshot=True) as session:
        first = await things.find_one({"_id": 1}, session=session)
        for n in range(1, 11):
            await things.update_one({"_id": 1}, {"$set": {"n": n}})
            await asyncio.sleep(0.3)
        second = await things.find_one({"_id": 1}, session=session)
    assert first is not None
    assert second is not None
    return [first["n"], second["n"]]


def test_the_past_is_there_while_it_is_read(
    settings: Settings, mongod: PrivateMongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside, a moment stays readable for longer than the window; outside it is gone by then."""
    for module in ("embedded", "history"):
        monkeypatch.setattr(f"gateway.mongo.{module}.HISTORY_S", 1)

    async def story() -> None:
        uri = await mongod.start()
        async with connect(uri, settings) as client:
            assert await _window_s(client) == 1
            async with history_kept(client, settings, uri):
                assert await _read_slowly(client) == [0, 0]
            assert await _window_s(client) == 1
            with pytest.raises(OperationFailure) as refused:
                await _read_slowly(client)
            assert refused.value.code == TOO_OLD

    asyncio.run(story())


def test_the_last_of_two_readers_lets_go(settings: Settings, mongod: PrivateMongod) -> None:
    """And the next after one that was killed, once its time is over."""

    async def story() -> None:
        uri = await mongod.start()
        async with connect(uri, settings) as client:
            usual_s = await _window_s(client)
            async with history_kept(client, settings, uri):
                longer_s = await _window_s(client)
                async with history_kept(client, settings, uri):
                    pass
                assert await _window_s(client) == longer_s > usual_s
            assert await _window_s(client) == usual_s
            readers = client[settings.mongo_database]["readers_of_the_past"]
            killed = history_kept(client, settings, uri)
            await killed.__aenter__()
            async with history_kept(client, settings, uri):
                await readers.update_many({}, [{"$set": {"until": {"$subtract": ["$until", 7_200_000]}}}])
            assert await _window_s(client) == usual_s
            assert await readers.count_documents({}) == 0

    asyncio.run(story())


def test_a_mongodb_of_the_operators_stays_as_it_is(mongo_uri: str, settings: Settings) -> None:
    """It is not the one of the data directory."""

    async def story() -> None:
        async with connect(mongo_uri, settings) as client:
            before_s = await _window_s(client)
            async with history_kept(client, settings, mongo_uri):
                assert await _window_s(client) == before_s

    asyncio.run(story())
