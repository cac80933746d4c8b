"""Labels: what payments turned out to be, from disputes on the normal webhook path and from quiet time."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from booked_store import CIPHER, NOW, Booking, Document, on_database, razorpay

from gateway.clock import utc
from gateway.events.store import EventStore
from gateway.ingress.delivery import Delivery
from gateway.ingress.providers import SCHEMES, Secret, Source, Window
from gateway.pipeline import Incidents, Reception
from gateway.pipeline import labels as labels_module
from gateway.pipeline.labels import label_piece, label_regularly
from gateway.queries.reading import Database
from simulators.signing import sign

DELAY_DAYS = 7
SECRET = "a secret of the tests, long enough"
Story = Callable[[Database], Awaitable[Any]]


def captured(number: int = 1) -> Document:
    return razorpay("payment.captured", f"pay_{number}", 100_00, wallet=f"owner-{number}")


def disputed(step: str, dispute: str = "disp_1", *, of: str = "pay_1", n: int = 0) -> Document:
    return razorpay(f"payment.dispute.{step}", dispute, 100_00, of=of, wallet=None, n=n)


async def labelled(database: Database, *, at: float = NOW, days: float = 0) -> dict[str, Document]:
    """Every label after the pass has come to its end."""
    while await label_piece(database, delay_days=DELAY_DAYS, now=utc(at) + timedelta(days=days)):
        pass
    return {each["_id"]: each async for each in database["labels"].find()}


def label_after(uri: str, name: str, *steps: str, days: float = 1) -> tuple[int, str] | None:
    """What a payment counts as after these steps of its one dispute."""

    async def story(database: Database) -> tuple[int, str] | None:
        booking = Booking(database)
        await booking.book([captured(), *(disputed(step, n=n) for n, step in enumerate(steps))])
        found = (await labelled(database, days=days)).get("razorpay:payment:pay_1")
        return (found["label"], found["why"]) if found else None

    return on_database(uri, name, story)


@pytest.mark.parametrize(
    ("steps", "label"),
    [
        (["created"], (1, "dispute_open")),
        (["created", "lost"], (1, "dispute_lost")),
        (["lost"], (1, "dispute_lost")),
        (["created", "won"], (0, "dispute_won")),
        ([], None),
    ],
)
def test_a_dispute_labels_its_payment(
    mongo_uri: str, database_name: str, steps: list[str], label: tuple[int, str] | None
) -> None:
    """While it runs or is lost: 1; won: back to 0; and before the delay is over, quiet says nothing."""
    assert label_after(mongo_uri, database_name, *steps) == label


def test_a_label_stands_at_the_original_payments_time_and_says_when_it_was_known(
    mongo_uri: str, database_name: str
) -> None:
    """With what a training needs to find the event's features again."""

    async def story(database: Database) -> tuple[Document, Document, Document]:
        await Booking(database).book([captured()])
        await Booking(database, now=NOW + 86_400).book([disputed("created")])
        found = (await labelled(database, days=2))["razorpay:payment:pay_1"]
        capture = await database["transactions"].find_one({"kind": "capture"})
        dispute = await database["transactions"].find_one({"kind": "dispute_opened"})
        assert capture
        assert dispute
        return found, capture, dispute

    found, capture, dispute = on_database(mongo_uri, database_name, story)
    assert found == {
        "_id": "razorpay:payment:pay_1",
        "event_id": capture["event_id"],
        "wallet": "owner-1",
        "counterparty": None,
        "currency": "INR",
        "amount_minor": 100_00,
        "occurred_at": capture["occurred_at"],
        "label": 1,
        "known_at": dispute["at"],
        "why": "dispute_open",
    }


def test_quiet_time_makes_a_zero_and_a_late_dispute_flips_it(mongo_uri: str, database_name: str) -> None:
    """Known when the delay was over, whenever the pass came to it; then money says otherwise, and back again."""

    async def story(database: Database) -> list[tuple[int, str, datetime]]:
        told = []
        await Booking(database).book([captured()])
        for at, events in (
            (NOW, []),
            (NOW + 9 * 86_400, [disputed("created")]),
            (NOW + 10 * 86_400, [disputed("won", n=1)]),
        ):
            await Booking(database, now=at).book(events)
            each = (await labelled(database, at=at, days=8))["razorpay:payment:pay_1"]
            told.append((each["label"], each["why"], each["known_at"]))
        return told

    assert on_database(mongo_uri, database_name, story) == [
        (0, "matured", utc(NOW + 7 * 86_400)),
        (1, "dispute_open", utc(NOW + 9 * 86_400)),
        (0, "dispute_won", utc(NOW + 10 * 86_400)),
    ]


def test_a_won_dispute_leaves_the_label_while_another_one_runs(mongo_uri: str, database_name: str) -> None:
    """Two disputes of one payment: it is legitimate only when neither stands."""

    async def story(database: Database) -> list[int]:
        told = []
        await Booking(database).book([captured(), disputed("created"), disputed("created", "disp_2", n=1)])
        for event in (disputed("won", n=2), disputed("won", "disp_2", n=3)):
            await Booking(database).book([event])
            told.append((await labelled(database))["razorpay:payment:pay_1"]["label"])
        return told

    assert on_database(mongo_uri, database_name, story) == [1, 0]


