"""The doors as every process sees them: what is stored, over what the environment says, and always the last that is known."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.clock import utc
from gateway.encryption import Cipher, EncryptionKey, new_key_text
from gateway.errors import CannotDecrypt, InvalidSource, StoreUnavailable
from gateway.ingress.providers import Secret
from gateway.ingress.providers.stored import (
    REFRESH_S,
    OpenSources,
    read_source,
    reseal_sources,
    sealed_secret,
)
from gateway.ingress.providers.terms import Terms
from gateway.mongo import connect
from gateway.queries.reading import Database
from gateway.settings import Settings

NOW = 1_763_712_000.0
ENVIRONMENT = Settings.model_validate(
    {
        "hmac_secret_key": "e" * 32,
        "stripe_webhook_secret": "",
        "razorpay_webhook_secret": "",
        "standard_webhooks_secret": "",
    }
)
Document = dict[str, Any]
Story = Callable[[Database], Awaitable[None]]


def new_key() -> EncryptionKey:
    return EncryptionKey.read(new_key_text())


KEY = new_key()
CIPHER = Cipher(lambda: (KEY,))


def stored(name: str = "shop", *, cipher: Cipher = CIPHER, key: bytes = b"k" * 32, **fields: Any) -> Document:
    secret = sealed_secret(name, Secret("1", key), cipher, valid_from=utc(NOW))
    terms = Terms(scheme="native").model_dump()
    return {"_id": name, "version": 1, "terms": terms, "secrets": [secret], "created_at": utc(NOW), **fields}


def told(mongo_uri: str, database_name: str, story: Story) -> None:
    async def run() -> None:
        async with connect(mongo_uri, Settings(_env_file=None, mongo_timeout_ms=20_000)) as client:
            await story(client[database_name])

    asyncio.run(run())


def test_nothing_is_open_before_the_first_look(mongo_uri: str, database_name: str) -> None:
    """What was closed in the store is not opened by the environment for the length of a start."""

    async def story(database: Database) -> None:
        await database["sources"].insert_one(stored("payments", disabled_at=utc(NOW)))
        sources = OpenSources(database, CIPHER, ENVIRONMENT)
        assert list(sources) == []
        await sources.refresh()
        assert list(sources) == []

    told(mongo_uri, database_name, story)


def test_what_is_stored_wins_over_the_environment(mongo_uri: str, database_name: str) -> None:
    """Under the same name; the environment's own doors stay open beside it."""

    async def story(database: Database) -> None:
        sources = OpenSources(database, CIPHER, ENVIRONMENT)
        await sources.refresh()
        assert [sources["payments"].secrets[0].key, len(sources)] == [b"e" * 32, 1]
        await database["sources"].insert_many([stored(), stored("payments")])
        await sources.refresh()
        assert sorted(sources) == ["payments", "shop"]
        assert sources["payments"].secrets == (Secret("1", b"k" * 32, NOW, math.inf),)
        assert "shop" in sources
        assert sources.get("nothing") is None

    told(mongo_uri, database_name, story)


def test_a_change_is_seen_by_the_next_look(mongo_uri: str, database_name: str) -> None:
    """Other terms, a disabled door, one that is gone."""

    async def story(database: Database) -> None:
        sources = OpenSources(database, CIPHER, ENVIRONMENT)
        await database["sources"].insert_one(stored())
        await sources.refresh()
        assert sources["shop"].rate is None
        changed = {"terms.rate": "5/minute", "version": 2}
        await database["sources"].update_one({"_id": "shop"}, {"$set": changed})
        await sources.refresh()
        assert sources["shop"].rate == "5/minute"
        await database["sources"].update_one({"_id": "shop"}, {"$set": {"disabled_at": utc(NOW), "version": 3}})
        await sources.refresh()
        assert "shop" not in sources
        await database["sources"].delete_one({"_id": "shop"})
        await sources.refresh()
        assert list(sources) == ["payments"]

    told(mongo_uri, database_name, story)


