"""Days that are over become insights of wallets and of the business: once, from what is stored, and with what they rest on."""

import secrets
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from booked_store import NOW, Booking, Document, on_database, razorpay
from traded_store import MONDAY, trade

from gateway.clock import utc
from gateway.insights.business import day_findings, whole
from gateway.insights.day_figures import day_figures
from gateway.insights.inactivity import Inactivity
from gateway.insights.wallet_weeks import WalletDay, week_findings
from gateway.pipeline import period_insights
from gateway.pipeline.period_insights import compute_next_day
from gateway.pipeline.retention import Retention, remove_old
from gateway.queries.reading import Database


async def computed(database: Database, *, days: int, narrate: bool = False) -> dict[str, Document]:
    """Everything that is due after so many days."""
    now = MONDAY + timedelta(days=days, minutes=6)
    while await compute_next_day(database, now=now, narrate=narrate):
        pass
    return {each["_id"]: each async for each in database["period_insights"].find()}


def test_a_days_figures_are_what_is_stored(mongo_uri: str, database_name: str) -> None:
    """Added up a second way, in Python: amounts, attempts and successes, a histogram of the scores."""

    async def story(database: Database) -> tuple[Document, list[Document], list[Document]]:
        await trade(database, 1)
        until = MONDAY + timedelta(days=1)
        figures = await day_figures(database, MONDAY, until, now=until)
        of_day = {"at": {"$gte": MONDAY, "$lt": until}}
        booked = await database["transactions"].find(of_day).to_list()
        return figures, booked, await database["insights"].find(of_day).to_list()

    figures, booked, insights = on_database(mongo_uri, database_name, story)
    captured = [each for each in booked if each["kind"] == "capture"]
    (usd,) = figures["currencies"]
    assert (usd["captured_count"], whole(usd["captured_minor"])) == (len(captured), 10_00 * len(captured))
    for record in figures["providers"]:
        mine = [each for each in booked if each["source"] == record["source"]]
        assert (record["attempts"], record["latency_ms"]) == (len(mine), 3_000)
    histogram = [0] * 10
    for insight in insights:
        histogram[insight["score"] // 10] += 1
    assert figures["scores"] == [{"model": "rules-1", "counts": histogram}]
    assert (figures["transactions"], figures["scored"], figures["refused"]) == (10, 10, [])


@pytest.mark.parametrize(
    "steps",
    [("created", "lost"), ("lost",), ("created", "closed", "lost"), ("closed", "lost"), ("created", "won")],
    ids=" ".join,
)
def test_a_dispute_is_counted_once_whatever_way_it_took(
    mongo_uri: str, database_name: str, steps: tuple[str, ...]
) -> None:
    """With its amount, on the day when it first held or took it; what became of it later is no second dispute."""

    async def story(database: Database) -> list[Document]:
        booking = Booking(database)
        await booking.book([razorpay("payment.captured", "pay_1", 100_00)])
        for step in steps:
            booking.now += 86_400
            await booking.book([razorpay(f"payment.dispute.{step}", "disp_1", 40_00, of="pay_1", wallet=None)])
        midnight = utc(NOW).replace(hour=0, minute=0)
        days = [midnight + timedelta(days=n) for n in range(len(steps) + 2)]
        return [await day_figures(database, *each, now=days[-1]) for each in pairwise(days)]

    rows = [row for day in on_database(mongo_uri, database_name, story) for row in day["currencies"]]
    assert sum(row["disputed_count"] for row in rows) == 1
    assert sum(whole(row["disputed_minor"]) for row in rows) == 40_00


@pytest.mark.parametrize("known", [1, 6, 7])
def test_a_currencys_forecast_begins_with_its_own_first_day(known: int) -> None:
    """The business is older: its days before that are no days on which nobody paid in this currency."""

    def day(currency: str, amount_minor: int) -> Document:
        names = ("captured", "refunded", "transferred", "disputed")
        row = {f"{name}_{what}": 0 for name in names for what in ("count", "minor")}
        row |= {"captured_count": 1, "captured_minor": amount_minor}
        counted = dict.fromkeys(("transactions", "events", "scored"), 1)
        return {"currencies": [{"currency": currency, **row}], "providers": [], "scores": [], **counted}

    last = MONDAY.date()
    days = [(last - timedelta(days=back), day("EUR" if back < known else "USD", 50_00)) for back in range(100, -1, -1)]
    told = day_findings(last, days[-1][1], days[:-1])["forecasts"]
    (euro,) = [each for each in told if each["currency"] == "EUR"]
    assert euro["history_days"] == known
    assert (euro["absent"] is None) == (known >= 7)
    assert known < 7 or {point["amount"] for point in euro["days"]} == {"50.00"}


def test_a_duplicate_is_no_refusal(mongo_uri: str, database_name: str) -> None:
    """It is counted beside them, and was answered 200."""

    async def story(database: Database) -> Document:
        of = {"at": MONDAY, "source": "stripe", "count": 7}
        reasons = ("duplicate", "stale")
        await database["refusal_counts"].insert_many([{"_id": reason, "reason": reason, **of} for reason in reasons])
        return await day_figures(database, MONDAY, MONDAY + timedelta(days=1), now=MONDAY + timedelta(days=1))

    # unprepared: MongoDB would take away what its own clock finds a week old
    assert on_database(mongo_uri, database_name, story, prepared=False)["refused"] == [{"reason": "stale", "count": 7}]


def test_each_day_week_and_month_is_computed_once_it_is_over_and_never_again(
    mongo_uri: str, database_name: str
) -> None:
    """From the first day on, a document per subject and period; a second pass changes nothing; today is not told."""

    async def story(database: Database) -> tuple[dict[str, Document], dict[str, Document]]:
        await trade(database, 4)
        first = await computed(database, days=26, narrate=True)
        await database["transactions"].update_many({}, {"$set": {"amount_minor": 1}})
        await database["marks"].delete_many({})
        return first, await computed(database, days=26, narrate=True)

    first, again = on_database(mongo_uri, database_name, story)
    assert again == first
    business = [key for key in first if key.startswith("business:")]
    assert len([key for key in business if ":day:" in key]) == 26
    assert "business:all:day:2026-10-02" in business
    assert [key for key in business if ":day:" not in key] == [
        "business:all:week:2026-W37",
        "business:all:week:2026-W38",
        "business:all:week:2026-W39",
        "business:all:month:2026-09",
    ]
    assert len({each["name"] for each in first.values() if each["level"] == "wallet" and each["period"] == "day"}) == 26
    assert "wallet:USD:wallet-1:week:2026-W39" in first
    month = first["business:all:month:2026-09"]
    assert month["rests_on"]["days"] == 24
    assert month["rests_on"]["version"] == "business-2"
    days = [first[f"business:all:day:{date(2026, 9, 7) + timedelta(days=day)}"] for day in range(24)]
    total = sum(whole(day["figures"]["currencies"][0]["captured_minor"]) for day in days)
    assert whole(month["figures"]["currencies"][0]["captured_minor"]) == total


@pytest.fixture(scope="module")
def seven_weeks(mongo_uri: str) -> dict[str, Document]:
    """Six weeks alike; in the seventh six times the usual on the Wednesday, on the day after half of the payments failing, nothing
    on the Friday. Computed once: each of the tests below reads it."""

    async def story(database: Database) -> dict[str, Document]:
        await trade(database, 7, unlike={44: {"times": 6}, 45: {"times": 8, "failed": True}, 46: {"times": 0}})
        found = await computed(database, days=48)
        await database.client.drop_database(database.name)
        return found

    return on_database(mongo_uri, f"test_{secrets.token_hex(8)}", story)


def test_a_day_unlike_its_weekdays_is_told_and_the_others_are_not(seven_weeks: dict[str, Document]) -> None:
    """Each with its direction, and nothing of the days that were as usual."""

    found = seven_weeks
    days = {(MONDAY + timedelta(days=day)).date(): day for day in range(48)}
    told = {
        days[date.fromisoformat(each["name"])]: [
            (one["what"], one["subject"], one["direction"]) for one in each["unusual"]
        ]
        for key, each in found.items()
        if key.startswith("business:all:day")
    }
    assert told[44] == [("captured_count", "USD", "above"), ("captured_amount", "USD", "above")]
    assert ("success_rate", "razorpay", "below") in told[45]
    assert told[46] == [("captured_amount", "USD", "below")], (
        "of 14 payments none: by the root of 14 that may be chance"
    )
    assert {day for day, findings in told.items() if findings} == {44, 45, 46}


def test_a_forecast_carries_its_error_and_a_short_past_says_so(seven_weeks: dict[str, Document]) -> None:
    """Two weeks ahead with bands; within the first week there is none, and why."""
    found = seven_weeks
    (early,) = found["business:all:day:2026-09-09"]["forecasts"]
    assert early["absent"].startswith("under_a_week: 3 days")
    (late,) = found["business:all:day:2026-10-18"]["forecasts"]
    assert (late["method"], late["history_days"], late["folds"]) == ("median_of_five", 42, 3)
    assert [each["day"] for each in late["days"]][::13] == ["2026-10-19", "2026-11-01"]
    monday = late["days"][0]
    assert Decimal(monday["low"]) <= Decimal(monday["amount"]) <= Decimal(monday["high"])
    assert 90 <= Decimal(monday["amount"]) <= 105
    assert late["mase"] is not None
    routing = found["business:all:day:2026-10-18"]["routing"]["order"]
    assert [each["source"] for each in routing] == ["stripe", "razorpay"]
    assert found["business:all:day:2026-09-07"]["routing"]["absent"]
    assert found["business:all:day:2026-10-18"]["drift"]["absent"]


def test_a_wallets_week_is_told_against_its_own_past(seven_weeks: dict[str, Document]) -> None:
    """Behaviour, change, and why there is no risk of inactivity with three wallets."""
    week = seven_weeks["wallet:USD:wallet-2:week:2026-W42"]
    assert (week["behaviour"]["frequency"], week["behaviour"]["usual_amount"]) == ("daily", "10.00")
    assert week["behaviour"]["amount_variance"] == 0
    assert week["change"]["unusual"] == []
    assert abs(int(week["change"]["payments_usual"]) - week["change"]["payments"]) <= 2
    assert week["inactivity"]["absent"] == "3 wallets can be tested on the last four weeks, 50 are needed"
    assert week["rests_on"]["events"] == week["behaviour"]["payments"]


def test_a_wallet_that_pays_nine_times_its_usual_is_told_so() -> None:
    """Against its own weeks, the others' do not matter; with three weeks behind it there is no usual."""
    last = date(2026, 10, 18)
    before = [WalletDay(last - timedelta(days=back), 1, 10_00, 1e6) for back in range(41, 6, -1)]
    days = [*before, *(WalletDay(last - timedelta(days=back), 9, 90_00, 9e6) for back in range(6, -1, -1))]
    none = Inactivity({}, None, "too few")
    change = week_findings("USD:w", days, last, none)["change"]
    assert (change["payments"], change["payments_usual"], change["amount_usual"]) == (63, "7", "70.00")
    assert change["unusual"] == [{"what": "payments", "direction": "above"}, {"what": "amount", "direction": "above"}]
    assert week_findings("USD:w", days[-21:], last, none)["change"]["absent"].startswith("2 earlier weeks")


def test_a_pass_that_was_cut_off_goes_on_with_the_day_it_was_at(mongo_uri: str, database_name: str) -> None:
    """Whatever of the day was written already stays, the rest comes; the result is the same as in one go."""

    async def story(database: Database) -> None:
        await trade(database, 1)
        whole_pass = await computed(database, days=7)
        await database["marks"].update_one({"_id": "period_insights"}, {"$set": {"day": "2026-09-12"}})
        await database["period_insights"].delete_many({"name": {"$in": ["2026-W37"]}})
        assert await computed(database, days=7) == whole_pass

    on_database(mongo_uri, database_name, story)


def test_nothing_is_told_before_a_day_is_over_for_good(mongo_uri: str, database_name: str) -> None:
    """A batch begun before midnight may be written just after it."""

    async def story(database: Database) -> None:
        assert await compute_next_day(database, now=MONDAY) is None
        await trade(database, 1)
        tomorrow = MONDAY + timedelta(days=1)
        assert await compute_next_day(database, now=tomorrow + timedelta(minutes=4)) is None
        assert await compute_next_day(database, now=tomorrow + period_insights.GRACE) == MONDAY.date()

    on_database(mongo_uri, database_name, story)


def test_old_insights_of_every_level_go_with_their_age(mongo_uri: str, database_name: str) -> None:
    """`RETAIN_INSIGHTS_DAYS` is for wallets and the business as for events; what was removed is not computed again."""

    async def story(database: Database) -> tuple[int, int]:
        await trade(database, 1)
        await computed(database, days=2)
        removed = await remove_old(database, Retention(insights_days=30), now=MONDAY + timedelta(days=40))
        assert removed["insights"] > 70
        left = await database["period_insights"].count_documents({})
        return left, len(await computed(database, days=2))

    assert on_database(mongo_uri, database_name, story) == (0, 0)
