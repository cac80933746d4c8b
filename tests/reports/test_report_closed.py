"""A closed period says the same for ever, and says where the ledger stood; an open one does not pretend to."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from booked_store import CIPHER, razorpay
from report_ledger import DAY, LATER, WEEKS_DAYS, WEEKS_FIRST

from reports.formats import Format
from reports.generate import Wishes
from reports.report import as_json, from_json
from reports.table import by_key, to_document

LEDGER_TABLES = (
    "balances", "by_source", "by_day", "rates", "success", "refunds_disputes", "payouts", "open_items", "wallets",
    "anomalies", "forecast", "forecast_quality", "hours",
)  # fmt: skip


def test_a_closed_period_gives_the_same_bytes_in_every_format(weeks: Any, tmp_path: Path) -> None:
    """Days later, after further bookings."""
    asked = weeks.asked("2026-W42", compare=True)
    first = weeks.write(asked, tmp_path / "first")
    weeks.book(razorpay("payment.captured", "pay_later", 77_00), at=DAY + timedelta(hours=1))
    second = weeks.write(asked, tmp_path / "second")
    assert first.files.keys() == set(Format)
    for wanted, path in first.files.items():
        if wanted is not Format.CSV:
            assert path.read_bytes() == second.files[wanted].read_bytes(), wanted
    names = sorted(path.name for path in first.files[Format.CSV].iterdir())
    for name in names:
        assert (first.files[Format.CSV] / name).read_bytes() == (second.files[Format.CSV] / name).read_bytes()
    assert len(names) == len(first.report.tables)


def test_the_ledger_s_tables_come_out_the_same_without_what_was_kept(weeks: Any) -> None:
    """Neither the kept report, nor kept daily sums, nor kept balances: from the transactions alone, after more of them."""
    asked = weeks.asked("2026-W43")
    with_kept = by_key(weeks.collect(asked).tables)
    weeks.book(razorpay("payment.captured", "pay_much_later", 5_00), at=DAY + timedelta(hours=5))

    async def forget(database: Any) -> None:
        assert await database["report_balances"].count_documents({}) > 0
        assert await database["report_days"].count_documents({}) > 0
        for name in ("reports", "report_balances", "report_days"):
            await database[name].drop()

    weeks.run(forget)
    without = by_key(weeks.collect(asked).tables)
    for key in LEDGER_TABLES:
        assert to_document(with_kept[key]) == to_document(without[key]), key


def test_it_names_the_link_of_the_chain_where_the_period_ended(weeks: Any) -> None:
    """The last transaction before the end, and the link that its seal holds for it."""
    asked = weeks.asked("2026-W41")
    position = weeks.report(asked).position

    async def last(database: Any) -> tuple[int, str]:
        found = await database["transactions"].find_one({"at": {"$lt": asked.period.until}}, sort=[("seq", -1)])
        async for seal in database["seals"].find({}):
            if seal["_id"] <= found["seq"] <= seal["last_seq"]:
                place = 32 * (found["seq"] - seal["_id"])
                return found["seq"], seal["links"][place : place + 32].hex()
        raise AssertionError

    assert (position.seq, position.link) == weeks.run(last)
    assert len(position.link) == 64


def test_a_kept_report_that_the_chain_no_longer_bears_out_is_computed_anew(fresh: Any) -> None:
    fresh.book(razorpay("payment.captured", "pay_1", 100_00), at=DAY + timedelta(hours=2))
    asked = fresh.asked("2026-11-21")
    report = fresh.report(asked)

    async def forge(database: Any) -> None:
        kept = await database["reports"].find_one({})
        assert kept["link"] == report.position.link
        await database["seals"].update_many({}, [{"$set": {"links": {"$literal": bytes(32)}}}])

    fresh.run(forge)
    assert fresh.report(asked).position.link == "00" * 32


def test_an_open_period_is_not_kept_and_says_so(fresh: Any) -> None:
    fresh.book(razorpay("payment.captured", "pay_1", 100_00), at=DAY + timedelta(hours=2))
    asked = fresh.asked("2026-11-21")
    report = fresh.report(asked, now=DAY + timedelta(hours=12))
    assert not report.closed
    assert "still open" in report.standing

    async def kept(database: Any) -> int:
        count: int = await database["reports"].count_documents({})
        return count

    assert fresh.run(kept) == 0
    assert fresh.report(asked).closed
    assert fresh.run(kept) == 1


def test_a_period_with_an_event_that_still_waits_is_open(fresh: Any) -> None:
    async def wait(database: Any) -> None:
        event = razorpay("payment.captured", "pay_1", 100_00)
        await database["events"].insert_one(event | {"received_at": DAY + timedelta(hours=1)})

    fresh.run(wait)
    report = fresh.report(fresh.asked("2026-11-21"))
    assert not report.closed
    assert [row["kind"] for row in report.by_key["attention"].records()] == ["Waiting events"]


def test_each_period_opens_where_the_one_before_closed(weeks: Any) -> None:
    """Whether the opening is counted from the beginning or from kept sums."""
    closing: dict[tuple[str, str], int] = {}
    for week in range(41, 45):
        rows = list(by_key(weeks.collect(weeks.asked(f"2026-W{week}")).tables)["balances"].records())
        if closing:
            assert {(row["currency"], row["account"]): row["opening"] for row in rows if row["opening"]} == closing
        closing = {(row["currency"], row["account"]): row["closing"] for row in rows if row["closing"]}
    assert closing


def test_a_month_is_the_sum_of_its_transactions(weeks: Any, october: Any) -> None:
    """Added up here, one by one, in Python's integers."""
    sums: dict[tuple[str, str], dict[str, int]] = {}
    period = weeks.asked("2026-10").period

    async def add(database: Any) -> None:
        async for one in database["transactions"].find({"at": {"$gte": period.since, "$lt": period.until}}):
            kinds = sums.setdefault((one["currency"], one["source"]), {})
            kinds[one["kind"]] = kinds.get(one["kind"], 0) + one["amount_minor"]

    weeks.run(add)
    for row in october.by_key["by_source"].records():
        kinds = sums[row["currency"], row["source"]]
        assert row["gross"] == kinds["capture"]
        assert row["disputed"] == kinds.get("dispute_withdrawn", 0) - kinds.get("dispute_reinstated", 0)
        assert row["net"] == row["gross"] - kinds.get("refund", 0) - row["disputed"]


