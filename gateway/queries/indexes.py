"""The indexes that the questions need beyond those that the stores declare for their own work."""

from pymongo import ASCENDING, DESCENDING, IndexModel

from gateway.queries.reading import Database

INDEXES = {
    "objects": [IndexModel([("object_id", ASCENDING)])],
    "wallets": [IndexModel([("owner", ASCENDING)])],
    "incidents": [IndexModel([("at", DESCENDING)]), IndexModel([("event_id", ASCENDING)])],
}


async def ensure_indexes(database: Database) -> None:
    """Create what is missing; costs nothing when all are there."""
    for collection, indexes in INDEXES.items():
        await database[collection].create_indexes(indexes)
