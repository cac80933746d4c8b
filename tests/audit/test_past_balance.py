"""The balance at a past moment: what the wallet held when everything booked by then had been booked, and nothing later."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from booked_store import CIPHER, NOW, Booking, audit, opened, razorpay

from gateway.errors import BadRequest, NotFound
from gateway.events.at_rest import sealed_body
from gateway.queries import past
from gateway.queries.past import balance_at, balances_at, moment
from gateway.queries.reading import Database

Ask = Callable[[Callable[[Database], Awaitable[Any]]], Any]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


@pytest.fixture
def captured(empty: Ask) -> Ask:
    """Captures of 1, 2, 4, 8 … for alice, two per batch, a batch every ten seconds; the balance's bits say which are in it."""
    events = [razorpay("payment.captured", f"pay_{n}", 2**n) for n in range(6)]
    events.append(razorpay("payout.initiated", "pout_1", 32))
    empty(lambda database: Booking(database).book(events, batch=2))
    return empty


@pytest.mark.parametrize(
    ("seconds", "balance", "locked"),
    [(0, 0b11, 0), (9.999, 0b11, 0), (10, 0b1111, 0), (20, 0b111111, 0), (30, 0b111111, 32), (10**9, 0b111111, 32)],
)
def test_a_past_balance_holds_what_was_booked_by_then(captured: Ask, seconds: float, balance: int, locked: int) -> None:
    """A batch shares its moment and counts whole."""
    found = captured(lambda database: balance_at(database, "alice", "INR", at(seconds)))
    assert (found.balance_minor, found.locked_minor, found.available_minor) == (balance, locked, balance - locked)


def test_before_its_first_movement_a_wallet_was_not_there(captured: Ask) -> None:
    """Which is not the same as holding nothing."""
    with pytest.raises(NotFound):
        captured(lambda database: balance_at(database, "alice", "INR", at(-1)))


@pytest.mark.parametrize(("owner", "currency"), [("bob", "INR"), ("alice", "USD")])
def test_a_wallet_that_never_moved_has_no_past(captured: Ask, owner: str, currency: str) -> None:
    """Also not in another currency."""
    with pytest.raises(NotFound):
        captured(lambda database: balance_at(database, owner, currency, at(60)))


def test_a_suspense_wallet_has_a_past_too(books: Ask) -> None:
    """Its account is named by its owner alone."""
    found = books(lambda database: balance_at(database, "suspense:razorpay", "INR", at(10_000)))
    assert (found.balance, found.locked) == ("8.00", "0.00")


def test_the_answer_is_in_decimals_and_minor_units(books: Ask) -> None:
    """With the transaction that left the wallet so."""
    found = books(lambda database: balance_at(database, "bob", "INR", at(10_000)))
    assert (found.wallet_id, found.balance, found.locked, found.available) == ("INR:bob", "73.00", "40.00", "33.00")
    assert (found.balance_minor, found.seq) == (73_00, 20)


def test_an_old_moment_is_asked_of_two_indexes(captured: Ask) -> None:
    """However long ago: neither look-up walks through what came since."""

    async def explained(database: Database) -> list[int]:
        order = [("sealed_at", -1), ("_id", -1)]
        where = database.seals.find({"sealed_at": {"$lte": at(0)}}, {"last_seq": 1}).sort(order).limit(1)
        leg = database.transactions.find({"wallets": "alice", "seq": {"$lte": 2}}).sort("seq", -1).limit(1)
        plans = [await cursor.explain() for cursor in (where, leg)]
        return [plan["executionStats"]["totalKeysExamined"] for plan in plans]

    assert captured(explained) == [1, 1]


def test_an_owner_is_answered_in_every_currency_that_was_there(books: Ask) -> None:
    """One that was opened later is left out; one currency can be asked for by itself."""

    async def run(database: Database) -> list[list[str]]:
        dollars = razorpay("payment.captured", "pay_usd", 5)
        body = opened(dollars)["body"].replace(b"INR", b"USD")
        content = {**sealed_body(body, dollars["_id"], CIPHER), "fingerprint": hashlib.sha256(body).hexdigest()}
        await Booking(database, now=NOW + 1_000).book([{**dollars, **content}])
        answers = [
            await balances_at(database, wallet_id, at(seconds))
            for wallet_id, seconds in (("alice", 500), ("alice", 2_000), ("USD:alice", 2_000))
        ]
        return [[balance.currency for balance in each.balances] for each in answers]

    assert books(run) == [["INR"], ["INR", "USD"], ["USD"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-21",
        "2026-11-21T10:00:00",
        "1795255200",
        "0001-01-01T00:00:00+14:00",
        "2" * 99,
        "２０２６-11-21T10:00Z",
    ],
)
def test_a_time_that_is_no_moment_is_refused(text: str) -> None:
    """Without its zone it could be any of twenty-four hours."""
    with pytest.raises(BadRequest, match="ISO 8601"):
        moment(text)


def test_a_moment_is_read_in_its_zone() -> None:
    """And kept in UTC."""
    assert moment("2026-11-21T15:30:00+05:30") == moment("2026-11-21T10:00:00Z") == at(0)


def test_a_wrong_past_is_found_by_the_audit(captured: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """I13: what callers are told against a replay of the legs."""

    async def one_too_early(*arguments: Any) -> int:
        return await position(*arguments) - 1

    position = past.last_seq
    monkeypatch.setattr(past, "last_seq", one_too_early)
    report = captured(audit)
    assert [check.id for check in report.checks if check.broken] == ["I13"]
    assert report.first.first.record == "INR:alice"


def test_times_of_day_in_another_zone_are_the_same_moments(captured: Ask) -> None:
    """A moment is a moment."""
    zoned = at(10).astimezone(datetime.now().astimezone().tzinfo) + timedelta(0)
    assert captured(lambda database: balance_at(database, "alice", "INR", zoned)).balance_minor == 0b1111
