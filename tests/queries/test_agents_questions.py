"""The questions behind the agents' tools: revenue, times to an outcome, subscriptions, and what was recorded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from seeded_store import NOW, Ask, book, leg, transaction

from gateway.errors import BadRequest
from gateway.queries.alerts import find_alerts
from gateway.queries.export import compliance_export
from gateway.queries.performance import percentile, performance
from gateway.queries.period import Period
from gateway.queries.reading import Database
from gateway.queries.recorded import METRICS, recorded_metrics
from gateway.queries.revenue import revenue
from gateway.queries.subscriptions import subscription_analytics
from gateway.queries.timed_paging import older_than

DAY = Period(NOW - timedelta(hours=12), NOW)


def test_revenue_is_per_currency_and_beside_the_period_before(ask: Ask) -> None:
    """120.00 captured less 20.00 refunded, against 50.00 half a day earlier: twice as much. Never added across currencies."""

    async def question(database: Database) -> Any:
        legs = [leg("wallet:alice", 5_000, 5_000), leg("clearing:stripe", -5_000)]
        earlier = transaction(0, "stripe:capture:pi_before", legs, event_id="evt_before", minutes_ago=60 * 20)
        await book(database, [earlier])
        return await revenue(database, DAY, breakdown="day"), await revenue(database, DAY, currency="EUR")

    found, euros = ask(question)
    usd = next(total for total in found.totals if total.currency == "USD")
    assert (usd.net, usd.net_before, usd.change_percent) == ("100.00", "50.00", 100.0)
    assert {total.currency for total in euros.totals} <= {"EUR"}
    assert sum(step.net_minor for step in found.steps if step.currency == "USD") == usd.net_minor


@pytest.mark.parametrize(
    ("ordered", "part", "expected"),
    [([], 0.5, None), ([7.0], 0.99, 7.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), ([1.0, 2.0], 1, 2.0)],
)
def test_a_percentile_is_one_of_the_values(ordered: list[float], part: float, expected: float | None) -> None:
    """The nearest rank; of nothing there is none."""
    assert percentile(ordered, part) == expected


def test_performance_counts_what_has_an_outcome(ask: Ask) -> None:
    """Each event was settled a second after it came; one still waits."""
    found = ask(lambda database: performance(database, DAY))
    assert (found.events, found.settled_ms_median, found.settled_ms_max) == (7, 1_000, 1_000)
    assert sum(source.waiting for source in found.sources) == 1
    assert found.applied_percent == 60.0


def test_subscriptions_that_end_are_churn_of_those_that_lived(ask: Ask) -> None:
    """Two lived, one of them ended in the period, a third began."""

    async def question(database: Database) -> Any:
        for number, (state, change) in enumerate(
            (("ACTIVE", None), ("CANCELED", ("ACTIVE", "CANCELED")), ("PAST_DUE", ("NEW", "PAST_DUE")))
        ):
            name = f"stripe:subscription:sub_{number}"
            await database.objects.insert_one({"_id": name, "kind": "subscription", "state": state})
            if change:
                told = {"from": change[0], "to": change[1]}
                moved = {"_id": f"state:{number}", "seq": -number, "kind": "state", "object": name, "change": told}
                await book(database, [moved | {"at": NOW - timedelta(hours=1)}])
        return await subscription_analytics(database, DAY)

    found = ask(question)
    assert (found.subscriptions, found.living, found.at_risk, found.ended) == (3, 2, 1, 1)
    assert (found.started, found.ended_in_period, found.churn_percent) == (1, 1, 50.0)


def test_churn_of_a_past_period_is_of_those_that_lived_at_its_start(empty: Ask) -> None:
    """What began and ended after it is none of its business, nor is what began and ended within it."""
    story = [
        *((sub, 100, "NEW", "ACTIVE") for sub in range(4)),
        *((sub, 60, "ACTIVE", "CANCELED") for sub in range(2)),
        (4, 60, "NEW", "ACTIVE"),
        (4, 59, "ACTIVE", "CANCELED"),
        *((sub, 20, "NEW", "ACTIVE") for sub in range(10, 30)),
        (2, 10, "ACTIVE", "CANCELED"),
    ]

    async def question(database: Database) -> Any:
        states = {f"stripe:subscription:sub_{sub}": to for sub, _, _, to in story}
        await database.objects.insert_many(
            [{"_id": name, "kind": "subscription", "state": state} for name, state in states.items()]
        )
        moved = [
            {
                "_id": f"state:{number}",
                "seq": number + 1,
                "kind": "state",
                "object": f"stripe:subscription:sub_{sub}",
                "change": {"from": before, "to": after},
                "at": NOW - timedelta(days=ago),
            }
            for number, (sub, ago, before, after) in enumerate(story)
        ]
        await book(database, moved)
        return await subscription_analytics(database, Period(NOW - timedelta(days=61), NOW - timedelta(days=58)))

    found = empty(question)
    assert (found.started, found.ended_in_period, found.churn_percent) == (1, 3, 50.0)
    assert {each.name: each.count for each in found.changes} == {"CANCELED": 3, "ACTIVE": 1}


def test_before_the_calendar_there_is_no_period_to_compare_with(ask: Ask) -> None:
    """The first days of all times: nothing, and no error."""
    first = Period(datetime(1, 1, 1, tzinfo=UTC), datetime(1, 2, 1, tzinfo=UTC))
    assert ask(lambda database: revenue(database, first)).totals == []


def test_an_empty_store_is_told_as_empty(empty: Ask) -> None:
    """Notes and nulls, no figure out of nothing."""

    async def question(database: Database) -> Any:
        return (
            await revenue(database, DAY),
            await performance(database, DAY),
            await subscription_analytics(database, DAY),
            await recorded_metrics(database, DAY),
            await find_alerts(database),
        )

    money, times, subscriptions, metrics, alerts = empty(question)
    assert (money.totals, money.steps, metrics, alerts.alerts) == ([], [], [], [])
    assert times.note is not None
    assert subscriptions.note is not None
    assert (times.applied_percent, subscriptions.churn_percent) == (None, None)


def test_measurements_of_different_units_are_not_mixed(empty: Ask) -> None:
    """By name and unit."""

    async def question(database: Database) -> Any:
        rows = [("ms", 1.0), ("ms", 3.0), ("s", 7.0)]
        await database[METRICS].insert_many(
            [
                {"_id": str(number), "at": NOW - timedelta(minutes=1), "name": "n", "unit": unit, "value": value}
                for number, (unit, value) in enumerate(rows)
            ]
        )
        return await recorded_metrics(database, DAY)

    assert {(each.unit, each.count, each.average) for each in empty(question)} == {("ms", 2, 2.0), ("s", 1, 7.0)}


@pytest.mark.parametrize("cursor", ["", "x", "1.", "1.zz", "99999999999999999.a", "1795255200000.nohex"])
def test_a_cursor_that_was_never_given_is_refused(ask: Ask, cursor: str) -> None:
    """Not guessed at, whatever it is."""
    with pytest.raises(BadRequest):
        older_than(cursor, ObjectId)
    with pytest.raises(BadRequest):
        ask(lambda database: compliance_export(database, "acts", DAY, cursor=cursor))
