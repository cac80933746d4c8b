"""Events that go through the pipeline again: what was booked stays booked once, and what was decided stays decided."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from booked_store import NOW, Booking, Document, audit, on_database, razorpay, stored, story, transfer

from gateway.clock import utc
from gateway.events.replay import REPLAYS_KEPT_MAX, Skip, plan_replay, put_back
from gateway.events.store import released, waiting
from gateway.queries.reading import Database

LATER = utc(NOW + 3_600)
BOOKS = ("wallets", "objects", "transactions", "insights", "profiles", "seals")


async def _replay(
    database: Database, event_ids: Sequence[str], *, ignore_seen: bool = False, alone: bool = False, batch: int = 5
) -> dict[str, Skip]:
    """As an operator does; the worker follows at once. What stayed as it was."""
    plan = await plan_replay(database["events"], event_ids, ignore_seen=ignore_seen, alone=alone)
    assert await put_back(database["events"], plan, by="olga", now=LATER) == len(plan.going)
    await Booking(database, now=NOW + 7_200).book([], batch=batch)
    return dict(plan.skipped)


async def _all_ids(database: Database) -> list[str]:
    return [event["_id"] async for event in database["events"].find({}, {"_id": 1})]


async def _books(database: Database) -> dict[str, list[Document]]:
    """Everything that was booked, byte for byte."""
    return {name: await database[name].find().sort("_id", 1).to_list() for name in BOOKS}


async def _endings(database: Database) -> dict[str, tuple[Any, ...]]:
    events = database["events"].find()
    return {event["_id"]: (event["outcome"], event["reason"], event["settled_at"]) async for event in events}


async def _event(database: Database, event_id: str) -> Document:
    found = await database["events"].find_one({"_id": event_id})
    assert found is not None
    return found


async def _audited(database: Database) -> None:
    report = await audit(database)
    assert [check.to_document() for check in report.checks if check.broken] == []


def _subscription(step: str, n: int) -> Document:
    entity = {"id": "sub_1", "notes": {"wallet_id": "alice"}}
    return stored({"event": f"subscription.{step}", "created_at": n, "payload": {"subscription": {"entity": entity}}})


def _withdrawal(tx_id: str, amount: str) -> Document:
    body = {"tx_id": tx_id, "kind": "withdrawal", "amount": amount, "currency": "INR"}
    return stored({**body, "sender_account": "alice", "receiver_account": "bank"}, source="payments", scheme="native")


def _told() -> list[Document]:
    """The story, with what goes back and forth, what was refused, and several refunds in one event."""
    refunds = [
        {"id": f"re_{n}", "amount": 10, "currency": "usd", "payment_intent": "pi_1", "status": "succeeded"}
        for n in (1, 2)
    ]
    charge = {"id": "ch_1", "object": "charge", "refunds": {"data": refunds}}
    captured = {"id": "pi_1", "amount_received": 100, "currency": "usd", "metadata": {"wallet_id": "alice"}}
    return [
        *story(),
        *(_subscription(step, n) for n, step in enumerate(("activated", "activated", "halted", "activated", "paused"))),
        razorpay("payment.failed", "pay_5", 7_00),
        razorpay("payment.failed", "pay_5", 7_00, n=1),
        razorpay("payment.authorized", "pay_5", 7_00),
        _withdrawal("w-1", "1000000.00"),
        stored(
            {"id": "evt_r", "type": "charge.refunded", "data": {"object": charge}}, source="stripe", scheme="stripe"
        ),
        stored(
            {"id": "evt_p", "type": "payment_intent.succeeded", "data": {"object": captured}},
            source="stripe",
            scheme="stripe",
        ),
    ]


@pytest.mark.parametrize(("seed", "batch"), [(0, 1), (1, 3), (2, 500), (3, 7), (4, 500), (5, 2)])
def test_replaying_everything_changes_nothing(mongo_uri: str, database_name: str, seed: int, batch: int) -> None:
    """Whatever the order in which things came, and twice: books, insights and endings byte for byte, and the audit holds."""

    async def tale(database: Database) -> None:
        events = _told()
        if seed:
            random.Random(seed).shuffle(events)
        await Booking(database).book(events, batch=batch)
        await Booking(database, now=NOW + 600).book([], batch=batch)
        books, endings = await _books(database), await _endings(database)
        decided = {event_id for event_id, ending in endings.items() if ending[0] in ("applied", "stale")}
        assert len(decided) >= 20
        for _ in range(2):
            event_ids = await _all_ids(database)
            random.Random(seed).shuffle(event_ids)
            skipped = await _replay(database, event_ids, ignore_seen=True, batch=batch)
            assert set(skipped.values()) <= {Skip.TOLD_NO}
            assert await _books(database) == books
            again = await _endings(database)
            assert {event_id: again[event_id] for event_id in decided} == {each: endings[each] for each in decided}
            assert {each: ending[:2] for each, ending in again.items()} == {
                each: ending[:2] for each, ending in endings.items()
            }
            await _audited(database)
        replayed = await database["events"].count_documents({"replays.1.by": "olga", "replay": {"$exists": False}})
        assert replayed == len(events) - len(skipped)

    on_database(mongo_uri, database_name, tale)


def test_what_is_decided_stays_unless_it_is_told_to_ignore_that(mongo_uri: str, database_name: str) -> None:
    """Applied and stale events are skipped and counted; parked, ignored and unreadable ones go."""

    async def tale(database: Database) -> None:
        await Booking(database).book(_told())
        by_outcome: dict[str, int] = {}
        async for event in database["events"].find():
            by_outcome[event["outcome"]] = by_outcome.get(event["outcome"], 0) + 1
        plan = await plan_replay(
            database["events"], [*await _all_ids(database), "evt_unknown"], ignore_seen=False, alone=False
        )
        assert plan.by_skip == {"decided": by_outcome["applied"] + by_outcome["stale"], "told_no": 1, "unknown": 1}
        assert plan.by_outcome == {
            "parked": by_outcome["parked"],
            "ignored": by_outcome["ignored"],
            "rejected": by_outcome["rejected"] - 1,
        }

    on_database(mongo_uri, database_name, tale)


@pytest.mark.parametrize("outcome", ["ignored", "rejected"])
def test_what_an_older_version_could_not_read_is_booked(mongo_uri: str, database_name: str, outcome: str) -> None:
    """It was kept for that: with a rule for it, a replay applies it, with its insight."""

    async def tale(database: Database) -> None:
        before = razorpay("payment.captured", "pay_1", 100_00)
        ending = {"outcome": outcome, "reason": "no rule for payment.captured", "settled_at": utc(NOW)}
        await database["events"].insert_one({**before, **ending})
        await database["events"].update_one({"_id": before["_id"]}, {"$unset": {"queue": ""}})
        assert await _replay(database, [before["_id"]]) == {}
        event = await _event(database, before["_id"])
        assert (event["outcome"], event["reason"]) == ("applied", "capture")
        noted = {"at": utc(NOW + 7_200), "by": "olga", "outcome": "applied", "reason": "capture"}
        assert event["replays"] == [noted]
        assert await database["insights"].count_documents({"_id": before["_id"]}) == 1
        await _audited(database)

    on_database(mongo_uri, database_name, tale)


def test_a_refused_withdrawal_is_replayed_by_name_only(mongo_uri: str, database_name: str) -> None:
    """The asker was told no: no filter sends it again, and alone it takes the word. With funds it then goes out, once."""

    async def tale(database: Database) -> None:
        asked = _withdrawal("w-1", "5.00")
        await Booking(database).book([asked])
        refused = await _event(database, asked["_id"])
        assert (refused["outcome"], refused["reason"]) == ("rejected", "insufficient funds (PAY_002)")
        await Booking(database, now=NOW + 60).book([razorpay("payment.captured", "pay_1", 100_00)])
        for ignore_seen, alone in ((True, False), (False, True), (False, False)):
            skipped = await _replay(database, [asked["_id"]], ignore_seen=ignore_seen, alone=alone)
            assert skipped == {asked["_id"]: Skip.TOLD_NO}
        plan = await plan_replay(database["events"], [asked["_id"]], ignore_seen=True, alone=True)
        assert plan.told_no == [asked["_id"]]
        for _ in range(2):
            await _replay(database, [asked["_id"]], ignore_seen=True, alone=True)
            assert (await _event(database, asked["_id"]))["outcome"] == "applied"
            wallet = await database["wallets"].find_one({"_id": "INR:alice"})
            assert wallet is not None
            assert (wallet["balance_minor"], wallet["locked_minor"]) == (100_00, 5_00)
        await _audited(database)

    on_database(mongo_uri, database_name, tale)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ({"$unset": {"type": ""}}, "fault: KeyError"),
        ({"$set": {"body": b"altered"}}, "fault: What is stored is not what was sealed for this record."),
        ({"$set": {"body_key": "000000000000"}}, "fault: The encryption key 000000000000 is missing"),
    ],
)
def test_a_fault_in_a_replay_leaves_an_applied_event_applied(
    mongo_uri: str, database_name: str, harm: Document, reason: str
) -> None:
    """It is noted, and nobody has to mend anything."""

    async def tale(database: Database) -> None:
        event = transfer("t1", "alice", "bob", "1.00")
        await Booking(database).book([event, transfer("t2", "alice", "bob", "1.00")])
        await database["events"].update_one({"_id": event["_id"]}, harm)
        before = await _endings(database)
        await _replay(database, await _all_ids(database), ignore_seen=True)
        assert await _endings(database) == before
        after = await _event(database, event["_id"])
        (noted,) = after["replays"]
        assert noted["outcome"] == "parked"
        assert noted["reason"].startswith(reason)
        assert not {"awaits", "tries", "replay", "queue"} & after.keys()

    on_database(mongo_uri, database_name, tale)


def test_an_event_that_changed_since_the_plan_was_made_stays(mongo_uri: str, database_name: str) -> None:
    """Between the question and the yes, its parent may have come: it is applied then, and not sent again unasked."""

    async def tale(database: Database) -> None:
        refund = razorpay("refund.processed", "rfnd_1", 30, of="pay_1")
        await Booking(database).book([refund])
        plan = await plan_replay(database["events"], [refund["_id"]], ignore_seen=False, alone=True)
        assert plan.event_ids == [refund["_id"]]
        await Booking(database, now=NOW + 60).book([razorpay("payment.captured", "pay_1", 100)])
        assert await put_back(database["events"], plan, by="olga", now=LATER) == 0
        assert await waiting(database["events"], 10) == []

    on_database(mongo_uri, database_name, tale)


def test_what_waits_or_lost_its_body_stays(mongo_uri: str, database_name: str) -> None:
    """There is nothing to put back, or nothing to read."""

    async def tale(database: Database) -> None:
        old, new = transfer("t1", "alice", "bob", "1.00"), transfer("t2", "alice", "bob", "1.00")
        await Booking(database).book([old])
        gone = {"$unset": {"body": "", "body_key": ""}, "$set": {"body_removed_at": LATER}}
        await database["events"].update_one({"_id": old["_id"]}, gone)
        await database["events"].insert_one(new)
        plan = await plan_replay(database["events"], [old["_id"], new["_id"]], ignore_seen=True, alone=False)
        assert (plan.going, plan.skipped) == ([], {old["_id"]: Skip.BODY_REMOVED, new["_id"]: Skip.WAITING})

    on_database(mongo_uri, database_name, tale)


def test_a_parked_event_that_is_replayed_in_vain_waits_as_before(mongo_uri: str, database_name: str) -> None:
    """For the same object: when that comes, it is applied. What is kept of replays is bounded."""

    async def tale(database: Database) -> None:
        refund = razorpay("refund.processed", "rfnd_1", 30, of="pay_1")
        await Booking(database).book([refund])
        for _ in range(REPLAYS_KEPT_MAX + 2):
            await _replay(database, [refund["_id"]], alone=True)
        event = await _event(database, refund["_id"])
        assert (event["outcome"], event["awaits"]) == ("parked", "razorpay:payment:pay_1")
        assert len(event["replays"]) == REPLAYS_KEPT_MAX
        await Booking(database, now=NOW + 9_000).book([razorpay("payment.captured", "pay_1", 100)])
        assert (await _event(database, refund["_id"]))["outcome"] == "applied"
        await _audited(database)

    on_database(mongo_uri, database_name, tale)


def test_the_worker_reads_what_a_replay_needs(mongo_uri: str, database_name: str) -> None:
    """Its own way of claiming brings along what was, and how often it failed; replays are claimed apart."""

    async def tale(database: Database) -> None:
        event = transfer("t1", "alice", "bob", "1.00")
        await Booking(database).book([event])
        await database["events"].update_one({"_id": event["_id"]}, {"$set": {"tries": 2}})
        await database["events"].insert_one(transfer("t2", "alice", "bob", "1.00"))
        plan = await plan_replay(database["events"], [event["_id"]], ignore_seen=True, alone=True)
        await put_back(database["events"], plan, by="olga", now=LATER)
        (first,) = await released(database["events"], 10)
        assert (first["_id"], first["tries"], first["replay"]["outcome"]) == (event["_id"], 2, "applied")

    on_database(mongo_uri, database_name, tale)


def test_events_that_were_never_replayed_pay_nothing_for_it(mongo_uri: str, database_name: str) -> None:
    """A batch of new events asks the store about wallets, objects and what was learned of them, and about nothing else."""

    async def tale(database: Database) -> None:
        await Booking(database).book([transfer("t0", "alice", "bob", "1.00")])
        await database["events"].insert_many([transfer(f"t{n}", "alice", "bob", "1.00") for n in range(1, 501)])
        booking = Booking(database, now=NOW + 60)
        await booking._started()
        await database.command({"profile": 2})
        await booking.drain(batch=500)
        await database.command({"profile": 0})
        asked = database["system.profile"].find({"op": {"$in": ["query", "command"]}}, {"command": 1})
        reads = [row["command"].get("find") or row["command"].get("aggregate") async for row in asked]
        assert set(filter(None, reads)) <= {"objects", "wallets", "profiles", "counterparties", "owners", "events"}
        assert reads.count("events") == 2  # the claim, and the one that finds nothing more
        updates = database["system.profile"].find({"op": "update", "ns": f"{database.name}.events"})
        assert len(await updates.to_list()) == 1

    on_database(mongo_uri, database_name, tale)
