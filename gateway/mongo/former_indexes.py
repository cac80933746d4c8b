"""Indexes that a former version needed: taken away at a start, by whichever process comes first."""

from collections.abc import Iterable
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

_NO_SUCH_INDEX: Final = 27


async def still_there(collection: AsyncCollection[dict[str, Any]], former: Iterable[str]) -> list[str]:
    """Those of these names that are still there."""
    present = await collection.index_information()
    return [name for name in former if name in present]


async def drop_former(collection: AsyncCollection[dict[str, Any]], former: Iterable[str]) -> None:
    """Drop those that are still there."""
    for name in await still_there(collection, former):
        try:
            await collection.drop_index(name)
        except OperationFailure as failed:
            if failed.code != _NO_SUCH_INDEX:  # another process was quicker
                raise
