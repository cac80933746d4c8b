"""Profiles are written late, and yet the same whatever the batches were and whoever wrote them."""

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

import pytest
from booked_store import NOW, Booking, Document, on_database, razorpay, story, transfer

from gateway.analysis.counterparty import counterparty_id
from gateway.pipeline import profiles as module
from gateway.pipeline.profiles import Profiles
from gateway.queries.reading import Database


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds so small that a short story reaches them."""
    monkeypatch.setattr(module, "WRITTEN_MIN", 2)
    monkeypatch.setattr(module, "WAITING_MAX", 7)
    monkeypatch.setattr(module, "PROFILES_MAX", 3)
    monkeypatch.setattr(module, "_READ_AT_ONCE", 4)


def traffic() -> list[Document]:
    """Everything that may happen to a payment, and 120 transfers among 15 wallets."""
    random = Random(7)
    owners = [f"w{number}" for number in range(15)]
    pairs = (random.sample(owners, 2) for _ in count())
    transfers = [transfer(f"many-{n}", *next(pairs), f"{random.randint(1, 900)}.00") for n in range(120)]
    return [*story(), *transfers, *disputed(), razorpay("payment.captured", "pay_late", 1_00)]


def disputed() -> list[Document]:
    """Payments of three cards, whose disputes are opened, won, lost and closed, some of a payment far back."""
    captures = [
        razorpay("payment.captured", f"paid_{n}", 10_00 + 90_00 * (n == 20), wallet="zoe", card=f"card_{n % 3}", n=n)
        for n in range(24)
    ]
    steps = [("created", range(0, 24, 2)), ("won", (2, 4)), ("lost", (0, 3)), ("closed", (6, 7))]
    disputes = [
        razorpay(f"payment.dispute.{step}", f"disp_{n}_d", 10_00, of=f"paid_{n}", wallet=None, n=100 + n)
        for step, numbers in steps
        for n in numbers
    ]
    return [*captures[:12], *disputes[:3], *captures[12:], *disputes[3:]]


async def learned(database: Database, parts: Iterator[tuple[int, int]]) -> dict[str, Any]:
    """Book the traffic in parts of (events, batch), each by a writer of its own; then every profile as the next one has it."""
    events = traffic()
    for size, batch in parts:
        booked, events = events[:size], events[size:]
        await Booking(database, now=NOW).book(booked, batch=batch)
        if not events:
            break
    last = await database.transactions.find_one({}, sort=[("seq", -1)])
    assert last
    profiles = Profiles(database)
    await profiles.start(last_seq=last["seq"])
    wallets = {
        insight["currency"] + ":" + insight["wallet"]
        async for insight in database.insights.find({"score": {"$ne": None}})
    }
    others = {
        counterparty_id(insight["currency"], insight["counterparty"])
        async for insight in database.insights.find({"counterparty": {"$ne": None}})
    }
    states = [*(await profiles.load(wallets)).values(), *(await profiles.counterparties.load(others)).values()]
    return {each.id: each.to_document() for each in states}


@pytest.fixture
def together(mongo_uri: str, database_name: str) -> dict[str, Any]:
    """What one writer learned that wrote everything in one batch."""
    return on_database(mongo_uri, database_name, lambda database: learned(database, iter([(1_000, 1_000)])))


@pytest.mark.parametrize(
    ("size", "batch"),
    [
        pytest.param(1_000, 1, marks=pytest.mark.long),
        (1_000, 7),
        (40, 5),
        (13, 13),
        pytest.param(1, 1, marks=pytest.mark.long),
    ],
    ids=lambda value: f"{value:d}",
)
def test_the_same_whatever_the_batches_and_the_writers(
    mongo_uri: str, database_name: str, together: dict[str, Any], size: int, batch: int
) -> None:
    """Each writer reads again what the one before had not written, and learns nothing twice."""
    name = f"{database_name}_2"

    async def run(database: Database) -> dict[str, Any]:
        try:
            return await learned(database, iter(lambda: (size, batch), None))
        finally:
            await database.client.drop_database(database.name)

    assert on_database(mongo_uri, name, run) == together
    assert len(together) > 15
    charged_back = [state["charged_back"] for state in together.values() if "charged_back" in state]
    assert sum(ever for ever, *_ in charged_back) == 10  # twelve opened, one only lost, three given back


def test_with_little_traffic_nothing_waits(mongo_uri: str, database_name: str) -> None:
    """A batch writes what it taught while that is little."""

    async def run(database: Database) -> None:
        await Booking(database).book([razorpay("payment.captured", "pay_1", 1_00)])
        mark = await database.marks.find_one({"_id": "profiles"})
        assert mark == {"_id": "profiles", "floor": 1}
        assert await database.profiles.count_documents({}) == 1

    on_database(mongo_uri, database_name, run)


def test_a_kind_that_nothing_concerns_is_not_learned_again(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Payments that name no counterparty: its floor moves on all the same, or each new writer would read the whole past."""
    monkeypatch.setattr(module, "MARKED_EVERY", 10)

    async def run(database: Database) -> None:
        await Booking(database).book([razorpay("payment.captured", f"pay_{n}", 1_00) for n in range(25)], batch=5)
        mark = await database.marks.find_one({"_id": "counterparties"})
        assert mark == {"_id": "counterparties", "floor": 20}
        assert await database.counterparties.count_documents({}) == 0

    on_database(mongo_uri, database_name, run)


