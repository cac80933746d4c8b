"""The indexes that the questions need beyond those that the stores declare for their own work."""

from pymongo import ASCENDING, DESCENDING, IndexModel

from gateway.queries.reading import Database

_RECORDED_KEPT_S = 90 * 86_400
"""What agents recorded, and their idempotency keys: a retry comes within minutes."""

INDEXES = {
    "objects": [
        IndexModel([("object_id", ASCENDING)]),
        # Partial: only subscriptions are in it, which are few beside payments. Not over their state, which changes: with each
        # update of an indexed field MongoDB looks at every index of the collection.
        IndexModel([("kind", ASCENDING)], name="subscriptions", partialFilterExpression={"kind": "subscription"}),
    ],
    "wallets": [IndexModel([("owner", ASCENDING)])],
    "recorded_metrics": [IndexModel([("at", ASCENDING)], expireAfterSeconds=_RECORDED_KEPT_S)],
    "recorded_errors": [IndexModel([("at", ASCENDING)], expireAfterSeconds=_RECORDED_KEPT_S)],
    "agent_calls": [IndexModel([("at", ASCENDING)], expireAfterSeconds=_RECORDED_KEPT_S)],
    "agent_spend": [IndexModel([("at", ASCENDING)], expireAfterSeconds=_RECORDED_KEPT_S)],
    "agent_requests": [IndexModel([("payment", ASCENDING)]), IndexModel([("at", DESCENDING)])],
    "incidents": [IndexModel([("at", DESCENDING)]), IndexModel([("event_id", ASCENDING)])],
}


async def ensure_indexes(database: Database) -> None:
    """Create what is missing; costs nothing when all are there."""
    for collection, indexes in INDEXES.items():
        await database[collection].create_indexes(indexes)
