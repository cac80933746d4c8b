"""Which transactions were booked when.

The ledger is ordered by number, and time goes with the numbers; so a span of time is a span of numbers. What knows both is the
seals, one for each batch: an index of the transactions over their time would cost every one of them as much as any index does.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from gateway.mongo.former_indexes import drop_former

_BEFORE: Final = {"$gt": "$lte", "$gte": "$lt"}
"""A lower bound, and what is said of the batches before it."""
_UP_TO: Final = ("$lt", "$lte")


async def booked(
    database: AsyncDatabase[dict[str, Any]], at: Mapping[str, datetime], session: AsyncClientSession | None = None
) -> dict[str, Any]:
    """The condition of the transactions whose time is so (`{"$gte": since, "$lt": until}`, either or both): on their numbers,
    which have an index, and on their time as well."""
    numbers: dict[str, int] = {}
    for bound, moment in at.items():
        if bound in _UP_TO:
            numbers["$lte"] = await last_seq(database, {bound: moment}, session)
        elif before := await last_seq(database, {_BEFORE[bound]: moment}, session):
            numbers["$gt"] = before
    return ({"at": dict(at)} if at else {}) | ({"seq": numbers} if numbers else {})


async def last_seq(
    database: AsyncDatabase[dict[str, Any]], at: Mapping[str, datetime], session: AsyncClientSession | None = None
) -> int:
    """The number of the last transaction booked up to a moment (`{"$lte": moment}` or `{"$lt": moment}`); 0 when there was none."""
    last = await database["seals"].find_one(
        {"sealed_at": at}, {"last_seq": 1}, sort=[("sealed_at", DESCENDING), ("_id", DESCENDING)], session=session
    )
    return int(last["last_seq"]) if last else 0


async def ensure_booked(database: AsyncDatabase[dict[str, Any]]) -> None:
    """The index that this needs, and none that a former version needed in its place."""
    await database["seals"].create_indexes([IndexModel([("sealed_at", ASCENDING), ("_id", ASCENDING)])])
    await drop_former(database["transactions"], ["at_1"])