def test_what_waits_is_bounded(mongo_uri: str, database_name: str) -> None:
    """The floor follows however many wallets take part, so a new writer never has long to read."""

    async def run(database: Database) -> None:
        events = [razorpay("payment.captured", f"pay_{n}", 1_00, wallet=f"w{n}") for n in range(100)]
        await Booking(database).book(events, batch=10)
        mark = await database.marks.find_one({"_id": "profiles"})
        assert mark
        assert 100 - mark["floor"] <= module.WAITING_MAX
        assert await database.profiles.count_documents({}) == mark["floor"]

    on_database(mongo_uri, database_name, run)


def test_a_state_waits_for_so_many_transactions_at_most(
    mongo_uri: str, database_name: str, together: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few states take part; and what was learned meanwhile is the same for the next writer."""
    monkeypatch.setattr(module, "WRITTEN_MIN", 1)
    monkeypatch.setattr(module, "WAITING_MAX", 1_000)
    monkeypatch.setattr(module, "BEHIND_MAX", 20)
    name = f"{database_name}_2"

    async def run(database: Database) -> tuple[dict[str, Any], int]:
        try:
            states = await learned(database, iter(lambda: (60, 10), None))
            floors = [mark["floor"] async for mark in database.marks.find({"floor": {"$exists": True}})]
            last = await database.transactions.count_documents({})
            return states, last - min(floors)
        finally:
            await database.client.drop_database(database.name)

    states, behind = on_database(mongo_uri, name, run)
    assert states == together
    assert 0 < behind <= 20


def test_a_whole_past_is_learned_again_within_bounds(
    mongo_uri: str, database_name: str, together: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nothing of the states is stored, they are rebuilt from the books, the same, and written as they grow many."""
    monkeypatch.setattr(module, "SPILLED_FROM", 5)

    async def run(database: Database) -> dict[str, Any]:
        for kind in ("profiles", "counterparties", "marks"):
            await database[kind].drop()
        last = await database.transactions.find_one({}, sort=[("seq", -1)])
        assert last
        profiles = Profiles(database)
        await profiles.start(last_seq=last["seq"])
        assert await database.counterparties.count_documents({}) > 10
        wallets = {each for each in together if "charged_back" not in together[each]}
        states = [
            *(await profiles.load(wallets)).values(),
            *(await profiles.counterparties.load(together.keys() - wallets)).values(),
        ]
        return {each.id: each.to_document() for each in states}

    assert on_database(mongo_uri, database_name, run) == together
