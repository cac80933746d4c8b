"""Totals and counts of a period."""

from datetime import datetime, timedelta

import pytest
from bson import Timestamp
from seeded_store import NOW, Ask, book, transaction
from seeded_store import leg as posted

from gateway.errors import Refusal, SignatureRefused, TimestampRefused
from gateway.events.progress import BEGINNING, Progress
from gateway.events.rejections import RejectionLog
from gateway.events.standing import RELEASED
from gateway.ingress.delivery import Delivery
from gateway.money import AMOUNT_MINOR_MAX
from gateway.queries.backlog import backlog
from gateway.queries.counted import Refused, refused_requests
from gateway.queries.metrics import PaymentMetrics, payment_metrics
from gateway.queries.period import Period, period
from gateway.queries.reading import Database

DAY = period("day", NOW)


async def today(database: Database) -> PaymentMetrics:
    return await payment_metrics(database, DAY, now=NOW)


def counted(found: PaymentMetrics, what: str) -> dict[str, int]:
    return {count.name: count.count for count in getattr(found, what)}


def test_totals_are_per_currency(ask: Ask) -> None:
    """Dollars, euros and yen stand side by side."""
    totals = {row.currency: row for row in ask(today).currencies}
    assert sorted(totals) == ["EUR", "JPY", "USD"]
    usd = totals["USD"]
    assert (usd.captured, usd.refunded, usd.transferred) == ("120.00", "20.00", "30.50")
    assert (usd.captured_count, usd.refunded_count, usd.refunds_returned_count) == (1, 1, 0)
    assert (totals["JPY"].captured, totals["JPY"].captured_minor, totals["JPY"].refunded) == ("5000", 5_000, "0")


def test_events_are_counted_by_outcome_source_and_type(ask: Ask) -> None:
    """A type that is no name is counted, not repeated; the event of three weeks ago is not of today."""
    found = ask(today)
    assert found.events == 7
    assert counted(found, "by_outcome") == {"applied": 3, "waiting": 1, "ignored": 1, "parked": 1, "rejected": 1}
    assert counted(found, "by_source") == {"stripe": 4, "payments": 2, "standard": 1}
    assert counted(found, "by_type")["(other)"] == 1


def test_a_period_is_half_open(ask: Ask) -> None:
    """What happens at its end belongs to the next one."""
    moment = NOW - timedelta(minutes=10)
    before = Period(moment - timedelta(minutes=1), moment)
    after = Period(moment, moment + timedelta(minutes=1))
    assert ask(lambda database: payment_metrics(database, before, now=NOW)).currencies == []
    usd = [
        row
        for row in ask(lambda database: payment_metrics(database, after, now=NOW)).currencies
        if row.currency == "USD"
    ]
    assert usd[0].transferred_count == 1


def test_sums_beyond_64_bits_are_exact(empty: Ask) -> None:
    """2,000 of the largest payments there can be: MongoDB would have made a float of it."""

    async def many(database: Database) -> PaymentMetrics:
        await book(
            database,
            [
                transaction(
                    seq, f"stripe:capture:pi_{seq}", [posted("clearing:stripe", AMOUNT_MINOR_MAX)], event_id="evt"
                )
                for seq in range(2_000)
            ],
        )
        return await today(database)

    assert empty(many).currencies[0].captured_minor == 2_000 * AMOUNT_MINOR_MAX


def test_the_backlog_has_a_size_and_an_age(ask: Ask) -> None:
    """One event waits, since two minutes."""
    waiting = ask(lambda database: backlog(database, now=NOW))
    assert (waiting.waiting, waiting.more, waiting.oldest_age_s) == (1, False, 120.0)


def test_the_backlog_is_counted_from_where_all_is_settled(empty: Ask) -> None:
    """As the worker told it; what was released is behind every arrival."""

    async def counted(database: Database) -> int:
        places = [Timestamp(1, n) for n in (1, 2, 3, 4)]
        waiting = [{"_id": n, "queue": place, "received_at": NOW} for n, place in enumerate([*places, RELEASED])]
        await database.events.insert_many([*waiting, {**waiting[3], "_id": "applied", "outcome": "applied"}])
        await database.marks.insert_one(Progress(places[1], BEGINNING, BEGINNING).to_document())
        return (await backlog(database, now=NOW)).waiting

    assert empty(counted) == 3


def test_without_a_backlog_nothing_is_old(empty: Ask) -> None:
    """No age rather than zero."""
    waiting = empty(lambda database: backlog(database, now=NOW))
    assert (waiting.waiting, waiting.oldest_received_at, waiting.oldest_age_s) == (0, None, None)


FLOOD = datetime(2026, 11, 21, 11, 30, 20, tzinfo=NOW.tzinfo)
"""When 100 forgeries come within five seconds, of which 10 leave a row; a stale delivery comes a minute before and after."""


