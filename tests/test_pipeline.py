"""The story around the stages: what is received is durable, what is processed is settled, whatever one event contains."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from booked_store import CIPHER, NOW, Booking, Document, on_database, poisoned, razorpay, stored, transfer
from served import unreachable_store

from gateway.clock import utc
from gateway.errors import Conflict, Limited, SignatureRefused, StoreUnavailable, UnknownSource
from gateway.events.progress import BEGINNING
from gateway.events.standing import RELEASED
from gateway.events.store import EventStore
from gateway.ingress.delivery import Delivery
from gateway.ingress.providers import SCHEMES, Secret, Source, Window
from gateway.pipeline import Incidents, Reception
from gateway.queries.reading import Database
from simulators.signing import sign

KEY = "a secret of the tests, long enough"
PAYMENT = {"tx_id": "t1", "amount": "1.00", "currency": "USD", "sender_account": "a", "receiver_account": "b"}


class _Counter:
    """Refuses from the `allowed`-th hit on."""

    def __init__(self, allowed: int = 1_000) -> None:
        self.left = allowed

    def hit(self, group: str, key: str, *, rate: str | None = None) -> None:
        self.left -= 1
        if self.left < 0:
            raise Limited(7)


def _reception(database: Database, *, limits: _Counter | None = None, timeout_ms: int = 20_000) -> Reception:
    return Reception(
        {"payments": Source("payments", SCHEMES["native"], (Secret("1", KEY.encode()),))},
        EventStore(database, batch_max=10, waiting_max=100, timeout_ms=timeout_ms),
        Incidents(database, CIPHER),
        cipher=CIPHER,
        limits=limits or _Counter(),
        window=Window(300, 5),
    )


def _delivery(body: Mapping[str, Any] = PAYMENT, *, key: str = KEY, source: str = "payments") -> Delivery:
    content = json.dumps(body).encode()
    headers = sign("native", key, content, at=int(NOW)).items()
    return Delivery(source, [(name.lower().encode(), value.encode()) for name, value in headers], content, NOW, "::1")


def test_received_is_stored(mongo_uri: str, database_name: str) -> None:
    """When `receive` returns, the event waits in the store; again, and it is known; with other content, a conflict."""

    async def story(database: Database) -> None:
        reception = _reception(database)
        first = await reception.receive(_delivery())
        event = await database["events"].find_one({"_id": first.event_id})
        assert event is not None
        assert (first.created, first.tx_id, event["secret_id"]) == (True, "t1", "1")
        assert BEGINNING < event["queue"] < RELEASED
        again = await reception.receive(_delivery())
        assert (again.created, again.event_id, again.state) == (False, first.event_id, {"outcome": "waiting"})
        with pytest.raises(Conflict):
            await reception.receive(_delivery({**PAYMENT, "amount": "2.00"}))
        assert await database["incidents"].count_documents({"event_id": first.event_id}) == 1
        assert await database["events"].count_documents({}) == 1

    on_database(mongo_uri, database_name, story)


def test_nothing_refused_is_stored_or_counted_as_a_webhook(mongo_uri: str, database_name: str) -> None:
    """A closed source, a forged signature, one too many: no event; and a forgery does not use up an honest sender's allowance."""

    async def story(database: Database) -> None:
        limits = _Counter(allowed=1)
        reception = _reception(database, limits=limits)
        with pytest.raises(UnknownSource):
            await reception.receive(_delivery(source="stripe"))
        with pytest.raises(SignatureRefused):
            await reception.receive(_delivery(key="another key of the tests, as long"))
        assert limits.left == 1
        await reception.receive(_delivery())
        with pytest.raises(Limited):
            await reception.receive(_delivery({**PAYMENT, "tx_id": "t2"}))
        assert await database["events"].distinct("tx_id") == ["t1"]

    on_database(mongo_uri, database_name, story)


