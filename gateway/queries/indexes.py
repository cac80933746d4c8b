"""The indexes that the questions need beyond those that the stores declare for their own work."""

from pymongo import ASCENDING, DESCENDING, IndexModel

from gateway.queries.reading import Database

INDEXES = {
    "objects": [
        IndexModel([("object_id", ASCENDING)]),
        # Partial: only subscriptions are in it, which are few beside payments.
        IndexModel(
            [("kind", ASCENDING), ("state", ASCENDING)],
            name="subscriptions",
            partialFilterExpression={"kind": "subscription"},
        ),
    ],
    "wallets": [IndexModel([("owner", ASCENDING)])],
    "incidents": [IndexModel([("at", DESCENDING)]), IndexModel([("event_id", ASCENDING)])],
    # Partial: only the few events that went wrong are in it, so accepting and applying events costs nothing more.
    "events": [
        IndexModel(
            [("settled_at", DESCENDING)],
            name="stuck",
            partialFilterExpression={"outcome": {"$in": ["parked", "rejected"]}},
        )
    ],
}


async def ensure_indexes(database: Database) -> None:
    """Create what is missing; costs nothing when all are there."""
    for collection, indexes in INDEXES.items():
        await database[collection].create_indexes(indexes)
