"""A harness that never finds anything proves nothing: known mistakes, switched on one at a time, are all found.

Each story holds without the mistake and is reported with it, by the harness's check or by the audit. Where a mistake needs two
processes at once, the story puts their steps in the order that shows it.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import time
from typing import Any

import mistakes
import pytest
from booked_store import Booking, audit, on_database, razorpay
from mistakes import Mistake
from pymongo.asynchronous.client_session import AsyncClientSession
from small_engine import Killed, Web, Writer, judged, new_journal, owner, store_early

from gateway.errors import LeaseLost
from gateway.queries.reading import Database
from simulators.crash.check import Verdict
from simulators.crash.deliveries import altered
from simulators.crash.digits import payment_minor, refund_minor
from simulators.crash.plan import Fault, Round
from simulators.crash.provider import Journal
from simulators.crash.run import play
from simulators.traffic import Item, native, standard, stripe

Story = Callable[[Database, Journal], Awaitable[None]]
AT = int(time())


def transfers(count: int) -> list[Item]:
    random = Random("transfers")
    return [native.transfer(random, owner("payer-1"), "purse-1", payment_minor(place), AT) for place in range(count)]


def captured_twice_told() -> list[Item]:
    """Two of Stripe's three events carry the capture."""
    paid = stripe.payment(Random("capture"), owner("purse-1"), payment_minor(0), AT)
    return list(stripe.captured_story(paid))


def refunded_in_two_parts() -> list[Item]:
    paid = standard.payment(Random("refund"), owner("purse-1"), payment_minor(0), AT)
    return [*standard.captured_story(paid), *standard.refund_story(paid, [refund_minor(0)] * 2, after_s=60)]


