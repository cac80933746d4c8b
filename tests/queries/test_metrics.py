"""Totals and counts of a period."""

from datetime import timedelta

from seeded_store import NOW, Ask, book, transaction
from seeded_store import leg as posted

from gateway.events.standing import RELEASED
from gateway.money import AMOUNT_MINOR_MAX
from gateway.queries.backlog import backlog
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
        places = (1, 2, 3, RELEASED)
        await database.events.insert_many([{"_id": str(place), "queue": place, "received_at": NOW} for place in places])
        await database.components.insert_one({"_id": "worker", "settled_to": 2})
        return (await backlog(database, now=NOW)).waiting

    assert empty(counted) == 2


def test_without_a_backlog_nothing_is_old(empty: Ask) -> None:
    """No age rather than zero."""
    waiting = empty(lambda database: backlog(database, now=NOW))
    assert (waiting.waiting, waiting.oldest_received_at, waiting.oldest_age_s) == (0, None, None)
