"""Each total a second way: from the raw events that the providers sent, added up by hand here."""

import json
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import pytest
from booked_store import on_database, story
from report_ledger import DAY, LATER
from seeded_store import book

from gateway.queries.reading import Database
from reports.asked import Asked
from reports.period import read_period
from reports.reading import Reading
from reports.sections.events import refused
from reports.table import Table, by_key
from simulators.traffic import Item, expected_balances


@pytest.fixture(scope="module")
def tables(day: Any) -> dict[str, Table]:
    collected = day.collect(day.asked("2026-11-21"))
    assert all(check.holds for check in collected.checks), [check.words for check in collected.checks]
    return by_key(collected.tables)


def effects(items: list[Item]) -> dict[str, tuple[str, str, int]]:
    """What each event does to money, once per key: kind, currency, amount."""
    told = {item.effect.key: item.effect for item in items if item.effect}
    counted = {}
    for key, effect in told.items():
        if effect.needs is None or effect.needs in told:
            posting = effect.postings[0]
            counted[key] = (key.split(":")[1], posting.currency, abs(posting.amount_minor))
    return counted


def test_gross_refunded_and_net_are_those_of_the_raw_events(day: Any, tables: dict[str, Table]) -> None:
    """By source and currency, from the events' own effects; the report reads the ledger."""
    expected: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for key, (kind, currency, amount) in effects(day.items).items():
        expected[key.split(":")[0], currency][kind] += amount
    rows = {(row["source"], row["currency"]): row for row in tables["by_source"].records()}
    assert rows.keys() == expected.keys()
    for key, kinds in expected.items():
        assert rows[key]["gross"] == kinds["capture"], key
        assert rows[key]["refunded"] == kinds["refund"] - kinds["refund_failed"], key
        assert rows[key]["transferred"] == kinds["transfer"], key
        assert rows[key]["net"] == kinds["capture"] - kinds["refund"] + kinds["refund_failed"], key


def test_wallets_close_where_the_raw_events_leave_them(day: Any, tables: dict[str, Table]) -> None:
    """All wallets, suspense and what is owed together, per currency, against balances computed apart from the ledger."""
    expected: Counter[str] = Counter()
    for (_, currency), minor in expected_balances(day.items).items():
        expected[currency] += minor
    closing: Counter[str] = Counter()
    for row in tables["balances"].records():
        if not str(row["account"]).startswith("clearing:"):
            closing[row["currency"]] += row["closing"]
    assert closing == expected


def test_every_account_foots_from_nothing(tables: dict[str, Table]) -> None:
    """The ledger began on that day, so each opening is zero; and each currency's accounts are zero together."""
    assert tables["balances"].rows
    for row in tables["balances"].records():
        assert row["opening"] == 0
        assert row["inflow"] - row["outflow"] - row["fees"] == row["closing"]
    place = tables["balances"].place("closing")
    assert [total[place] for total in tables["balances"].totals()] == [0] * len(tables["balances"].totals())


def test_failed_payments_and_their_reasons_are_those_that_providers_wrote(day: Any, tables: dict[str, Table]) -> None:
    reasons: Counter[tuple[str, str]] = Counter()
    for item in day.items:
        body = json.loads(item.body)
        if item.kind == "payment_intent.payment_failed":
            reasons["stripe", body["data"]["object"]["last_payment_error"]["decline_code"]] += 1
        if item.source == "razorpay" and item.kind == "payment.failed":
            reasons["razorpay", body["payload"]["payment"]["entity"]["error_reason"]] += 1
    told = {(row["source"], row["reason"]): row["payments"] for row in tables["declines"].records()}
    assert told == dict(reasons)
    assert reasons
    assert sum(row["failed"] for row in tables["success"].records()) == reasons.total()


def test_paid_payments_are_counted_once_each(day: Any, tables: dict[str, Table]) -> None:
    captures = [kind for kind, _, _ in effects(day.items).values() if kind == "capture"]
    assert sum(row["captured"] for row in tables["success"].records()) == len(captures)
    assert sum(row["payments"] for row in tables["hours"].records()) == len(captures)


def test_every_event_is_counted_by_its_outcome(day: Any, tables: dict[str, Table]) -> None:
    """The distinct ones that were sent, and the two that went wrong."""
    events = Counter()
    for row in tables["events"].records():
        events[row["outcome"]] += row["events"]
    assert events.total() == len({(item.source, item.body) for item in day.items}) + 2
    assert events["parked"] == 1
    parked = [row for row in tables["attention"].records() if row["kind"] == "Parked event"]
    assert len(parked) == 1
    assert "books itself when that arrives" in parked[0]["what_to_do"]


def test_days_and_sources_add_up_to_the_same(tables: dict[str, Table]) -> None:
    for name in ("gross", "refunded", "disputed", "net", "paid_out", "transferred", "transactions"):
        sums = []
        for key in ("by_day", "by_source"):
            per_currency: Counter[str] = Counter()
            for row in tables[key].records():
                per_currency[row["currency"]] += row[name]
            sums.append(per_currency)
        assert sums[0] == sums[1], name