async def flooded(database: Database) -> None:
    log = RejectionLog(database, rows_per_minute_max=30)

    def refuse(refused: Refusal, at: datetime) -> None:
        log.note(Delivery("stripe", [], b"{}", at.timestamp(), "192.0.2.7"), refused)

    refuse(TimestampRefused("timestamp_too_old"), FLOOD - timedelta(minutes=1))
    for number in range(100):
        refuse(SignatureRefused("signature_wrong"), FLOOD + timedelta(seconds=number // 20))
        log.count("stripe", "duplicate", FLOOD.timestamp())
    refuse(TimestampRefused("timestamp_too_old"), FLOOD + timedelta(minutes=1))
    await log.drain()


def refusals(empty: Ask, since: datetime, until: datetime, now: datetime = NOW) -> tuple[dict[str, int], int, bool]:
    """By reason, in all, and whether there may have been more."""

    async def asked(database: Database) -> Refused:
        await flooded(database)
        return await refused_requests(database, Period(since, until), now=now)

    found: Refused = empty(asked)
    return {each.name: each.count for each in found.by_reason}, found.count, found.at_least


def test_a_flood_that_leaves_rows_of_a_part_is_counted_whole(empty: Ask) -> None:
    """5,000 in a minute, of which 2,000 are kept; a duplicate is counted beside them and is no refusal."""

    async def asked(database: Database) -> PaymentMetrics:
        log = RejectionLog(database)
        for number in range(5_000):
            at = NOW.timestamp() - 600 + number // 2_500
            log.note(Delivery("stripe", [], b"{}", at, "192.0.2.7"), SignatureRefused("signature_wrong"))
            log.count("stripe", "duplicate", at)
            if number % 2_500 == 0:
                await log.drain()
        await log.drain()
        assert await database.rejections.count_documents({}) == 2_000
        return await today(database)

    found = empty(asked).refused_requests
    assert ([(each.name, each.count) for each in found.by_reason], found.count) == ([("signature", 5_000)], 5_000)
    assert not found.at_least


def test_refusals_that_are_counted_no_more_are_a_lower_bound(empty: Ask) -> None:
    """After a week there are only rows, and the answer does not pass for all there was."""
    hours = (FLOOD - timedelta(hours=1), FLOOD + timedelta(hours=1))
    assert refusals(empty, *hours, NOW + timedelta(days=8)) == ({"signature": 10, "stale": 2}, 12, True)


def test_of_a_period_that_is_older_in_part_the_rest_is_counted(empty: Ask) -> None:
    """The counts are kept from the flood's minute on; the row of the minute before it is all that is known of that."""
    a_week_later = FLOOD.replace(second=0) + timedelta(days=7)
    hours = (FLOOD - timedelta(hours=1), FLOOD + timedelta(hours=1))
    assert refusals(empty, *hours, a_week_later) == ({"signature": 100, "stale": 2}, 102, True)


@pytest.mark.parametrize(
    ("since_s", "until_s", "found"),
    [
        (-20, 40, ({"signature": 100}, 100, False)),
        (-80, 100, ({"signature": 100, "stale": 2}, 102, False)),
        (-61, 61, ({"signature": 100, "stale": 2}, 102, False)),
        (-60, 60, ({"signature": 100, "stale": 1}, 101, False)),
        (-59, 61, ({"signature": 100, "stale": 1}, 101, False)),
        (-80, 1, ({"signature": 10, "stale": 1}, 11, True)),
        (1, 100, ({"stale": 1}, 1, True)),
        (-1, 1, ({"signature": 10}, 10, True)),
        (41, 61, ({"stale": 1}, 1, False)),
    ],
)
def test_a_minute_that_a_bound_cuts_is_told_by_its_rows(
    empty: Ask, since_s: int, until_s: int, found: tuple[dict[str, int], int, bool]
) -> None:
    """To the second, and as a lower bound where the minute has more refusals than rows."""
    assert refusals(empty, FLOOD + timedelta(seconds=since_s), FLOOD + timedelta(seconds=until_s)) == found


@pytest.mark.parametrize("later_s", [0, 2])
def test_the_minute_that_lasts_is_counted_whole(empty: Ask, later_s: int) -> None:
    """A period up to now has all of it, although the answer is made a little later."""
    now = FLOOD + timedelta(seconds=10)
    midnight = FLOOD.replace(hour=0, minute=0, second=0)
    found, _, at_least = refusals(empty, midnight, now, now + timedelta(seconds=later_s))
    assert (found["signature"], at_least) == (100, False)


def test_what_was_refused_before_anything_was_counted_is_a_lower_bound(ask: Ask) -> None:
    """Rows without counts tell what they can."""
    found = ask(today).refused_requests
    assert (found.count, found.at_least) == (3, True)


def test_a_new_gateway_knows_that_nothing_was_refused_before_it(empty: Ask) -> None:
    """Its first count is later than the period's beginning, and no row is earlier."""
    assert refusals(empty, DAY.since, DAY.until) == ({"signature": 100, "stale": 2}, 102, False)


def test_an_empty_store_is_sure_of_the_last_week_only(empty: Ask) -> None:
    """No refusal, and none that may have been dropped."""
    assert not empty(today).refused_requests.at_least
    month = period("month", NOW)
    assert empty(lambda database: refused_requests(database, month, now=NOW)).at_least