def captured_before_it_was_authorized() -> list[Item]:
    """By the provider's clocks; the authorization is told first all the same."""
    paid = standard.payment(Random("order"), owner("purse-1"), payment_minor(0), AT, manual=True)
    authorized, captured = standard.captured_story(paid)
    written, earlier = (datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S").encode() for at in (AT + 30, AT - 30))
    assert written in captured.body
    return [authorized, Item(**{**_fields(captured), "body": captured.body.replace(written, earlier)})]


def _fields(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in Item.__slots__}


async def simply(database: Database, journal: Journal, items: list[Item]) -> None:
    """Stored, acknowledged, and settled by one writer."""
    await store_early(database, journal, items)
    writer = Writer(database)
    await writer.take_over()
    await writer.settle()


async def two_at_once(database: Database, journal: Journal) -> None:
    """Two web processes get the same event in the same moment."""
    (item,) = transfers(1)
    webs = Web(database, journal), Web(database, journal)
    await asyncio.gather(*(web.receive(item) for web in webs))
    writer = Writer(database)
    await writer.take_over()
    await writer.settle()


async def altered_under_a_used_id(database: Database, journal: Journal) -> None:
    first, second = transfers(2)
    web = Web(database, journal)
    await web.receive(first, altered(first), first)
    await web.receive(altered(second), second, altered(second))
    writer = Writer(database)
    await writer.take_over()
    await writer.settle()


async def killed_at_a_commit(database: Database, journal: Journal) -> None:
    """The first writer dies before its last commit; a second one does the work again."""
    await store_early(database, journal, transfers(5))
    first, second = Writer(database), Writer(database)
    await first.take_over()
    with pytest.MonkeyPatch.context() as until_killed:
        _die_before_the_last_commit(until_killed)
        with pytest.raises(Killed):
            await first.settle()
    await second.take_over()
    await second.settle()


def _die_before_the_last_commit(patch: pytest.MonkeyPatch) -> None:
    """The last is the one that writes transactions: a ledger that needs two commits dies between them."""
    commit, command = AsyncClientSession.commit_transaction, Database.command
    booking: set[int] = set()

    async def noticing(database: Database, told: Any, *more: Any, session: Any = None, **options: Any) -> Any:
        if isinstance(told, dict) and told.get("insert") == "transactions":
            booking.add(id(session))
        return await command(database, told, *more, session=session, **options)

    async def committing(session: AsyncClientSession) -> None:
        if id(session) in booking:
            raise Killed
        await commit(session)

    patch.setattr(Database.__origin__, "command", noticing)
    patch.setattr(AsyncClientSession, "commit_transaction", committing)


async def there_and_back(database: Database, journal: Journal) -> None:
    """The lease goes from one writer to another and back."""
    one, other = Writer(database), Writer(database)
    for number, item in enumerate(transfers(4)):
        writer = (one, other)[number % 2]
        await writer.take_over()
        await store_early(database, journal, [item])
        await writer.settle()
        await writer.give_up()


async def overtaken(database: Database, journal: Journal) -> None:
    """A writer sleeps past its lease with a claimed batch; another has settled it when it wakes up."""
    await store_early(database, journal, transfers(3))
    slow, quick = Writer(database), Writer(database)
    await slow.take_over()
    claimed = await slow.claim()
    await quick.take_over()
    await quick.settle()
    with suppress(LeaseLost):
        await slow.settle(claimed)


def told(items: Callable[[], list[Item]]) -> Story:
    return lambda database, journal: simply(database, journal, items())


@dataclass(frozen=True)
class Case:
    """A mistake, a story that shows it, and what must be reported."""

    mistake: Mistake
    story: Story
    reported: Callable[[Verdict, list[str]], object]


CASES = [
    Case(mistakes.check_then_insert, two_at_once, lambda verdict, audit: verdict.doubled),
    Case(
        mistakes.altered_accepted,
        altered_under_a_used_id,
        lambda verdict, audit: "two contents" in str(verdict.problems),
    ),
    Case(mistakes.outcomes_first, killed_at_a_commit, lambda verdict, audit: len(verdict.lost) == 5 and "I1" in audit),
    Case(
        mistakes.wallets_outside, killed_at_a_commit, lambda verdict, audit: len(verdict.doubled) == 5 and "I4" in audit
    ),
    Case(mistakes.stale_memory, there_and_back, lambda verdict, audit: verdict.lost and "I4" in audit),
    Case(mistakes.unfenced, overtaken, lambda verdict, audit: audit),
    Case(mistakes.refund_keyed_by_charge, told(refunded_in_two_parts), lambda verdict, audit: len(verdict.lost) == 1),
    Case(mistakes.effect_keyed_by_event, told(captured_twice_told), lambda verdict, audit: len(verdict.doubled) == 1),
    Case(
        mistakes.order_by_time, told(captured_before_it_was_authorized), lambda verdict, audit: len(verdict.lost) == 1
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.mistake.__name__)
def test_a_mistake_is_reported(
    case: Case, mongo_uri: str, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without it the same story is found to be right."""

    async def tell(database: Database) -> tuple[Verdict, list[str]]:
        journal = new_journal(tmp_path)
        await case.story(database, journal)
        return await judged(database, journal)

    right = on_database(mongo_uri, database_name, tell)
    assert (right[0].holds, right[1]) == (True, []), right
    on_database(mongo_uri, database_name, lambda database: database.client.drop_database(database_name))
    case.mistake(monkeypatch.setattr)
    wrong = on_database(mongo_uri, database_name, tell)
    assert case.reported(*wrong), wrong


def test_a_hold_released_twice_is_reported(mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is missing from any balance, but more can be spent than there is: the audit knows how each hold may end."""
    mistakes.hold_released_twice(monkeypatch.setattr)
    events = [
        razorpay("payment.captured", "pay_1", 100),
        razorpay("payment.captured", "pay_2", 100),
        razorpay("payment.dispute.created", "disp_1", 100, of="pay_1"),
        razorpay("payment.dispute.created", "disp_2", 100, of="pay_2"),
        razorpay("payment.dispute.closed", "disp_1", 100, of="pay_1", n=1),
        razorpay("payment.dispute.closed", "disp_1", 100, of="pay_1", n=2),
    ]

    async def tell(database: Database) -> list[str]:
        await Booking(database).book(events)
        return [found.id for found in (await audit(database)).checks if found.broken]

    assert {"I2", "I6"} & set(on_database(mongo_uri, database_name, tell))


@pytest.mark.parametrize(
    ("mistake", "fault"),
    [
        ("acknowledged_early", Fault("web", "before_insert")),
        pytest.param("outcomes_first", Fault("writer", "between_writes"), marks=pytest.mark.long),
    ],
    ids=["acknowledged early", "outcomes first"],
)
def test_the_harness_reports_it_of_real_processes(mistake: str, fault: Fault) -> None:
    """The gateway is started with the mistake in it; one kill at the right place, and events are lost that were promised."""
    outcome = asyncio.run(
        play(
            [Round(1, fault, mistake)],
            seed=1,
            injections=[f"mistakes:in_process_{mistake}"],
            import_from=[Path(__file__).parent],
            duplicates=0.0,
            altered=0.0,
        )
    )
    assert not outcome.holds
    assert outcome.kept
    shutil.rmtree(outcome.kept)
    if mistake == "acknowledged_early":
        assert outcome.verdict.lost
    else:  # a second event of the same payment may have made up for it; the audit sees what no transaction names
        assert outcome.verdict.lost or any("I1" in problem for problem in outcome.problems)
