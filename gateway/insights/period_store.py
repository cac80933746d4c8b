"""The collection `period_insights`: what is told of wallets and of the business, one document per subject and period.

    _id        "<level>:<subject>:<period>:<name>": "business:all:day:2026-11-20", "wallet:USD:alice:week:2026-W47"
    level, subject, period (day, week, month), name, since, until, at      whom and when it is about, and when it was computed
    rests_on   events, since, until, version: what it was computed from, and by which version of the method
    narrative  of the business's: as an event's insight has it

The rest depends on level and period; see `business` and `wallet_weeks`. Written once: who comes second changes nothing.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError

Database = AsyncDatabase[dict[str, Any]]

NAME: Final = "period_insights"
DUPLICATE_KEY: Final = 11000
ALL: Final = "all"
"""The business's subject: everything that this gateway handles."""


async def ensure_period_insights(database: Database) -> None:
    """Create the indexes once."""
    await database[NAME].create_indexes(
        [
            IndexModel([("subject", ASCENDING), ("period", ASCENDING), ("since", DESCENDING)]),
            IndexModel([("level", ASCENDING), ("period", ASCENDING), ("since", DESCENDING)]),
            IndexModel([("since", DESCENDING), ("_id", ASCENDING)]),
            IndexModel([("at", ASCENDING)]),
            IndexModel([("narrate", ASCENDING)], sparse=True),
        ]
    )


async def write_once(database: Database, insight: Mapping[str, Any]) -> bool:
    """Whether it was new."""
    with suppress(DuplicateKeyError):
        await database[NAME].insert_one(dict(insight))
        return True
    return False


async def write_many_once(database: Database, insights: Sequence[Mapping[str, Any]]) -> None:
    """The same of several in one go."""
    if not insights:
        return
    try:
        await database[NAME].insert_many([dict(each) for each in insights], ordered=False)
    except BulkWriteError as refused:
        if any(error["code"] != DUPLICATE_KEY for error in refused.details["writeErrors"]):
            raise


async def business_days(database: Database, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """The business's days from `since` to `until`, the oldest first."""
    match = {"subject": ALL, "period": "day", "level": "business", "since": {"$gte": since, "$lt": until}}
    fields = {"name": 1, "since": 1, "figures": 1, "unusual": 1}
    return await database[NAME].find(match, fields).sort("since", ASCENDING).to_list()