@pytest.mark.parametrize("pieces", [1, 1_000])
@pytest.mark.parametrize("follows", [True, False])
def test_a_label_is_known_from_the_first_step_that_made_it_so(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch, pieces: int, follows: bool
) -> None:
    """A lost dispute was held against its shop when it was opened, and one that was won is forgiven when it is; whether the pass
    follows or comes later, and however often."""
    monkeypatch.setattr(labels_module, "PIECE", pieces)

    async def story(database: Database) -> dict[str, datetime]:
        await Booking(database).book([captured(number) for number in (1, 2)])
        for day, events in (
            (1, [disputed("created", n=1), disputed("created", "disp_2", of="pay_2", n=1)]),
            (2, [disputed("lost", n=2), disputed("won", "disp_2", of="pay_2", n=2)]),
        ):
            await Booking(database, now=NOW + day * 86_400).book(events, batch=1)
            if follows:
                await labelled(database, at=NOW + day * 86_400, days=30)
        for _ in range(2):
            found = await labelled(database, at=NOW + 3 * 86_400, days=30)
            await database["marks"].delete_many({})
        return {key: each["known_at"] for key, each in found.items()}

    known_at = on_database(mongo_uri, database_name, story)
    assert known_at["razorpay:payment:pay_1"] < utc(NOW + 1.1 * 86_400)
    assert known_at["razorpay:payment:pay_2"] >= utc(NOW + 2 * 86_400)


async def _several(database: Database, events: Sequence[Document]) -> dict[str, tuple[int, str]]:
    await Booking(database).book([captured(number) for number in range(1, 5)])
    await Booking(database).book(events, batch=1)
    return {key: (each["label"], each["why"]) for key, each in (await labelled(database, days=8)).items()}


def test_labels_are_the_same_whatever_the_pieces_the_order_and_how_often(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction a turn, a pass that forgot how far it was, events in another order: the money's state decides."""
    steps = [disputed("created", n=1), disputed("lost", "disp_3", of="pay_3", n=2), disputed("won", n=3)]
    monkeypatch.setattr(labels_module, "PIECE", 1)

    async def story(database: Database) -> None:
        expected = {
            "razorpay:payment:pay_1": (0, "dispute_won"),
            "razorpay:payment:pay_2": (0, "matured"),
            "razorpay:payment:pay_3": (1, "dispute_lost"),
            "razorpay:payment:pay_4": (0, "matured"),
        }
        for order in list(permutations(steps))[::2]:
            assert await _several(database, order) == expected
            before = await labelled(database, days=8)
            await database["marks"].delete_many({})
            assert await labelled(database, days=8) == before
            for collection in ("events", "transactions", "objects", "wallets", "labels", "insights", "leases", "seals"):
                await database[collection].delete_many({})
            await database["marks"].delete_many({})
            await database["profiles"].delete_many({})

    on_database(mongo_uri, database_name, story)


def test_disputes_arrive_as_signed_webhooks(mongo_uri: str, database_name: str) -> None:
    """Through the door: verified, stored, booked; the pass beside it then labels, until it is told to stop."""

    async def story(database: Database) -> None:
        reception = Reception(
            {"razorpay": Source("razorpay", SCHEMES["razorpay"], (Secret("1", SECRET.encode()),))},
            EventStore(database, batch_max=10, waiting_max=100, timeout_ms=20_000),
            Incidents(database, CIPHER),
            cipher=CIPHER,
            limits=_Unlimited(),
            window=Window(300, 5),
        )
        for name, thing in (
            ("payment.captured", {"id": "pay_1", "amount": 5_00, "currency": "INR", "notes": {"wallet_id": "alice"}}),
            ("payment.dispute.created", {"id": "disp_1", "payment_id": "pay_1", "amount": 5_00, "currency": "INR"}),
        ):
            kind = "dispute" if "dispute" in name else "payment"
            body = json.dumps(
                {
                    "event": name,
                    "account_id": "acc_1",
                    "created_at": int(NOW),
                    "payload": {kind: {"entity": thing}},
                }
            ).encode()
            headers = sign("razorpay", SECRET, body, at=int(NOW), message_id=name)
            pairs = [(field.lower().encode(), value.encode()) for field, value in headers.items()]
            await reception.receive(Delivery("razorpay", pairs, body, NOW, "::1"))
        await Booking(database).book([])
        stop = asyncio.Event()
        passing = asyncio.create_task(label_regularly(database, stop, delay_days=DELAY_DAYS, clock=lambda: NOW))
        async with asyncio.timeout(10):
            while not (found := await database["labels"].find_one({"_id": "razorpay:payment:pay_1"})):
                await asyncio.sleep(0.02)
        stop.set()
        await passing
        assert (found["label"], found["why"], found["wallet"]) == (1, "dispute_open", "alice")

    on_database(mongo_uri, database_name, story)


class _Unlimited:
    def hit(self, group: str, key: str, *, rate: str | None = None) -> None:
        """Nothing is too many."""
