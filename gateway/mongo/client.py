"""A client of MongoDB with our bounds and promises, and a URI for commands that only need one for a moment."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from gateway.errors import CannotStart, StoreUnavailable
from gateway.mongo.embedded import START_TIMEOUT_S, PrivateMongod
from gateway.mongo.home import running_uri
from gateway.settings import Settings

Client = AsyncMongoClient[dict[str, Any]]

CONNECTIONS_MAX: Final = 50
"""Of one process; a 51st operation waits its turn within its own timeout."""


def application_name() -> str:
    """How MongoDB lists the connections of this process."""
    return f"auto-pay-gateway {os.getpid()}"


def connect(uri: str, settings: Settings) -> Client:
    """A client that connects when first used; close it with `await client.close()` or use it with `async with`.

    Each operation, with its retry, is over within `mongo_timeout_ms`; longer work says so: `with pymongo.timeout(60):`.
    A write is done when a majority has it in its journal: our 202 promises that, so the URI cannot lower it.
    Raises `CannotStart` for a URI that is none.
    """
    try:
        return AsyncMongoClient(
            uri,
            appname=application_name(),
            tz_aware=True,
            serverSelectionTimeoutMS=settings.mongo_timeout_ms,
            connectTimeoutMS=settings.mongo_timeout_ms,
            timeoutMS=settings.mongo_timeout_ms,
            maxPoolSize=CONNECTIONS_MAX,
            retryWrites=True,
            w="majority",
            journal=True,
        )
    except (PyMongoError, ValueError):
        # Without the cause: for a password with a colon the driver quotes a piece of it.
        raise CannotStart(
            "MONGO_URL is no MongoDB URI: mongodb://user:password@host/, special characters percent-encoded."
        ) from None


async def ping(client: Client) -> None:
    """Returns when MongoDB answers. Raises `StoreUnavailable`."""
    try:
        await client.admin.command("ping")
    except PyMongoError as failed:
        raise StoreUnavailable(f"MongoDB did not answer: {type(failed).__name__}.") from failed


async def deployment_kind(client: Client) -> str:
    """What MongoDB is behind the client, in words. Raises `StoreUnavailable`, and `CannotStart` for one without transactions."""
    try:
        hello = await client.admin.command("hello")
    except PyMongoError as failed:
        raise StoreUnavailable(f"MongoDB did not answer: {type(failed).__name__}.") from failed
    if hello.get("msg") == "isdbgrid":
        return "a sharded cluster"
    if "setName" in hello:
        return "a replica set"
    raise CannotStart("MONGO_URL: a standalone server has no transactions; make it a replica set.")


@asynccontextmanager
async def reach(settings: Settings) -> AsyncIterator[str]:
    """A URI for the duration of a command: `MONGO_URL`, else that of the gateway that runs on the data directory, else
    that of a private mongod which ends with the command. Raises `CannotStart`."""
    if settings.mongo_url and settings.mongo_url.get_secret_value():
        yield settings.mongo_url.get_secret_value()
        return
    mongod = PrivateMongod(settings)
    try:
        yield await _running_or_started(mongod, settings)
    finally:
        await mongod.stop()


async def _running_or_started(mongod: PrivateMongod, settings: Settings) -> str:
    """The holder of the directory may still be starting, or just leaving; so both are asked until one is true."""
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up_at:
        if mongod.lock():
            return await mongod.start()
        if uri := running_uri(settings.data_dir):
            return uri
        await asyncio.sleep(0.1)
    raise CannotStart(f"The gateway that holds {settings.data_dir} did not start its MongoDB in time; ask again later.")
