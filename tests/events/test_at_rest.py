"""Raw bodies at rest: nothing of what was sent can be read in the store, and what does not open harms nobody else."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from booked_store import CIPHER, NOW, Booking, Document, audit, on_database, opened, razorpay, stored, transfer

from gateway.audit.schedule import audit_apart
from gateway.encryption import REFRESH_S, Cipher, add_key, keep_fresh, new_key_text, open_cipher
from gateway.errors import CannotDecrypt
from gateway.events.at_rest import of_incident, plain_body, release_opened, retry_unread, sealed_body
from gateway.events.standing import RELEASED
from gateway.events.store import Appended
from gateway.ingress.delivery import Delivery, VerifiedDelivery
from gateway.ingress.identity import identify
from gateway.ingress.providers import SCHEMES
from gateway.pipeline import Incidents
from gateway.queries.reading import Database
from gateway.settings import Settings


def _cipher(*keys: str) -> Cipher:
    return open_cipher(Settings(_env_file=None, encryption_key=",".join(keys)))


def _under(cipher: Cipher, event: Document) -> Document:
    """The event as another process stores it, which has other keys."""
    return {**event, **sealed_body(opened(event)["body"], event["_id"], cipher)}


async def _event(database: Database, tx_id: str) -> Document:
    found = await database["events"].find_one({"tx_id": tx_id})
    assert found is not None
    return found


def test_what_is_stored_says_nothing_and_opens_for_its_event_alone() -> None:
    """The id of the key is all that stands beside it; in another event's place it does not open."""
    event, other = transfer("t1", "alice-of-the-body", "bob", "1.00"), transfer("t2", "a", "b", "1.00")
    assert b"alice-of-the-body" not in event["body"]
    assert event["body_key"] == CIPHER.key_id
    assert json.loads(plain_body(event, event["_id"], CIPHER))["sender_account"] == "alice-of-the-body"
    with pytest.raises(CannotDecrypt, match="not what was sealed"):
        opened({**other, "body": event["body"]})


def test_an_incident_keeps_the_other_content_sealed(mongo_uri: str, database_name: str) -> None:
    """It opens as this event's incident, and not as the event."""

    async def story(database: Database) -> None:
        delivery = Delivery("payments", (), b'{"tx_id": "t1", "amount": "2.00", "currency": "USD"}', NOW, "::1")
        verified = VerifiedDelivery(delivery, delivery.body, "1", None, None)
        identity = identify(verified, SCHEMES["razorpay"])
        await Incidents(database, CIPHER).note_conflict(verified, identity, Appended(False, "other"))
        incident = await database["incidents"].find_one({})
        assert incident is not None
        assert delivery.body not in incident["body"]
        assert plain_body(incident, of_incident(identity.event_id), CIPHER) == delivery.body
        with pytest.raises(CannotDecrypt):
            plain_body(incident, identity.event_id, CIPHER)

    on_database(mongo_uri, database_name, story)


def test_an_event_from_before_bodies_were_sealed_is_applied_and_audited(mongo_uri: str, database_name: str) -> None:
    """Without a key beside it a body is plain."""

    async def story(database: Database) -> None:
        old = opened(razorpay("payment.captured", "pay_1", 100))
        del old["body_key"]
        await Booking(database).book([old, razorpay("payment.captured", "pay_2", 100)])
        assert await database["events"].distinct("outcome") == ["applied"]
        assert (await audit(database)).ok

    on_database(mongo_uri, database_name, story)


@pytest.mark.parametrize("batch", [1, 3, 50])
def test_what_does_not_open_is_parked_and_the_rest_of_its_batch_applied(
    mongo_uri: str, database_name: str, batch: int
) -> None:
    """An altered body, one without its key, one that is gone: each says why, and none of them costs another event anything."""

    async def story(database: Database) -> None:
        elsewhere = _cipher(new_key_text())
        events = [transfer(f"t{n}", "a", "b", "1.00") for n in range(7)]
        events[1]["body"] = events[1]["body"][:-1] + bytes([events[1]["body"][-1] ^ 1])
        events[3] = _under(elsewhere, events[3])
        del events[5]["body"]
        await Booking(database).book(events, batch=batch)
        reasons = {event["tx_id"]: event["reason"] async for event in database["events"].find({"outcome": "parked"})}
        assert reasons == {
            "t1": "fault: What is stored is not what was sealed for this record.",
            "t3": f"fault: The encryption key {elsewhere.key_id} is missing: put it back behind the others in ENCRYPTION_KEY.",
            "t5": "fault: There is no body.",
        }
        assert await database["events"].count_documents({"outcome": "applied"}) == 4
        report = await audit(database)
        assert {check.id: check.broken for check in report.checks if check.broken} == {"I9": 3}

    on_database(mongo_uri, database_name, story)


