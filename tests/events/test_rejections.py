"""The log of refusals: evidence that costs neither the disk nor the memory nor the next honest sender."""

import asyncio
import hashlib

from booked_store import NOW, on_database
from served import unreachable_store

from gateway.errors import SignatureRefused
from gateway.events.rejections import COLLECTION_BYTES_MAX, WAITING_MAX, RejectionLog, ensure_rejections
from gateway.ingress.delivery import Delivery
from gateway.queries.reading import Database


def _delivery(body: bytes = b"{}", source: str = "stripe") -> Delivery:
    return Delivery(source, [(b"stripe-signature", b"t=1,v1=secret-looking")], body, NOW, "192.0.2.7")


def test_a_refusal_is_kept_as_evidence_only(mongo_uri: str, database_name: str) -> None:
    """What, why, from where, how large, and the body's hash: no header, no body, and a long name is cut."""

    async def story(database: Database) -> None:
        log = RejectionLog(database)
        log.note(_delivery(b"the body", source="s" * 500), SignatureRefused("header_doubled"))
        await log.drain()
        row = await database["rejections"].find_one({}, {"_id": 0, "at": 0})
        assert row == {
            "source": "s" * 64,
            "reason": "signature",
            "check": "header_doubled",
            "status": 403,
            "remote": "192.0.2.7",
            "body_bytes": 8,
            "body_sha256": hashlib.sha256(b"the body").hexdigest(),
        }

    on_database(mongo_uri, database_name, story)


def test_the_collection_is_capped(mongo_uri: str, database_name: str) -> None:
    """However long a flood lasts it takes so many bytes; preparing twice, or twice at once, changes nothing."""

    async def story(database: Database) -> None:
        await asyncio.gather(ensure_rejections(database), ensure_rejections(database))
        options = await database["rejections"].options()
        assert (options["capped"], options["size"]) == (True, COLLECTION_BYTES_MAX)

    on_database(mongo_uri, database_name, story)


def test_a_flood_is_dropped_and_counted(mongo_uri: str, database_name: str) -> None:
    """What does not fit in the memory set aside for it is not kept; what was kept is written."""

    async def story(database: Database) -> None:
        log = RejectionLog(database)
        for _ in range(WAITING_MAX + 7):
            log.note(_delivery(), SignatureRefused("signature_wrong"))
        assert log.dropped == 7
        await log.drain()
        assert await database["rejections"].count_documents({}) == WAITING_MAX

    on_database(mongo_uri, database_name, story)


def test_an_unreachable_store_loses_evidence_and_nothing_else() -> None:
    """`note` does not wait and does not raise; what could not be written is counted as dropped."""

    async def story() -> None:
        async with unreachable_store() as database:
            log = RejectionLog(database)
            log.note(_delivery(), SignatureRefused("signature_wrong"))
            async with asyncio.timeout(5):
                await log.drain()
            assert log.dropped == 1

    asyncio.run(story())
