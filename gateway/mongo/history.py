"""How long a private mongod keeps what was changed or deleted: some seconds, and for as long as an audit reads the store as it was.

By default it is five minutes, and all that is kept is stepped over again and again: by whoever looks where entries were taken off
an index, and by every change of a wallet, past the ones before it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from uuid import uuid4

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from gateway.clock import system_clock, utc
from gateway.mongo.client import Client
from gateway.mongo.embedded import HISTORY_PARAMETER, HISTORY_S
from gateway.mongo.home import running_uri
from gateway.settings import Settings

READ_S_MAX: Final = 3_600
"""How long somebody may read one moment."""

_Readers = AsyncCollection[dict[str, Any]]


@asynccontextmanager
async def history_kept(client: Client, settings: Settings, uri: str) -> AsyncIterator[None]:
    """Inside, what was there when a read of one moment began stays readable, `READ_S_MAX` long. The last of several who want it
    lets go of it; of one that was killed, whoever comes after its time. A MongoDB of the operator's stays as it is."""
    if running_uri(settings.data_dir) != uri:
        yield
        return
    readers = client[settings.mongo_database]["readers_of_the_past"]
    reader = {"_id": uuid4().hex, "until": utc(system_clock() + READ_S_MAX)}
    with suppress(PyMongoError):  # whoever reads is told, if it does not answer
        await readers.insert_one(reader)
        await _keep(client, readers)
    try:
        yield
    finally:
        with suppress(PyMongoError):  # then it is kept a while longer
            await readers.delete_many({"$or": [{"_id": reader["_id"]}, {"until": {"$lt": utc(system_clock())}}]})
            await _keep(client, readers)


async def _keep(client: Client, readers: _Readers) -> None:
    """As long as is needed; that is looked at again afterwards, for one who came meanwhile."""
    told, needed = -1, await _needed_s(readers)
    while told != needed:
        await client.admin.command({"setParameter": 1, HISTORY_PARAMETER: needed})
        told, needed = needed, await _needed_s(readers)


async def _needed_s(readers: _Readers) -> int:
    return READ_S_MAX if await readers.find_one({"until": {"$gte": utc(system_clock())}}) else HISTORY_S
