"""Everything under the present key: bounded, begun again at will, and never at the cost of what is stored."""

import os
from collections.abc import Iterator

import pytest
from booked_store import CIPHER, NOW, Booking, Document, on_database, opened, razorpay, transfer
from pymongo import MongoClient
from pymongo.collection import Collection

from gateway.clock import utc
from gateway.encryption import Cipher, EncryptionKey, new_key_text, open_cipher
from gateway.errors import CannotStart
from gateway.events import reseal as resealing
from gateway.events.at_rest import of_incident, plain_body, sealed_body
from gateway.events.reseal import Resealed, reseal
from gateway.ingress.providers import Secret
from gateway.ingress.providers.stored import sealed_secret
from gateway.mongo.known_keys import keep_on_record, register_keys
from gateway.queries.reading import Database
from gateway.settings import Settings

Rows = Collection[Document]
GONE = {"$unset": {"body": "", "body_key": ""}, "$set": {"body_removed_at": utc(NOW)}}


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pages and batches out of few records."""
    monkeypatch.setattr(resealing, "PAGE", 7)
    monkeypatch.setattr(resealing, "BATCH", 3)


@pytest.fixture
def rows(mongo_uri: str, database_name: str) -> Iterator[Rows]:
    """The events, for what happens in between."""
    with MongoClient[Document](mongo_uri) as client:
        yield client[database_name]["events"]


def _keys(*texts: str) -> Cipher:
    return open_cipher(Settings(_env_file=None, encryption_key=",".join(texts)))


def _after(new: str = "") -> Cipher:
    """A new key before the one of the test run."""
    return _keys(new or new_key_text(), os.environ["ENCRYPTION_KEY"])


async def _reseal(database: Database, cipher: Cipher) -> Resealed:
    return await reseal(database, cipher, tell=lambda _: None, pause_s=0)


async def _bodies(database: Database, cipher: Cipher) -> dict[str, bytes]:
    return {event["_id"]: plain_body(event, event["_id"], cipher) async for event in database["events"].find()}


def _incident(event: Document) -> Document:
    sealed = sealed_body(b"other", of_incident(event["_id"]), CIPHER)
    return {"at": utc(NOW), "kind": "conflict", "event_id": event["_id"], "fingerprint_seen": "x", **sealed}


def _source(cipher: Cipher = CIPHER) -> Document:
    secret = sealed_secret("shop", Secret("s1", b"k" * 32), cipher, valid_from=utc(NOW))
    return {"_id": "shop", "version": 1, "terms": {}, "secrets": [secret, {"id": "s0", "valid_from": utc(0)}]}


def test_everything_comes_under_the_present_key_and_opens_as_before(mongo_uri: str, database_name: str) -> None:
    """Events of any outcome, waiting ones, plain ones of old, incidents, and the secrets of sources; no body of age returns."""

    async def story(database: Database) -> None:
        events = [transfer(f"t{n}", "a", "b", "1.00") for n in range(20)]
        plain = opened(razorpay("payment.captured", "pay_1", 100))
        del plain["body_key"]
        removed = razorpay("payment.captured", "pay_2", 100)
        await Booking(database).book([*events, plain, removed])
        await database["events"].update_one({"_id": removed["_id"]}, GONE)
        await database["events"].insert_one(transfer("waits", "a", "b", "1.00"))
        await database["incidents"].insert_many([_incident(event) for event in events])
        await database["sources"].insert_one(_source())
        new = new_key_text()
        cipher = _after(new)
        done = await _reseal(database, cipher)
        assert (done.finished, done.unopened_count, done.keys_in_use) == (True, 0, {cipher.key_id})
        assert (done.looked_at, done.sealed) == (43, 42)
        assert await database["events"].distinct("body_key") == [cipher.key_id]
        alone = _keys(new)
        await database["events"].delete_one({"_id": removed["_id"]})
        bodies = await _bodies(database, alone)
        assert bodies[plain["_id"]] == plain["body"]
        assert all(bodies[event["_id"]] == opened(event)["body"] for event in events)
        async for incident in database["incidents"].find():
            assert plain_body(incident, of_incident(incident["event_id"]), alone) == b"other"
        assert await database["sources"].distinct("secrets.sealed_with") == [cipher.key_id]

    on_database(mongo_uri, database_name, story)


def test_it_can_be_ended_anywhere_and_begun_again(mongo_uri: str, database_name: str) -> None:
    """What is under the present key already is not sealed once more."""

    async def story(database: Database) -> None:
        events = [transfer(f"t{n}", "a", "b", "1.00") for n in range(20)]
        await database["events"].insert_many(events)
        cipher, pages = _after(), 0

        def ended_in_between(_: Resealed) -> None:
            nonlocal pages
            pages += 1
            if pages == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await reseal(database, cipher, tell=ended_in_between, pause_s=0)
        assert await database["events"].count_documents({"body_key": cipher.key_id}) == 14
        done = await _reseal(database, cipher)
        assert (done.finished, done.sealed) == (True, 6)
        assert await _bodies(database, cipher) == {event["_id"]: opened(event)["body"] for event in events}

    on_database(mongo_uri, database_name, story)


def test_what_comes_under_the_old_key_meanwhile_is_found(mongo_uri: str, database_name: str, rows: Rows) -> None:
    """A process that has not taken up the new key goes on for a moment, and its events sort in anywhere."""
    late = [transfer(f"late{n}", "a", "b", "1.00") for n in range(8)]

    def one_more(_: Resealed) -> None:
        if late:
            rows.insert_one(late.pop())

    async def story(database: Database) -> None:
        await database["events"].insert_many([transfer(f"t{n}", "a", "b", "1.00") for n in range(20)])
        done = await reseal(database, _after(), tell=one_more, pause_s=0)
        assert (done.finished, done.sealed, late) == (True, 28, [])

    on_database(mongo_uri, database_name, story)


def test_a_process_that_never_learns_the_key_is_told(mongo_uri: str, database_name: str, rows: Rows) -> None:
    """It ends, and does not say that it is finished."""
    numbers = iter(range(10_000))

    def one_more(_: Resealed) -> None:
        rows.insert_one(transfer(f"t{next(numbers)}", "a", "b", "1.00"))

    async def story(database: Database) -> None:
        await database["events"].insert_one(transfer("first", "a", "b", "1.00"))
        done = await reseal(database, _after(), tell=one_more, pause_s=0)
        assert not done.finished
        assert done.unopened_count == 0

    on_database(mongo_uri, database_name, story)


def test_a_record_that_changed_meanwhile_is_left_alone(mongo_uri: str, database_name: str, rows: Rows) -> None:
    """Between the reading and the writing bodies go for their age, and one comes under a later key: they stay like that."""
    keys = tuple(EncryptionKey.read(text) for text in (new_key_text(), os.environ["ENCRYPTION_KEY"]))
    later = _keys(new_key_text())

    class Slow(Cipher):
        def seal(self, plain: bytes, bound_to: str) -> bytes:
            rows.update_one({"_id": bound_to}, meanwhile[bound_to])
            return super().seal(plain, bound_to)

    events = [transfer(f"t{n}", "a", "b", "1.00") for n in range(2)]
    plain = opened(transfer("t2", "a", "b", "1.00"))
    del plain["body_key"]
    under_later = sealed_body(opened(events[1])["body"], events[1]["_id"], later)
    meanwhile: dict[str, Document] = {
        events[0]["_id"]: GONE,
        events[1]["_id"]: {"$set": under_later},
        plain["_id"]: GONE,
    }

    async def story(database: Database) -> None:
        await database["events"].insert_many([*events, plain])
        done = await _reseal(database, Slow(lambda: keys))
        assert (done.sealed, done.unopened_count) == (0, 1)
        (kept,) = await database["events"].find({"body": {"$exists": True}}).to_list()
        assert (kept["body"], kept["body_key"]) == (under_later["body"], later.key_id)

    on_database(mongo_uri, database_name, story)


def test_what_does_not_open_stays_and_is_named(mongo_uri: str, database_name: str) -> None:
    """Altered bytes and a key that is missing: no key may be called unused then, and everything else is done."""

    async def story(database: Database) -> None:
        elsewhere = _keys(new_key_text())
        events = [transfer(f"t{n}", "a", "b", "1.00") for n in range(20)]
        events[3]["body"] = events[4]["body"]
        events[8] |= sealed_body(b"{}", events[8]["_id"], elsewhere)
        await database["events"].insert_many(events)
        await database["sources"].insert_one(_source(elsewhere))
        cipher = _after()
        done = await _reseal(database, cipher)
        assert (done.finished, done.sealed, done.unopened_count) == (False, 18, 3)
        assert done.keys_in_use == {cipher.key_id, CIPHER.key_id, elsewhere.key_id}
        assert "not what was sealed" in done.unopened[f"events {events[3]['_id']}"]
        assert f"{elsewhere.key_id} is missing" in done.unopened[f"events {events[8]['_id']}"]
        kept = await database["events"].find_one({"_id": events[8]["_id"]})
        assert kept is not None
        assert (kept["body"], kept["body_key"]) == (events[8]["body"], elsewhere.key_id)

    on_database(mongo_uri, database_name, story)


def test_a_key_that_is_struck_off_starts_no_process(mongo_uri: str, database_name: str) -> None:
    """After a rotation one that has the old key alone would seal what the others cannot open."""

    async def story(database: Database) -> None:
        cipher = _after()
        await register_keys(database, cipher, now=utc(NOW))
        await register_keys(database, CIPHER, now=utc(NOW))
        await keep_on_record(database, {cipher.key_id})
        await register_keys(database, cipher, now=utc(NOW))
        with pytest.raises(CannotStart, match=cipher.key_id):
            await register_keys(database, CIPHER, now=utc(NOW))

    on_database(mongo_uri, database_name, story)
