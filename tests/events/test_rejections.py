"""The log of refusals: evidence that costs neither the disk nor the memory nor the next honest sender."""

import asyncio
import hashlib
from typing import Any

from booked_store import NOW, on_database
from served import unreachable_store

from gateway.errors import Conflict, Refusal, SignatureRefused, UnknownSource
from gateway.events.rejections import COLLECTION_BYTES_MAX, COUNTS_MAX, WAITING_MAX, RejectionLog, ensure_rejections
from gateway.ingress.delivery import Delivery
from gateway.queries.reading import Database


def _delivery(body: bytes = b"{}", source: str = "stripe", *, at: float = NOW, remote: str = "192.0.2.7") -> Delivery:
    return Delivery(source, [(b"stripe-signature", b"t=1,v1=secret-looking")], body, at, remote)


async def _counts(database: Database) -> dict[tuple[Any, ...], int]:
    """By source and reason, over all minutes."""
    counts: dict[tuple[Any, ...], int] = {}
    async for row in database["refusal_counts"].find():
        of = (row["source"], row["reason"])
        counts[of] = counts.get(of, 0) + row["count"]
    return counts


def test_a_refusal_is_kept_as_evidence_only(mongo_uri: str, database_name: str) -> None:
    """What, why, from which address and network, how large, and the body's hash: no header, no body, a long name is cut."""

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
            "network": "192.0.2.0/24",
            "address": bytes.fromhex("00000000000000000000ffffc0000207"),
            "body_bytes": 8,
            "body_sha256": hashlib.sha256(b"the body").hexdigest(),
            "headers": 1,
            "headers_bytes": len("stripe-signature" + "t=1,v1=secret-looking"),
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
    """What does not fit in the memory set aside for it leaves no row; what was kept is written; all of it is counted."""

    async def story(database: Database) -> None:
        log = RejectionLog(database, rows_per_minute_max=1_000_000)
        kept = [log.note(_delivery(), SignatureRefused("signature_wrong")) for _ in range(WAITING_MAX + 7)]
        assert (log.dropped, kept.count(False)) == (7, 7)
        await log.drain()
        assert await database["rejections"].count_documents({}) == WAITING_MAX
        assert await _counts(database) == {("stripe", "signature"): WAITING_MAX + 7}

    on_database(mongo_uri, database_name, story)


def test_a_flood_from_one_network_leaves_room_for_the_others(mongo_uri: str, database_name: str) -> None:
    """A network gets a third of a minute's rows, all together get all of them, and the next minute begins anew."""

    async def story(database: Database) -> None:
        log = RejectionLog(database, rows_per_minute_max=30)

        def rows(remote: str, *, at: float = NOW) -> int:
            refused = SignatureRefused("signature_wrong")
            return sum(log.note(_delivery(at=at, remote=remote), refused) for _ in range(100))

        assert rows("192.0.2.7") == 10
        assert rows("192.0.2.8") == 0
        assert rows("198.51.100.7") == 10
        assert rows("2001:db8::7") == 10
        assert rows("203.0.113.7") == 0
        assert rows("192.0.2.7", at=NOW + 60) == 10
        await log.drain()
        assert await database["rejections"].count_documents({}) == 40
        assert await _counts(database) == {("stripe", "signature"): 600}

    on_database(mongo_uri, database_name, story)


def test_processes_count_together_by_minute_source_and_reason(mongo_uri: str, database_name: str) -> None:
    """Names that are no source are one: a stranger cannot make numbers."""

    async def story(database: Database) -> None:
        logs = [RejectionLog(database), RejectionLog(database)]
        refusals: list[Refusal] = [SignatureRefused("signature_wrong"), Conflict("used"), UnknownSource("none")]
        for log in logs:
            for number, refused in enumerate(refusals):
                log.note(_delivery(source=f"s{number if number == 2 else 0}"), refused)
            log.count("s0", "duplicate", NOW + 60)
        await asyncio.gather(*(log.drain() for log in logs))
        assert await _counts(database) == {
            ("s0", "signature"): 2,
            ("s0", "conflict"): 2,
            ("unknown", "unknown_source"): 2,
            ("s0", "duplicate"): 2,
        }
        assert await database["refusal_counts"].count_documents({}) == 4

    on_database(mongo_uri, database_name, story)


def test_numbers_that_wait_are_bounded(mongo_uri: str, database_name: str) -> None:
    """However many sources there are; none is lost, the last are counted together."""

    async def story(database: Database) -> None:
        log = RejectionLog(database)
        for number in range(COUNTS_MAX + 50):
            log.count(f"s{number}", "duplicate", NOW)
        await log.drain()
        counts = await _counts(database)
        assert counts["(other)", "duplicate"] == 50
        assert sum(counts.values()) == COUNTS_MAX + 50

    on_database(mongo_uri, database_name, story)


def test_counts_of_an_outage_are_written_after_it(mongo_uri: str, database_name: str) -> None:
    """The rows of that time are lost and said to be; their number is not."""

    async def story(database: Database) -> None:
        async with unreachable_store() as nowhere:
            log = RejectionLog(nowhere)
            log.note(_delivery(), SignatureRefused("signature_wrong"))
            await log.drain()
        log._rejections, log._counts = database["rejections"], database["refusal_counts"]
        log.note(_delivery(), SignatureRefused("signature_wrong"))
        await log.drain()
        assert log.dropped == 1
        assert await _counts(database) == {("stripe", "signature"): 2}

    on_database(mongo_uri, database_name, story)


def test_an_index_of_an_earlier_version_is_dropped(mongo_uri: str, database_name: str) -> None:
    """One index is enough, and each costs every write."""

    async def story(database: Database) -> None:
        await database["rejections"].create_index("at")
        await ensure_rejections(database)
        assert sorted(await database["rejections"].index_information()) == ["_id_", "at_1__id_1"]

    on_database(mongo_uri, database_name, story)


def test_an_unreachable_store_loses_evidence_and_nothing_else() -> None:
    """`note` does not wait and does not raise; what could not be written is counted as dropped."""

    async def story() -> None:
        async with unreachable_store() as database:
            log = RejectionLog(database)
            log.note(_delivery(), SignatureRefused("signature_wrong"))
            async with asyncio.timeout(30):
                await log.drain()
            assert log.dropped == 1

    asyncio.run(story())