def test_json_is_the_report(october: Any) -> None:
    """What it says can be read back, and is written the same again; no amount is without its currency."""
    content = as_json(october)
    assert as_json(from_json(content)) == content
    document = json.loads(content)
    assert document["format"] == "auto-pay-gateway/report/2"
    text = content.decode()
    assert text.count('"amount_minor"') > 100
    assert '"currency": ""' not in text


def test_anew_replaces_what_is_kept(fresh: Any) -> None:
    asked = fresh.asked("2026-11-21")
    empty = fresh.report(asked)
    fresh.book(razorpay("payment.captured", "pay_1", 100_00), at=DAY + timedelta(hours=2))
    assert fresh.report(asked) == empty
    anew = fresh.report(asked, Wishes(CIPHER, anew=True))
    assert next(anew.by_key["by_source"].records())["gross"] == 100_00
    assert fresh.report(asked) == anew


def test_the_history_is_of_the_days_before(weeks: Any, october: Any) -> None:
    """A forecast starts after the period's last day, and knows every day since the ledger's first."""
    quality = next(october.by_key["forecast_quality"].records())
    first = WEEKS_FIRST.date()
    assert quality["history_days"] in {(october.period.days[-1] - first).days + 1 - late for late in range(3)}
    assert WEEKS_FIRST + timedelta(days=WEEKS_DAYS) < LATER
    expected = [row for row in october.by_key["forecast"].records() if row["expected"] is not None]
    assert min(row["day"] for row in expected) == october.period.days[-1] + timedelta(days=1)
    assert all(row["low"] <= row["expected"] <= row["high"] for row in expected)