def test_an_event_waits_for_its_key_and_is_applied_when_that_is_back(mongo_uri: str, database_name: str) -> None:
    """Only those of the key; an altered one stays, and tries again by time as any fault does."""

    async def story(database: Database) -> None:
        key = new_key_text()
        elsewhere = _cipher(key)
        events = [_under(elsewhere, transfer(f"t{n}", "a", "b", "1.00")) for n in range(3)]
        events[2]["body"] = bytes(80)
        await Booking(database).book(events)
        assert await release_opened(database["events"], CIPHER) == 0
        found_again = _cipher(new_key_text(), key)
        assert await release_opened(database["events"], found_again) == 3
        await Booking(database, now=NOW + 1_000, cipher=found_again).book([])
        outcomes = [(event["tx_id"], event["outcome"]) async for event in database["events"].find().sort("tx_id", 1)]
        assert outcomes == [("t0", "applied"), ("t1", "applied"), ("t2", "parked")]
        assert (await _event(database, "t2"))["awaits"].startswith("time:")
        assert await release_opened(database["events"], found_again) == 0

    on_database(mongo_uri, database_name, story)


def test_a_worker_releases_by_itself_what_its_keys_open_again(mongo_uri: str, database_name: str) -> None:
    """The task of the worker process; it ends when it is told to."""

    async def story(database: Database) -> None:
        parked = {**transfer("t1", "a", "b", "1.00"), "outcome": "parked", "reason": "fault: x", "settled_at": 1}
        key = f"encryption_key:{CIPHER.key_id}"
        await database["events"].insert_one({**parked, "awaits": key, "queue": key})
        stop = asyncio.Event()
        task = asyncio.create_task(retry_unread(database["events"], CIPHER, stop))
        async with asyncio.timeout(30):
            while (await _event(database, "t1"))["queue"] != RELEASED:
                await asyncio.sleep(0.02)
            stop.set()
            await task
        assert (await _event(database, "t1"))["queue"] == RELEASED

    on_database(mongo_uri, database_name, story)


def test_a_running_process_seals_with_a_key_that_was_added(tmp_path: Path) -> None:
    """Within seconds and without a restart; while the file is unreadable the keys that were read stay."""

    async def story() -> None:
        settings = Settings(_env_file=None, data_dir=tmp_path, encryption_key="")
        cipher, stop = open_cipher(settings), asyncio.Event()
        first = cipher.key_id
        task = asyncio.create_task(keep_fresh(cipher, stop))
        added = add_key(settings)
        async with asyncio.timeout(3 * REFRESH_S):
            while cipher.key_id == first:
                await asyncio.sleep(0.05)
        assert cipher.key_ids == (added, first)
        (tmp_path / "encryption.key").write_text("nonsense\n")
        await asyncio.sleep(1.2 * REFRESH_S)
        assert not task.done()
        assert cipher.key_ids == (added, first)
        with pytest.raises(CannotDecrypt, match="is missing"):
            cipher.open(b"", "unknown", "evt_1")
        stop.set()
        await task

    asyncio.run(story())


def test_the_audit_finds_what_opens_for_nobody(mongo_uri: str, database_name: str) -> None:
    """Altered bytes of an event or an incident, and a body that stands in for another under the fingerprint of the first."""

    async def story(database: Database) -> list[Any]:
        events = [razorpay("payment.captured", f"pay_{n}", 100) for n in range(3)]
        await Booking(database).book(events)
        swapped = sealed_body(opened(events[1])["body"], events[0]["_id"], CIPHER)
        await database["events"].update_one({"_id": events[0]["_id"]}, {"$set": swapped})
        incident = {"kind": "conflict", "event_id": events[1]["_id"], "fingerprint_seen": "other"}
        await database["incidents"].insert_many(
            [
                {"_id": "sound", **incident, **sealed_body(b"{}", of_incident(events[1]["_id"]), CIPHER)},
                {"_id": "moved", **incident, **sealed_body(b"{}", of_incident(events[2]["_id"]), CIPHER)},
            ]
        )
        report = await audit(database)
        return [(check.id, check.broken, check.first and check.first.why) for check in report.checks if check.broken]

    found = on_database(mongo_uri, database_name, story)
    assert found == [("I9", 2, "its content is not what its fingerprint was made of")]


def test_the_audit_apart_has_the_keys_of_the_data_directory(
    mongo_uri: str, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing but the worker's own option names the directory; with another's keys it finds everything unreadable."""
    monkeypatch.delenv("ENCRYPTION_KEY")
    monkeypatch.setenv("MONGO_DATABASE", database_name)
    cipher = open_cipher(Settings(_env_file=None, data_dir=tmp_path / "own"))

    async def story(database: Database) -> None:
        events = [_under(cipher, stored({"event": "x.y", "payload": {}, "n": n})) for n in range(3)]
        await Booking(database, cipher=cipher).book(events)
        own = await audit_apart(mongo_uri, tmp_path / "own")()
        assert own["ok"]
        others = await audit_apart(mongo_uri, tmp_path / "other")()
        assert {check["id"]: check["broken"] for check in others["checks"] if check["broken"]} == {"I9": 3}

    on_database(mongo_uri, database_name, story)


def test_fingerprints_are_of_what_was_sent_not_of_what_is_stored() -> None:
    """Sealing is never twice the same; a copy must be recognised all the same."""
    first, again = (stored({"event": "x.y", "payload": {}}) for _ in range(2))
    assert first["body"] != again["body"]
    assert first["fingerprint"] == again["fingerprint"] == hashlib.sha256(opened(first)["body"]).hexdigest()
