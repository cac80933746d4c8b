"""From a mongod that was just spawned to one that accepts our writes: initiate once, create the user once, log in."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import ConnectionFailure, OperationFailure

from gateway.errors import CannotStart
from gateway.mongo.home import State

Attempt = Callable[[], Awaitable[bool]]
Until = Callable[[Attempt], Awaitable[None]]
"""Repeats an attempt until it gives true, and gives up when there is no hope."""

_NOT_YET: Final = {94, 189, 10107, 11602, 13435, 13436}
"""Codes of a node between two states: NotYetInitialized, PrimarySteppedDown, NotWritablePrimary and their like."""


async def prepare(state: State, until: Until) -> None:
    """First start: MongoDB lets a caller on the same host do exactly this as long as there is no user."""
    async with _client(f"mongodb://127.0.0.1:{state.port}/?directConnection=true") as stranger:
        await until(lambda: _answers(stranger))
        member = {"_id": 0, "host": f"127.0.0.1:{state.port}"}
        await stranger.admin.command("replSetInitiate", {"_id": "gateway", "members": [member]})
        await until(lambda: _is_primary(stranger))
        await stranger.admin.command("createUser", state.user, pwd=state.password, roles=["root"])


async def log_in(state: State, until: Until) -> None:
    """Waits until it accepts our writes; a replica set that knows itself by an older port is told the new one."""
    async with _client(state.uri) as admin:
        await until(lambda: _answers(admin))
        await until(lambda: _knows_its_port(admin, state.port))
        await until(lambda: _is_primary(admin))


def _client(uri: str) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(uri, serverSelectionTimeoutMS=500, socketTimeoutMS=30_000)


async def _answers(client: AsyncMongoClient[dict[str, Any]]) -> bool:
    return await _now(client, "ping") is not None


async def _is_primary(client: AsyncMongoClient[dict[str, Any]]) -> bool:
    said = await _now(client, "hello")
    return said is not None and bool(said["isWritablePrimary"])


async def _knows_its_port(client: AsyncMongoClient[dict[str, Any]], port: int) -> bool:
    said = await _now(client, "replSetGetConfig")
    if said is None:
        return False
    config = said["config"]
    member = config["members"][0]
    if member["host"] != f"127.0.0.1:{port}":
        member["host"] = f"127.0.0.1:{port}"
        config["version"] += 1
        await client.admin.command("replSetReconfig", config, force=True)
    return True


async def _now(client: AsyncMongoClient[dict[str, Any]], command: str) -> dict[str, Any] | None:
    """The answer, or None while there is none yet. Raises `CannotStart` for an answer that waiting will not change."""
    try:
        return await client.admin.command(command)
    except ConnectionFailure:
        return None
    except OperationFailure as refused:
        if refused.code in _NOT_YET:
            return None
        raise CannotStart(f"The private mongod refuses its gateway: {refused.details}.") from refused
