"""Deliberate mistakes in what is stored, each as one function, and the invariants that must notice it: no more, no fewer.

A mistake is made as consistently as its maker could: legs, versions, wallets and counters fit, so only the invariant in
question is hurt.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from booked_store import NOW

from gateway.clock import utc
from gateway.events.standing import RELEASED
from gateway.queries.reading import Database

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """`record` is the `_id` that the first finding of the first of `broken` names."""

    what: str
    make: Callable[[Database], Awaitable[object]]
    broken: Sequence[str]
    record: str

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


async def append(
    database: Database, key: str, *, change: tuple[str, str], legs: Sequence[Document] = (), **fields: Any
) -> Document:
    """One more transaction at the end, with wallets that follow from its legs; `fields` overrides what a state change has."""
    lease = await database.leases.find_one_and_update({"_id": "writer"}, {"$inc": {"next_seq": 1}})
    last = await database.transactions.find_one({}, sort=[("seq", -1)])
    assert lease
    assert last
    transaction = {
        **last,
        "_id": key,
        "seq": lease["next_seq"],
        "change": {"from": change[0], "to": change[1]},
        "legs": [await _moved(database, leg) for leg in legs],
        **fields,
    }
    await database.transactions.insert_one(transaction)
    number, at = transaction["seq"], transaction["at"]
    await database.seals.insert_one({"_id": number, "last_seq": number, "sealed_at": at})
    return transaction


async def _moved(database: Database, leg: Document) -> Document:
    if not leg["account"].startswith("wallet:"):
        return leg
    key = f"INR:{leg['account'].removeprefix('wallet:')}"
    moved = {"balance_minor": leg["amount_minor"], "locked_minor": leg.get("locked_minor", 0), "version": 1}
    after = await database.wallets.find_one_and_update({"_id": key}, {"$inc": moved}, return_document=True)
    assert after
    return {
        "locked_minor": 0,
        **leg,
        "balance_after": after["balance_minor"],
        "locked_after": after["locked_minor"],
        "version": after["version"],
    }


async def rekey(database: Database, old: str, new: str) -> None:
    """The same transaction under another key, in the same place."""
    transaction = await database.transactions.find_one_and_delete({"_id": old})
    assert transaction
    await database.transactions.insert_one({**transaction, "_id": new})


async def event_of(database: Database, transaction: str) -> str:
    found = await database.transactions.find_one({"_id": transaction})
    assert found
    return str(found["event_id"])


def edit(collection: str, key: str, change: Document) -> Callable[[Database], Awaitable[object]]:
    """An update of one document."""
    return lambda database: database[collection].update_one({"_id": key}, change)


def edit_event(transaction: str, change: Document) -> Callable[[Database], Awaitable[object]]:
    """An update of the event behind a transaction."""

    async def make(database: Database) -> None:
        done = await database.events.update_one({"_id": await event_of(database, transaction)}, change)
        assert done.modified_count == 1

    return make


def edit_ended(outcome: str, change: Document) -> Callable[[Database], Awaitable[object]]:
    """An update of the one event that ended so."""
    return lambda database: database.events.update_one({"outcome": outcome}, change)


async def doubled_effect(database: Database) -> None:
    capture = await database.transactions.find_one({"_id": "razorpay:capture:pay_1"})
    assert capture
    legs = [
        {"account": "wallet:alice", "amount_minor": 100_00},
        {"account": "clearing:razorpay", "amount_minor": -100_00},
    ]
    fields = {name: value for name, value in capture.items() if name not in ("_id", "seq", "legs", "change", "at")}
    await append(database, "razorpay:capture:pay_1#2", change=("AUTHORIZED", "CAPTURED"), legs=legs, **fields)


async def hold_released_twice(database: Database) -> None:
    """The payout was reversed, which released its hold; then it is done as well, and releases it again."""
    legs = [
        {"account": "wallet:alice", "amount_minor": -2_00, "locked_minor": -2_00},
        {"account": "clearing:razorpay", "amount_minor": 2_00},
    ]
    await append(
        database,
        "razorpay:payout_done:pout_3",
        change=("REQUESTED", "PROCESSED"),
        legs=legs,
        kind="payout_done",
        source="razorpay",
        object="razorpay:payout:pout_3",
        amount_minor=2_00,
        wallets=["alice"],
        event_id=await event_of(database, "razorpay:payout_released:pout_3"),
    )
    await database.objects.update_one({"_id": "razorpay:payout:pout_3"}, {"$set": {"state": "PROCESSED"}})


async def hold_never_ends(database: Database) -> None:
    """A payout fails and what it held stays locked."""
    event_id = await event_of(database, "razorpay:payout_requested:pout_2")
    key = f"state:{event_id}:razorpay:payout:pout_2"
    fields = {"kind": "state", "source": "razorpay", "object": "razorpay:payout:pout_2", "amount_minor": 5_00}
    await append(database, key, change=("REQUESTED", "FAILED"), wallets=[], event_id=event_id, **fields)
    await database.objects.update_one({"_id": "razorpay:payout:pout_2"}, {"$set": {"state": "FAILED"}})


async def captured_after_the_fact_canceled(database: Database) -> None:
    event_id = await event_of(database, "razorpay:capture:pay_4")
    key = f"state:{event_id}:razorpay:payment:pay_4"
    fields = {"kind": "state", "source": "razorpay", "object": "razorpay:payment:pay_4", "amount_minor": 8_00}
    await append(database, key, change=("CAPTURED", "CANCELED"), wallets=[], event_id=event_id, **fields)
    await database.objects.update_one({"_id": "razorpay:payment:pay_4"}, {"$set": {"state": "CANCELED"}})


async def altered_content_in_place(database: Database) -> None:
    """The later content of a used id was stored over the first, and noted as an incident all the same."""
    event = await database.events.find_one({"outcome": "ignored"})
    assert event
    await database.incidents.insert_one(
        {"_id": "incident", "kind": "conflict", "event_id": event["_id"], "fingerprint_seen": event["fingerprint"]}
    )


async def removed_from_the_middle(database: Database) -> None:
    await database.transactions.delete_one({"_id": "razorpay:capture:pay_4"})


async def removed_from_the_end(database: Database) -> None:
    await database.transactions.delete_one({"_id": "payments:transfer:tx-3"})


async def sequence_gap(database: Database) -> None:
    last = await database.transactions.find_one({}, sort=[("seq", -1)])
    assert last
    await database.transactions.update_one({"_id": last["_id"]}, {"$inc": {"seq": 1}})
    await database.leases.update_one({"_id": "writer"}, {"$inc": {"next_seq": 1}})


async def event_lost(database: Database) -> None:
    await database.events.delete_one({"_id": await event_of(database, "razorpay:capture:pay_4")})


async def booked_before_its_predecessor(database: Database) -> None:
    found = await database.transactions.find_one({"_id": "payments:transfer:tx-2"})
    assert found
    earlier = {"$set": {"at": found["at"] - timedelta(hours=1)}}
    await database.transactions.update_one({"_id": found["_id"]}, earlier)


CAPTURE = "razorpay:capture:pay_1"
BODY_REMOVED = {"$unset": {"body": "", "body_key": ""}, "$set": {"body_removed_at": utc(NOW)}}

FAULTS = (
    Fault("an outcome is lost", edit_event(CAPTURE, {"$unset": {"outcome": ""}}), ["I1"], CAPTURE),
    Fault("an applied event still waits", edit_event(CAPTURE, {"$set": {"queue": RELEASED}}), ["I1"], CAPTURE),
    Fault("an outcome nobody knows", edit_event(CAPTURE, {"$set": {"outcome": "done"}}), ["I1"], CAPTURE),
    Fault("applied without a transaction", edit_ended("ignored", {"$set": {"outcome": "applied"}}), ["I1"], "ignored"),
    Fault("parked out of sight", edit_ended("parked", {"$unset": {"queue": ""}}), ["I1"], "parked"),
    Fault("parked for nothing", edit_ended("parked", {"$unset": {"awaits": ""}}), ["I1"], "parked"),
    Fault("an effect twice under two keys", doubled_effect, ["I2"], "razorpay:capture:pay_1#2"),
    Fault(
        "a refund keyed by the charge",
        lambda database: rekey(database, "razorpay:refund:rfnd_1", "razorpay:refund:pay_1"),
        ["I2"],
        "razorpay:refund:pay_1",
    ),
    Fault("a leg is edited", edit("transactions", CAPTURE, {"$inc": {"legs.1.amount_minor": 1}}), ["I3"], CAPTURE),
    Fault("a balance is edited", edit("wallets", "INR:alice", {"$inc": {"balance_minor": 1}}), ["I4"], "INR:alice"),
    Fault("a debt is forgiven", edit("wallets", "INR:dave", {"$set": {"receivable_minor": 0}}), ["I4"], "INR:dave"),
    Fault("a hold is edited", edit("wallets", "INR:bob", {"$inc": {"locked_minor": -1}}), ["I4"], "INR:bob"),
    Fault("a version is skipped", edit("transactions", CAPTURE, {"$inc": {"legs.0.version": 1}}), ["I4"], CAPTURE),
    Fault("a wallet vanishes", lambda database: database.wallets.delete_one({"_id": "INR:bob"}), ["I4"], "INR:bob"),
    Fault("a hold is released twice", hold_released_twice, ["I6"], "razorpay:payout_done:pout_3"),
    Fault("a hold never ends", hold_never_ends, ["I6"], "state"),
    Fault(
        "a dispute that nobody counts",
        edit("objects", "razorpay:payment:pay_2", {"$set": {"disputes_open": 0}}),
        ["I8"],
        "razorpay:payment:pay_2",
    ),
    Fault(
        "a refund is forgotten",
        edit("objects", "razorpay:payment:pay_1", {"$set": {"refunded_minor": 0}}),
        ["I7"],
        "razorpay:payment:pay_1",
    ),
    Fault(
        "a capture shrinks below its refunds",
        edit("objects", "razorpay:payment:pay_1", {"$set": {"amount_minor": 20_00}}),
        ["I7", "I8"],
        "razorpay:payment:pay_1",
    ),
    Fault("a change that is no edge", captured_after_the_fact_canceled, ["I8"], "state"),
    Fault(
        "a state is edited",
        edit("objects", "razorpay:payout:pout_2", {"$set": {"state": "PROCESSED"}}),
        ["I8"],
        "razorpay:payout:pout_2",
    ),
    Fault(
        "a payment is called refunded",
        edit("objects", "razorpay:payment:pay_4", {"$set": {"state": "REFUNDED"}}),
        ["I8"],
        "razorpay:payment:pay_4",
    ),
    Fault(
        "an edge under another name",
        edit("transactions", CAPTURE, {"$set": {"change.from": "FAILED"}}),
        ["I8"],
        CAPTURE,
    ),
    Fault("a body is edited", edit_event(CAPTURE, {"$set": {"body": b'{"amount": 1}'}}), ["I9"], CAPTURE),
    Fault(
        "a body goes plain", edit_event(CAPTURE, {"$set": {"body": b"{}"}, "$unset": {"body_key": ""}}), ["I9"], CAPTURE
    ),
    Fault("a body of an unknown key", edit_event(CAPTURE, {"$set": {"body_key": "0" * 12}}), ["I9"], CAPTURE),
    Fault("a body vanishes", edit_event(CAPTURE, {"$unset": {"body": "", "body_key": ""}}), ["I9"], CAPTURE),
    Fault("a body goes before its time", edit_ended("parked", BODY_REMOVED), ["I9"], "parked"),
    Fault("a fingerprint is edited", edit_event(CAPTURE, {"$set": {"fingerprint": "0" * 64}}), ["I9"], CAPTURE),
    Fault("an event is renamed", edit_event(CAPTURE, {"$set": {"event_key": "razorpay:acc_1:other"}}), ["I9"], CAPTURE),
    Fault("an altered event takes the first one's place", altered_content_in_place, ["I9"], "incident"),
    Fault("a refused event has effects", edit_event(CAPTURE, {"$set": {"outcome": "ignored"}}), ["I10"], CAPTURE),
    Fault("a time runs backwards", booked_before_its_predecessor, ["I13"], "payments:transfer:tx-2"),
    Fault("a number is skipped", sequence_gap, ["I13", "I14"], "payments:transfer:tx-3"),
    Fault("the event behind a record is lost", event_lost, ["I14"], "razorpay:capture:pay_4"),
    Fault("a transaction is removed", removed_from_the_middle, ["I1", "I4", "I8", "I14"], ""),
    Fault("the last transaction is removed", removed_from_the_end, ["I1", "I4", "I8", "I14"], ""),
)