def test_a_source_that_cannot_be_opened_is_closed_alone(mongo_uri: str, database_name: str) -> None:
    """Sealed with a key that is missing, for another name, or written by a hand: closed and named in the log once, not replaced
    by the environment's; the others are open."""

    async def story(database: Database) -> None:
        stranger = stored("payments", cipher=Cipher(lambda: (new_key(),)))
        moved = {**stored("moved"), "secrets": stored("shop")["secrets"]}
        hand = [
            {"_id": "hand-1"},
            {**stored("hand-2"), "terms": {"scheme": "none"}},
            {**stored("hand-3"), "secrets": [1]},
        ]
        await database["sources"].insert_many([stranger, moved, *hand, stored()])
        sources = OpenSources(database, CIPHER, ENVIRONMENT)
        await sources.refresh()
        assert list(sources) == ["shop"]
        await sources.refresh()

    with capture_logs() as logged:
        told(mongo_uri, database_name, story)
    closed = {line["source"]: line["why"] for line in logged if line["event"] == "source.closed"}
    assert sorted(closed) == ["hand-1", "hand-2", "hand-3", "moved", "payments"]
    assert "is missing" in closed["payments"]
    assert len([line for line in logged if line["event"] == "source.closed"]) == 5


def test_an_outage_of_the_store_changes_nothing(mongo_uri: str, database_name: str) -> None:
    """What was known last stays open, each time is counted, and the next look that works is believed again."""

    async def story(database: Database) -> None:
        await database["sources"].insert_one(stored())
        async with connect(mongo_uri, Settings(_env_file=None, mongo_timeout_ms=20_000)) as client:
            sources = OpenSources(client[database.name], CIPHER, ENVIRONMENT)
            await sources.refresh()
        with pytest.raises(StoreUnavailable):
            await sources.refresh()
        failed: list[float] = []
        stop = asyncio.Event()
        following = asyncio.create_task(sources.follow(stop, failed=lambda: failed.append(1.0)))
        with suppress(TimeoutError):
            async with asyncio.timeout(REFRESH_S + 2):
                while not failed:
                    await asyncio.sleep(0.05)
        assert (len(failed), sorted(sources)) == (1, ["payments", "shop"])
        stop.set()
        async with asyncio.timeout(1):
            await following

    told(mongo_uri, database_name, story)


def test_following_sees_a_change_within_seconds(mongo_uri: str, database_name: str) -> None:
    """Without being asked."""

    async def story(database: Database) -> None:
        sources = OpenSources(database, CIPHER, ENVIRONMENT)
        stop = asyncio.Event()
        following = asyncio.create_task(sources.follow(stop, failed=lambda: None))
        await database["sources"].insert_one(stored())
        async with asyncio.timeout(REFRESH_S + 2):
            while "shop" not in sources:
                await asyncio.sleep(0.05)
        stop.set()
        await following

    told(mongo_uri, database_name, story)


def test_a_secret_opens_only_as_itself() -> None:
    """Not as another secret of the source, not with altered bytes; what opens carries its times."""
    document = stored(key=b"s" * 32)
    ended = {"id": "0", "valid_from": utc(NOW - 100), "valid_until": utc(NOW)}
    document["secrets"].insert(0, ended)
    source = read_source(document, CIPHER, ENVIRONMENT)
    assert source.secrets == (Secret("1", b"s" * 32, NOW, math.inf),)
    document["secrets"][1]["id"] = "2"
    with pytest.raises(CannotDecrypt):
        read_source(document, CIPHER, ENVIRONMENT)
    del document["secrets"][1]["sealed_with"]
    with pytest.raises(InvalidSource):
        read_source(document, CIPHER, ENVIRONMENT)


def test_the_newest_secret_is_tried_first() -> None:
    """After a rotation it signs nearly everything."""
    document = stored()
    document["secrets"].append(sealed_secret("shop", Secret("2", b"n" * 32), CIPHER, valid_from=utc(NOW + 5)))
    assert [secret.id for secret in read_source(document, CIPHER, ENVIRONMENT).secrets] == ["2", "1"]


def test_sources_are_sealed_again_under_a_new_key(mongo_uri: str, database_name: str) -> None:
    """The doors stay as they are and open with the new key alone; one whose key is missing still waits."""

    async def story(database: Database) -> None:
        new = new_key()
        await database["sources"].insert_many([stored(), stored("lost", cipher=Cipher(lambda: (new_key(),)))])
        assert await reseal_sources(database, Cipher(lambda: (new, KEY))) == 1
        after = OpenSources(database, Cipher(lambda: (new,)), ENVIRONMENT)
        await after.refresh()
        assert after["shop"].secrets[0].key == b"k" * 32
        assert "lost" not in after
        resealed = await database["sources"].find_one({"_id": "shop"})
        assert resealed is not None
        assert resealed["version"] == 2

    told(mongo_uri, database_name, story)
