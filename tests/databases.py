"""The databases that tests get: new ones, or ones that are emptied, because to make every index takes MongoDB half a second."""

import asyncio
import secrets
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from pymongo import MongoClient

from gateway.encryption import open_cipher
from gateway.mongo import connect
from gateway.schema import prepare
from gateway.settings import Settings

REST_MIN = 3
"""Emptied databases that wait: a straggler of the test before finds its own again, not the next test's."""


class Databases:
    """One for each test of this process."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client: MongoClient[dict[str, Any]] = MongoClient(uri)
        self._beside = ThreadPoolExecutor(1)
        self._emptied: deque[str] = deque()
        self._pattern: dict[str, set[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._beside.shutdown()
        self._client.close()

    def take(self, *, with_indexes: bool) -> str:
        """A name. `with_indexes`: the test makes every index, so it may get a database that has them."""
        if with_indexes and len(self._emptied) > REST_MIN:
            return self._emptied.popleft()
        return f"test_{secrets.token_hex(8)}"

    def give_back(self, name: str) -> None:
        """Empty it, or drop it where a test left other indexes than those that every process makes; beside the next test."""
        self._beside.submit(self._tidy, name)

    def _tidy(self, name: str) -> None:
        database = self._client[name]
        indexes = {each: set(database[each].index_information()) for each in database.list_collection_names()}
        if "transactions" in indexes and not self._pattern:
            self._pattern = self._made_anew()
        if not self._pattern or any(indexes.get(each) != names for each, names in self._pattern.items()):
            self._client.drop_database(name)
            return
        for each in indexes:
            if each in self._pattern:
                database[each].delete_many({})
            else:
                database[each].drop()
        self._emptied.append(name)

    def _made_anew(self) -> dict[str, set[str]]:
        """The collections of a store that was just prepared, with the names of their indexes."""
        name = f"test_pattern_{secrets.token_hex(4)}"

        async def make() -> None:
            settings = Settings(_env_file=None, mongo_timeout_ms=30_000)
            async with connect(self._uri, settings) as client:
                await prepare(client[name], open_cipher(settings))

        asyncio.run(make())
        database = self._client[name]
        pattern = {each: set(database[each].index_information()) for each in database.list_collection_names()}
        self._client.drop_database(name)
        return pattern
