"""The collections and their indexes, made where they are missing."""

from typing import Any

from beanie import init_beanie
from pymongo.asynchronous.database import AsyncDatabase

from gateway.access.acts import ensure_acts
from gateway.booked import ensure_booked
from gateway.clock import system_clock, utc
from gateway.encryption import Cipher
from gateway.events.rejections import ensure_rejections
from gateway.events.standing import ensure_standings
from gateway.events.store import EventDocument
from gateway.insights.period_store import ensure_period_insights
from gateway.insights.store import InsightDocument
from gateway.ledger.store import ObjectDocument, TransactionDocument, WalletDocument
from gateway.mongo.known_keys import register_keys
from gateway.pipeline.labels import ensure_labels
from gateway.queries.indexes import ensure_indexes


async def prepare(database: AsyncDatabase[dict[str, Any]], cipher: Cipher) -> None:
    """Create the collections and indexes that are missing; every process does, whichever comes first. Raises `CannotStart`
    for a cipher that could not open what is stored."""
    await register_keys(database, cipher, now=utc(system_clock()))
    await init_beanie(
        database=database,
        document_models=[EventDocument, WalletDocument, ObjectDocument, TransactionDocument, InsightDocument],
    )
    await ensure_standings(database["events"])
    await ensure_booked(database)
    await ensure_rejections(database)
    await ensure_acts(database)
    await ensure_labels(database)
    await ensure_period_insights(database)
    await ensure_indexes(database)