def test_a_filter_gives_the_part_and_the_parts_give_the_whole(day: Any, tables: dict[str, Table]) -> None:
    whole = {(row["source"], row["currency"]): row["gross"] for row in tables["by_source"].records()}
    for source in sorted({source for source, _ in whole}):
        part = by_key(day.collect(day.asked("2026-11-21", source=source)).tables)["by_source"]
        assert {(row["source"], row["currency"]): row["gross"] for row in part.records()} == {
            key: gross for key, gross in whole.items() if key[0] == source
        }
    euros = by_key(day.collect(day.asked("2026-11-21", currency="EUR")).tables)
    assert {row["currency"] for row in euros["by_source"].records()} == {"EUR"}
    assert "refusals" not in euros


@pytest.mark.parametrize(
    ("days_later", "source", "numbers", "words"),
    [
        (1, None, [("stripe", "signature", 5_000), ("stripe", "stale", 7)], "Every request that was refused"),
        (1, "stripe", [("stripe", "signature", 5_000), ("stripe", "stale", 7)], "Every request that was refused"),
        (1, "razorpay", [], "Every request that was refused"),
        (9, None, [("stripe", "signature", 1)], "there may have been more"),
    ],
)
def test_refusals_are_those_that_were_counted(
    mongo_uri: str,
    database_name: str,
    days_later: int,
    source: str | None,
    numbers: list[tuple[str, str, int]],
    words: str,
) -> None:
    """Also when the first of all is later than the period's beginning; without duplicates; after a week what has a row."""

    async def asked(database: Database) -> Table:
        at = DAY + timedelta(hours=9)
        await database["rejections"].insert_one({"at": at, "source": "stripe", "reason": "signature"})
        counts = {"signature": 5_000, "stale": 7, "duplicate": 9}
        await database["refusal_counts"].insert_many(
            [
                {"_id": reason, "at": at, "source": "stripe", "reason": reason, "count": n}
                for reason, n in counts.items()
            ]
        )
        period = read_period("2026-11-21", LATER, "UTC")
        return await refused(Reading(database, Asked(period, source=source), DAY + timedelta(days=days_later)))

    # unprepared: MongoDB would take away what its own clock finds a week old
    table = on_database(mongo_uri, database_name, asked, prepared=False)
    assert [(row["source"], row["reason"], row["requests"]) for row in table.records()] == numbers
    assert words in table.about


def test_a_wallet_s_report_closes_at_its_balance(day: Any, tables: dict[str, Table]) -> None:
    wallet = next(row for row in tables["wallets"].records() if not row["wallet"].startswith("suspense:"))
    collected = day.collect(day.asked("2026-11-21", wallet=wallet["wallet"], currency=wallet["currency"]))
    assert all(check.holds for check in collected.checks)
    alone = by_key(collected.tables)
    (account,) = [row for row in alone["balances"].records() if row["account"] == "wallets"]
    assert account["closing"] == wallet["closing"]
    assert "success" not in alone


def test_risk_and_heat_speak_of_the_same_day(tables: dict[str, Table]) -> None:
    assert sum(row["events"] for row in tables["risk_levels"].records()) > 0
    assert {row["weekday"] for row in tables["hours"].records()} == {"Saturday"}
    assert all(row["reasons"] for row in tables["risk"].records())


def test_a_sum_beyond_64_bits_is_exact(fresh: Any) -> None:
    """MongoDB's own integer sum would have become a rounded double."""
    amount, many = 2**53 - 1, 1_100
    at = fresh.asked("2026-11-21").period.since

    async def store(database: Any) -> None:
        await book(database, [
            {
                "_id": f"stripe:capture:p{number}", "seq": number + 1, "source": "stripe", "kind": "capture", "currency": "INR",
                "object": f"stripe:payment:p{number}", "change": {"from": "NEW", "to": "CAPTURED"}, "wallets": ["alice"],
                "amount_minor": amount, "at": at, "legs": [
                    {"account": "wallet:alice", "amount_minor": amount, "balance_after": 0, "version": number + 1},
                    {"account": "clearing:stripe", "amount_minor": -amount},
                ],
            }
            for number in range(many)
        ])  # fmt: skip

    fresh.run(store)
    found = by_key(fresh.collect(fresh.asked("2026-11-21")).tables)
    assert next(found["by_source"].records())["gross"] == amount * many
    assert [row["inflow"] for row in found["balances"].records() if row["account"] == "wallets"] == [amount * many]


def test_what_comes_back_and_what_goes_out_has_the_right_sign(fresh: Any) -> None:
    """A refund that failed after it was booked, a dispute lost and one still open, a payout done, one held, one returned:
    added up by hand from the events of the story."""
    fresh.book(*story(), at=fresh.asked("2026-11-21").period.since)
    collected = fresh.collect(fresh.asked("2026-11-21"))
    assert all(check.holds for check in collected.checks), collected.checks
    (row,) = [row for row in by_key(collected.tables)["by_source"].records() if row["source"] == "razorpay"]
    assert row["gross"] == 100_00 + 40_00 + 25_00 + 8_00
    assert row["refunded"] == 30_00 + 20_00 - 20_00
    assert row["disputed"] == 25_00
    assert row["paid_out"] == 10_00
    assert row["net"] == 173_00 - 30_00 - 25_00
    held = [item for item in by_key(collected.tables)["open_items"].records() if item["held"]]
    assert {(item["object"], item["held"]) for item in held} == {("disp_1", 40_00), ("pout_2", 5_00)}
