"""The guard of the encryption keys: who cannot open what is stored does not start."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.clock import utc
from gateway.encryption import Cipher, EncryptionKey, new_key_text
from gateway.errors import CannotStart
from gateway.mongo import connect
from gateway.mongo.known_keys import register_keys
from gateway.queries.reading import Database
from gateway.settings import Settings

NOW = utc(1_763_712_000)
Story = Callable[[Database], Awaitable[None]]


def cipher(*keys: EncryptionKey) -> Cipher:
    return Cipher(lambda: keys)


def new_key() -> EncryptionKey:
    return EncryptionKey.read(new_key_text())


def told(mongo_uri: str, database_name: str, story: Story) -> None:
    async def run() -> None:
        async with connect(mongo_uri, Settings(_env_file=None, mongo_timeout_ms=20_000)) as client:
            await story(client[database_name])

    asyncio.run(run())


def test_a_machine_with_another_key_does_not_start(mongo_uri: str, database_name: str) -> None:
    """It would seal what nobody else can open; it is told which key the store knows, and that it is not here."""

    async def story(database: Database) -> None:
        ours, other = new_key(), new_key()
        await register_keys(database, cipher(ours), now=NOW)
        await register_keys(database, cipher(ours), now=NOW)
        with pytest.raises(CannotStart, match=f"sealed with the key {ours.id}, and here is only {other.id}"):
            await register_keys(database, cipher(other), now=NOW)
        assert await database["encryption_keys"].distinct("_id") == [ours.id]

    told(mongo_uri, database_name, story)


def test_a_new_key_beside_a_known_one_is_put_on_record(mongo_uri: str, database_name: str) -> None:
    """So is a key rotated, one machine after the other: each knows at least one of those that are in use."""

    async def story(database: Database) -> None:
        old, new, newest = new_key(), new_key(), new_key()
        await register_keys(database, cipher(old), now=NOW)
        await register_keys(database, cipher(new, old), now=NOW)
        await register_keys(database, cipher(old), now=NOW)  # a machine that is behind
        await register_keys(database, cipher(newest, new), now=NOW)
        assert set(await database["encryption_keys"].distinct("_id")) == {old.id, new.id, newest.id}

    told(mongo_uri, database_name, story)


def test_of_two_machines_that_begin_at_once_one_is_refused(mongo_uri: str, database_name: str) -> None:
    """A new store begins with one key, however close they come."""

    async def story(database: Database) -> None:
        keys = [new_key() for _ in range(8)]
        results = await asyncio.gather(
            *(register_keys(database, cipher(key), now=NOW) for key in keys), return_exceptions=True
        )
        assert sorted(type(result).__name__ for result in results) == ["CannotStart"] * 7 + ["NoneType"]
        (standing,) = await database["encryption_keys"].distinct("_id")
        assert standing == keys[results.index(None)].id

    told(mongo_uri, database_name, story)