def test_waiting_for_an_outcome_is_bounded(mongo_uri: str, database_name: str) -> None:
    """With nobody to settle the event the wait ends in time and says so; with an outcome it ends at once; for an event
    that is not there it ends too."""

    async def story(database: Database) -> None:
        reception = _reception(database)
        receipt = await reception.receive(_delivery())
        async with asyncio.timeout(30):
            assert await reception.outcome_of(receipt.event_id, 0.2) == {"outcome": "waiting"}
            assert await reception.outcome_of("evt_unknown", 0.2) == {}
        settling = {"$set": {"outcome": "ignored", "reason": "why"}}
        await database["events"].update_one({"_id": receipt.event_id}, settling)
        async with asyncio.timeout(30):
            assert await reception.outcome_of(receipt.event_id, 60) == {"outcome": "ignored", "reason": "why"}

    on_database(mongo_uri, database_name, story)


def test_a_silent_store_is_told_apart_from_a_refusal() -> None:
    """`StoreUnavailable`, which is a 503: for storing; and no error at all for a wait after what is stored already."""

    async def story() -> None:
        async with unreachable_store() as database:
            reception = _reception(database, timeout_ms=300)
            with pytest.raises(StoreUnavailable):
                await reception.receive(_delivery())
            assert await reception.outcome_of("evt_1", 1) == {}

    asyncio.run(story())


async def _free_lease(database: Database) -> None:
    """As after a writer that ended, so that the next one need not wait."""
    await database["leases"].update_one({"_id": "writer"}, {"$set": {"holder": "", "expires_at": None}})


async def _outcomes(database: Database) -> dict[str, str]:
    return {row["tx_id"]: row["outcome"] async for row in database["events"].find()}


def test_one_event_that_cannot_be_settled_is_parked_alone(mongo_uri: str, database_name: str) -> None:
    """A body that our code fails on, wherever in the batch: the others are applied, that one waits for a person."""

    async def story(database: Database) -> None:
        for place in (0, 3, 6):
            batch: list[Document] = [transfer(f"t{place}{n}", "a", "b", "1.00") for n in range(6)]
            poison = poisoned(transfer(f"poison{place}", "a", "b", "1.00"))
            await Booking(database).book([*batch[:place], poison, *batch[place:]], batch=7)
            await _free_lease(database)
            outcomes = await _outcomes(database)
            assert outcomes.pop(f"poison{place}") == "parked"
            assert {tx_id: outcome for tx_id, outcome in outcomes.items() if outcome != "applied"} == {}
            await database["events"].delete_one({"tx_id": f"poison{place}"})

    on_database(mongo_uri, database_name, story)


def test_a_write_that_mongodb_refuses_parks_its_event_alone(mongo_uri: str, database_name: str) -> None:
    """An effect key that is used already, by whatever mistake: booked once, and the second is parked with the code."""

    async def story(database: Database) -> None:
        used = {"_id": "payments:transfer:t2", "seq": 1_000, "event_id": "evt_other", "wallets": [], "at": utc(NOW)}
        await database["transactions"].insert_one(used)
        await Booking(database).book([transfer(f"t{n}", "a", "b", "1.00") for n in range(5)], batch=5)
        outcomes = await _outcomes(database)
        assert {tx_id for tx_id, outcome in outcomes.items() if outcome == "parked"} == {"t2"}
        parked = await database["events"].find_one({"tx_id": "t2"})
        assert parked is not None
        assert parked["reason"] == "fault: MongoDB error 11000"
        wallet = await database["wallets"].find_one({"_id": "INR:b"})
        assert wallet is not None
        assert wallet["balance_minor"] == 400

    on_database(mongo_uri, database_name, story)


