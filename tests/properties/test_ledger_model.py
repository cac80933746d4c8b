"""The engine against a model of a few dozen lines: any order and any repetition of the same events, one end.

Amounts are powers of two, so a balance names the events that are in it.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from booked_store import Booking, audit, on_database, razorpay, transfer
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ledger_model import STRONGEST, Wallets, agrees, standing, wallets

from gateway.audit.report import Report
from gateway.events.event import Outcome, PaymentEvent
from gateway.ledger.books import Applied, Books
from gateway.queries.reading import Database

STATES = {
    "authorized": "AUTHORIZED",
    "captured": "CAPTURED",
    "created": "PENDING",
    "requested": "REQUESTED",
    "withdrawn": "WITHDRAWN",
    "updated": "OPEN",
}
"""What a standing step is called as a state, where it is not the step in capitals."""


def event(kind: str, step: str, object_id: str, bit: int, **fields: Any) -> PaymentEvent:
    """An event about the amount 2 ** `bit`."""
    base = PaymentEvent(
        event_id="",
        source="razorpay",
        kind=kind,
        step=step,
        object_id=object_id,
        occurred_at=0.0,
        amount_minor=2**bit,
        currency="INR",
        wallet="alice",
    )
    return replace(base, **fields)


def of(payment: str, kind: str, step: str, object_id: str, bit: int) -> PaymentEvent:
    return event(kind, step, object_id, bit, parent_id=payment, wallet=None)


class Engine:
    """Books with the queue around them: batches, parking, and release when what is awaited changes, as the worker does it."""

    def __init__(self) -> None:
        self.books = Books()
        self.keys: list[str] = []
        self.parked: list[tuple[PaymentEvent, str]] = []

    def run(self, events: Iterable[PaymentEvent], *, batch: int = 1) -> "Engine":
        waiting = [replace(each, event_id=f"evt_{number}") for number, each in enumerate(events)]
        while waiting:
            now, waiting = waiting[:batch], waiting[batch:]
            self.books = Books(dict(self.books.objects), dict(self.books.wallets))
            for each in now:
                self._settle(each, self.books.apply(each))
            released = [each for each, awaits in self.parked if awaits in self.books.changed_objects]
            self.parked = [entry for entry in self.parked if entry[1] not in self.books.changed_objects]
            waiting = released + waiting
        return self

    def _settle(self, each: PaymentEvent, result: Applied) -> None:
        if result.outcome is Outcome.PARKED:
            assert result.awaits
            self.parked.append((each, result.awaits))
        if result.transaction:
            assert sum(leg.amount_minor for leg in result.transaction.legs) == 0
            self.keys.append(result.transaction.key)
        for wallet in self.books.wallets.values():
            available = wallet.balance_minor - wallet.locked_minor
            assert available >= 0 <= wallet.locked_minor
            assert not (available and wallet.receivable_minor)

    @property
    def wallets(self) -> Wallets:
        return {
            wallet.owner: (wallet.balance_minor, wallet.locked_minor, wallet.receivable_minor)
            for wallet in self.books.wallets.values()
        }

    @property
    def states(self) -> dict[str, str]:
        return {key: thing.state for key, thing in self.books.objects.items()}


def check(engine: Engine, events: Sequence[PaymentEvent]) -> None:
    """The end is the model's: wallets, states, what waits; and no effect was booked twice."""
    expected = {owner: sums for owner, sums in wallets(events).items() if any(sums)}
    assert {owner: sums for owner, sums in engine.wallets.items() if any(sums)} == expected
    ends = standing(events)
    for key, (step, about) in ends.items():
        state = engine.states[key]
        if about.kind == "payment" and step == "captured":
            assert state in {"CAPTURED", "PARTIALLY_REFUNDED", "REFUNDED", "DISPUTED"}
        elif about.kind == "dispute" and step == "created":
            assert state == "OPEN"
        else:
            assert state == STATES.get(step, step.upper()), key
    assert set(engine.states) == set(ends)
    assert {each.key for each, _ in engine.parked} == {each.key for each in events} - set(ends)
    assert len(set(engine.keys)) == len(engine.keys)


PAYMENT = [event("payment", "authorized", "pay_1", 10), event("payment", "captured", "pay_1", 10)]
REFUND = [of("pay_1", "refund", step, "rfnd_1", 3) for step in ("created", "succeeded", "failed")]
SECOND_REFUND = [of("pay_1", "refund", "succeeded", "rfnd_2", 4)]
DISPUTE = [of("pay_1", "dispute", step, "disp_1", 5) for step in ("created", "withdrawn", "reinstated")]
PAYOUT = [event("payout", step, "pout_1", 6) for step in ("requested", "processed", "reversed")]

