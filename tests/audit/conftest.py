"""A booked story on a database of its own, asked through one function: `books(question)` runs it on a fresh client."""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from booked_store import Booking, Document, on_database, story

from gateway.queries.reading import Database

Ask = Callable[[Callable[[Database], Awaitable[Any]]], Any]


@pytest.fixture
def empty(mongo_uri: str, database_name: str) -> Ask:
    """A prepared store in which nothing has happened."""
    return lambda question: on_database(mongo_uri, database_name, question)


@pytest.fixture(scope="session")
def booked(mongo_uri: str) -> Iterator[dict[str, list[Document]]]:
    """Every document of the story, booked once by the engine."""
    name = f"test_{secrets.token_hex(8)}"

    async def book(database: Database) -> dict[str, list[Document]]:
        await Booking(database).book(story())
        return {each: await database[each].find().to_list() for each in await database.list_collection_names()}

    yield on_database(mongo_uri, name, book)
    on_database(mongo_uri, name, lambda database: database.client.drop_database(name))


@pytest.fixture
def books(mongo_uri: str, database_name: str, booked: dict[str, list[Document]]) -> Ask:
    """The story on a database of its own. Without indexes, which would take longer than all else."""

    async def write(database: Database) -> None:
        for name, documents in booked.items():
            if documents:
                await database[name].insert_many(documents)

    def ask(question: Callable[[Database], Awaitable[Any]]) -> Any:
        return on_database(mongo_uri, database_name, question, prepared=False)

    ask(write)
    return ask