@pytest.mark.parametrize("batch", [1, 2, 50])
def test_parked_events_try_again_when_what_they_wait_for_comes(mongo_uri: str, database_name: str, batch: int) -> None:
    """A refund before its payment, in one batch or in several; one whose payment never comes stays parked."""

    async def story(database: Database) -> None:
        events = [
            razorpay("refund.processed", "rfnd_1", 30, of="pay_1"),
            razorpay("refund.processed", "rfnd_9", 30, of="pay_9"),
            razorpay("payment.authorized", "pay_1", 100),
            razorpay("payment.captured", "pay_1", 100),
            razorpay("refund.processed", "rfnd_2", 20, of="pay_1"),
        ]
        await Booking(database).book(events, batch=batch)
        parked = [row["body"] async for row in database["events"].find({"outcome": "parked"})]
        assert parked == [events[1]["body"]]
        assert await database["events"].count_documents({"outcome": None}) == 0
        wallet = await database["wallets"].find_one({"_id": "INR:alice"})
        assert wallet is not None
        assert wallet["balance_minor"] == 50

    on_database(mongo_uri, database_name, story)


def test_a_parked_event_is_remembered_over_a_restart(mongo_uri: str, database_name: str) -> None:
    """What parked events wait for is learned from the store when a worker begins."""

    async def story(database: Database) -> None:
        await Booking(database).book([razorpay("refund.processed", "rfnd_1", 30, of="pay_1")])
        await _free_lease(database)
        await Booking(database).book([razorpay("payment.captured", "pay_1", 100)])
        assert await database["events"].distinct("outcome") == ["applied"]

    on_database(mongo_uri, database_name, story)


def test_a_refund_of_too_much_stays_parked_without_end_of_trying(mongo_uri: str, database_name: str) -> None:
    """It contradicts what is known; it is tried when its payment changes and not in between, so the queue empties."""

    async def story(database: Database) -> None:
        events = [
            razorpay("payment.captured", "pay_1", 100),
            razorpay("refund.processed", "rfnd_1", 101, of="pay_1"),
            razorpay("refund.processed", "rfnd_2", 10, of="pay_1"),
        ]
        async with asyncio.timeout(20):
            await Booking(database).book(events, batch=50)
        assert await database["events"].count_documents({"outcome": "parked"}) == 1
        wallet = await database["wallets"].find_one({"_id": "INR:alice"})
        assert wallet is not None
        assert wallet["balance_minor"] == 90

    on_database(mongo_uri, database_name, story)


def test_an_event_of_several_steps_is_one_event(mongo_uri: str, database_name: str) -> None:
    """`charge.refunded` lists refunds: those that can be booked are, once, and it is settled when all are."""

    async def story(database: Database) -> None:
        refunds = [
            {"id": f"re_{n}", "amount": 10, "currency": "usd", "payment_intent": f"pi_{n}", "status": "succeeded"}
            for n in (1, 2)
        ]
        charge = {"id": "ch_1", "object": "charge", "refunds": {"data": refunds}}
        listing = _stripe("evt_refunds", "charge.refunded", charge)
        await Booking(database).book([_captured("pi_1"), listing])
        event = await database["events"].find_one({"_id": listing["_id"]})
        assert event is not None
        assert event["outcome"] == "parked"
        await _free_lease(database)
        await Booking(database).book([_captured("pi_2")])
        assert await database["events"].distinct("outcome") == ["applied"]
        wallet = await database["wallets"].find_one({"_id": "USD:alice"})
        assert wallet is not None
        assert wallet["balance_minor"] == 180
        assert await database["transactions"].count_documents({"event_id": listing["_id"]}) == 2

    on_database(mongo_uri, database_name, story)


def _stripe(event_id: str, kind: str, thing: Document) -> Document:
    return stored({"id": event_id, "type": kind, "data": {"object": thing}}, source="stripe", scheme="stripe")


def _captured(payment: str) -> Document:
    thing = {"id": payment, "amount_received": 100, "currency": "usd", "metadata": {"wallet_id": "alice"}}
    return _stripe(f"evt_{payment}", "payment_intent.succeeded", thing)