STORIES = {
    "payment and refund that fails": PAYMENT + REFUND,
    "two refunds and a dispute": PAYMENT[1:] + SECOND_REFUND + REFUND[1:2] + DISPUTE,
    "dispute and payout": PAYMENT[1:] + DISPUTE[:2] + PAYOUT,
    "refund, dispute won, payout fails": [
        *PAYMENT[1:],
        *REFUND[:2],
        DISPUTE[0],
        of("pay_1", "dispute", "won", "disp_1", 5),
        PAYOUT[0],
        event("payout", "failed", "pout_1", 6),
    ],
    "failed, then captured after all": [*PAYMENT, event("payment", "failed", "pay_1", 10), *SECOND_REFUND],
    "nothing was captured": [PAYMENT[0], *REFUND, *DISPUTE[:2]],
    "canceled": [event("payment", "canceled", "pay_1", 10), event("payment", "failed", "pay_1", 10), *REFUND[:2]],
    "transfers into debt": [
        event("transfer", "completed", "tx_1", 7, counterparty="bob"),
        event("transfer", "completed", "tx_2", 8, wallet="bob", counterparty="alice"),
        event("transfer", "completed", "tx_3", 9, wallet="bob", counterparty="carol"),
        *PAYMENT[1:],
        PAYOUT[0],
    ],
    "suspense": [
        replace(PAYMENT[1], wallet=None),
        *REFUND[1:],
        DISPUTE[0],
        *(replace(each, wallet=None) for each in PAYOUT),
    ],
}


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_a_story_ends_as_the_model_says(name: str) -> None:
    """All permutations, each event by itself."""
    story = STORIES[name]
    assert agrees(story)
    for order in permutations(story):
        check(Engine().run(order), story)


@pytest.mark.parametrize("batch", [2, 3, 100])
@pytest.mark.parametrize("name", STORIES)
def test_the_size_of_batches_changes_nothing(name: str, batch: int) -> None:
    """A release waits for the end of its batch, and the end is the same."""
    story = STORIES[name]
    orders = list(permutations(story))
    for order in random.Random(name).sample(orders, min(60, len(orders))):
        check(Engine().run(order, batch=batch), story)


@pytest.mark.parametrize(
    "few",
    [PAYMENT + REFUND[1:], PAYMENT[1:] + DISPUTE[:2] + REFUND[1:2], PAYOUT + PAYMENT[1:]],
    ids=["refund", "dispute", "payout"],
)
def test_every_order_of_every_event_told_twice_ends_as_if_told_once(few: list[PaymentEvent]) -> None:
    """All distinct arrangements of the doubled set: repetition is no different from being told once."""
    for order in _arrangements(few):
        check(Engine().run(order), few)


def _arrangements(few: Sequence[PaymentEvent]) -> Iterable[list[PaymentEvent]]:
    """Each order in which the events can come twice each."""
    counts = [2] * len(few)

    def extend(sofar: list[PaymentEvent]) -> Iterable[list[PaymentEvent]]:
        if not any(counts):
            yield list(sofar)
            return
        for index, each in enumerate(few):
            if counts[index]:
                counts[index] -= 1
                yield from extend([*sofar, each])
                counts[index] += 1

    return extend([])


def test_a_balance_names_the_payments_in_it() -> None:
    """Its bits are the set of captures, whatever was told twice and in whatever order."""
    captures = [event("payment", "captured", f"pay_{bit}", bit) for bit in range(40)]
    told = random.Random(3)
    for _ in range(20):
        some = told.sample(captures, 25)
        balance = Engine().run(told.sample(some * 3, len(some) * 3), batch=7).wallets["alice"][0]
        assert {f"pay_{bit}" for bit in range(40) if balance >> bit & 1} == {each.object_id for each in some}


def test_a_refund_that_must_wait_for_another_to_fail_is_booked_in_any_order() -> None:
    """Two refunds of the whole: one has to fail before the other is possible, and the end is the same."""
    events = [
        event("payment", "captured", "pay_1", 3),
        of("pay_1", "refund", "succeeded", "rfnd_1", 3),
        of("pay_1", "refund", "failed", "rfnd_1", 3),
        of("pay_1", "refund", "succeeded", "rfnd_2", 3),
    ]
    for order in permutations(events):
        check(Engine().run(order), events)


OWNERS = ["alice", "bob", None]


@st.composite
def histories(draw: st.DrawFn) -> list[PaymentEvent]:
    """Several payments with refunds and disputes, payouts and transfers of several owners; each object has a bit of its own.

    Refunds are smaller than any payment, so that they never exceed it together.
    """
    events: list[PaymentEvent] = []
    bits = iter(range(60))
    parents = [f"pay_{number}" for number in range(draw(st.integers(1, 4)))]
    owners = {parent: draw(st.sampled_from(OWNERS)) for parent in parents}
    for number in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["refund", "dispute"]))
        bit, parent = next(bits), draw(st.sampled_from(parents))
        events += [of(parent, kind, step, f"{kind}_{number}", bit) for step in draw(steps(kind))]
    for parent in parents:
        bit = 20 + next(bits)
        events += [event("payment", step, parent, bit, wallet=owners[parent]) for step in draw(steps("payment"))]
    for number in range(draw(st.integers(0, 4))):
        bit, owner = next(bits), draw(st.sampled_from(OWNERS))
        events += [event("payout", step, f"pout_{number}", bit, wallet=owner) for step in draw(steps("payout"))]
    for number in range(draw(st.integers(0, 3))):
        sender, receiver = draw(st.permutations(["alice", "bob", "carol"]))[:2]
        events.append(event("transfer", "completed", f"tx_{number}", next(bits), wallet=sender, counterparty=receiver))
    return events


def steps(kind: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(STRONGEST[kind]), unique=True, max_size=4)


@settings(max_examples=50, suppress_health_check=[HealthCheck.filter_too_much])
@given(histories(), st.randoms(use_true_random=False), st.integers(1, 12))
def test_random_histories_end_as_the_model_says(story: list[PaymentEvent], order: random.Random, batch: int) -> None:
    """Any objects, any order, any repetition, any batches."""
    assume(agrees(story))
    repeated = story + [each for each in story if order.random() < 0.5]
    order.shuffle(repeated)
    check(Engine().run(repeated, batch=batch), story)


PROVIDER_WORDS = {
    "payment": {step: f"payment.{step}" for step in ("authorized", "captured", "failed")},
    "refund": {"created": "refund.created", "succeeded": "refund.processed", "failed": "refund.failed"},
    "dispute": {
        "created": "payment.dispute.created",
        "updated": "payment.dispute.under_review",
        "lost": "payment.dispute.lost",
        "won": "payment.dispute.won",
        "closed": "payment.dispute.closed",
    },
    "payout": {
        "requested": "payout.initiated",
        "processed": "payout.processed",
        "failed": "payout.failed",
        "reversed": "payout.reversed",
    },
}


@settings(max_examples=4, suppress_health_check=[HealthCheck.filter_too_much])
@given(story=histories(), order=st.randoms(use_true_random=False), batch=st.integers(1, 9))
def test_the_real_worker_on_a_real_store_ends_as_the_model_says(
    mongo_uri: str, story: list[PaymentEvent], order: random.Random, batch: int
) -> None:
    """A slice of the same through normalising, storing, parking and releasing; and the audit finds nothing wrong."""
    told = [each for each in story if each.kind == "transfer" or each.step in PROVIDER_WORDS[each.kind]]
    assume(agrees(told))
    documents = [_delivered(each, n) for each in told for n in range(order.choice([1, 1, 2]))]
    order.shuffle(documents)

    async def run(database: Database) -> tuple[Wallets, Report]:
        await Booking(database).book(documents, batch=batch)
        found = {
            each["owner"]: (each["balance_minor"], each["locked_minor"], each["receivable_minor"])
            async for each in database.wallets.find()
        }
        report = await audit(database)
        await database.client.drop_database(database.name)
        return found, report

    found, report = on_database(mongo_uri, f"model_{order.getrandbits(64):016x}", run)
    assert report.ok, report.first
    expected = {owner: sums for owner, sums in wallets(told).items() if any(sums)}
    assert {owner: sums for owner, sums in found.items() if any(sums)} == expected


def _delivered(each: PaymentEvent, n: int) -> dict[str, Any]:
    """As the provider would post it; `n` makes a second event that says the same."""
    if each.kind == "transfer":
        assert each.wallet
        assert each.counterparty
        return transfer(each.object_id, each.wallet, each.counterparty, f"{each.amount_minor / 100:.2f}")
    word = PROVIDER_WORDS[each.kind][each.step]
    return razorpay(word, each.object_id, each.amount_minor, of=each.parent_id, wallet=each.wallet, n=n)
