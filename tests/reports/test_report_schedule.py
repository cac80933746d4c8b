"""Regular reports: when they are due, that one worker makes each, where they stand, and when they go."""

import asyncio
import os
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from report_ledger import Ledger

from gateway.errors import BadRequest
from gateway.settings import Settings
from reports.period import read_period
from reports.plan import Every, Plan, last_due, next_due, period_due, read_plan, read_time, remove_plan, store_plan
from reports.schedule import ReportFailed, report_apart, report_regularly
from reports.shelf import shelved, tidy

SIX = Plan(Every.DAY, time(6), "UTC")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("every", "zone", "due"),
    [
        ("day", "UTC", "2026-11-22T06:00"),
        ("week", "UTC", "2026-11-23T06:00"),
        ("month", "UTC", "2026-12-01T06:00"),
        ("day", "Asia/Kolkata", "2026-11-22T00:30"),
        ("day", "America/New_York", "2026-11-22T11:00"),
    ],
)
def test_the_next_report_is_due_at_the_zone_s_hour(every: str, zone: str, due: str) -> None:
    assert next_due(Plan(Every(every), time(6), zone), NOON) == datetime.fromisoformat(f"{due}+00:00")


def test_six_o_clock_stays_six_when_clocks_change() -> None:
    plan = Plan(Every.DAY, time(6), "Europe/Berlin")
    summer = next_due(plan, datetime(2026, 10, 24, 3, tzinfo=UTC))
    winter = next_due(plan, summer)
    assert (summer.hour, winter.hour, winter - summer) == (4, 5, timedelta(hours=25))


@pytest.mark.parametrize(
    ("every", "at", "zone", "due", "period"),
    [
        ("day", "06:00", "UTC", "2026-11-21T06:00", "2026-11-20"),
        ("day", "12:00", "UTC", "2026-11-21T12:00", "2026-11-20"),
        ("day", "12:01", "UTC", "2026-11-20T12:01", "2026-11-19"),
        ("week", "06:00", "UTC", "2026-11-16T06:00", "2026-W46"),
        ("month", "06:00", "UTC", "2026-11-01T06:00", "2026-10"),
        ("day", "03:00", "Asia/Kolkata", "2026-11-20T21:30", "2026-11-20"),
        ("day", "23:55", "America/New_York", "2026-11-21T04:55", "2026-11-19"),
    ],
)
def test_the_period_is_the_one_before_the_last_due_moment(
    every: str, at: str, zone: str, due: str, period: str
) -> None:
    plan = Plan(Every(every), read_time(at), zone)
    moment = last_due(plan, NOON)
    assert moment == datetime.fromisoformat(f"{due}+00:00")
    assert period_due(plan, moment) == period
    assert read_period(period, NOON, zone) == read_period(f"last-{every}", moment, zone)


def test_the_first_week_of_a_year_has_that_year_s_number() -> None:
    assert period_due(Plan(Every.WEEK, time(6), "UTC"), datetime(2027, 1, 4, 6, tzinfo=UTC)) == "2026-W53"


@pytest.mark.parametrize("text", ["", "6", "6:00", "24:00", "T0600", "06:00:00", "noon", "06:60"])
def test_what_is_no_time_of_day_says_how_to_write_one(text: str) -> None:
    with pytest.raises(BadRequest, match="06:00"):
        read_time(text)


def test_the_command_s_plan_stands_above_the_settings(fresh: Ledger) -> None:
    settings = Settings(_env_file=None, report_every="week")

    async def plans(database: Any) -> list[Plan | None]:
        found = [await read_plan(database, settings)]
        await store_plan(database, SIX, now=NOON)
        found.append(await read_plan(database, settings))
        await remove_plan(database)
        return [*found, await read_plan(database, settings)]

    assert fresh.run(plans) == [Plan(Every.WEEK, time(6), "UTC"), SIX, None]


def regularly(
    ledger: Ledger, directory: Path, moments: list[datetime], *, fails: int = 0, at: str = "06:00"
) -> tuple[list[str], list[Any]]:
    """Two workers that look at the clock at each of the moments; what they made, and the alerts that were raised."""
    made: list[str] = []
    settings = Settings(_env_file=None, report_every="day", report_at=at, report_dir=directory)

    async def make(period: str, _: Plan) -> None:
        made.append(period)
        if len(made) <= fails:
            raise ReportFailed("the disk is full.")
        await asyncio.to_thread(directory.mkdir, exist_ok=True)

    async def look(database: Any) -> list[Any]:
        for moment in moments:
            stop = asyncio.Event()
            clock = moment.timestamp
            workers = [
                asyncio.create_task(report_regularly(database, settings, make, stop, clock=clock)) for _ in range(2)
            ]
            await asyncio.sleep(0.25)
            stop.set()
            await asyncio.gather(*workers)
        alerts: list[Any] = await database["alerts"].find({"kind": "report"}).to_list()
        return alerts

    return made, ledger.run(look)


def test_of_two_workers_one_makes_each_report(fresh: Ledger, tmp_path: Path) -> None:
    """Nothing at first, one at six, none again at seven; after two days away only the last one."""
    moments = [NOON, NOON + timedelta(hours=18), NOON + timedelta(hours=19), NOON + timedelta(days=3)]
    made, alerts = regularly(fresh, tmp_path, moments)
    assert made == ["2026-11-21", "2026-11-23"]
    assert alerts == []
    assert (tmp_path / "index.html").exists()


def test_a_report_planned_a_moment_before_its_time_is_made(fresh: Ledger, tmp_path: Path) -> None:
    """The worker looks at the plan only after that time; it makes the report that the command named all the same. And a plan that
    was taken back and is told again makes none for the time between."""
    six = NOON + timedelta(hours=18)

    async def plan(database: Any) -> None:
        await store_plan(database, SIX, now=six - timedelta(seconds=5))

    async def again(database: Any) -> None:
        await remove_plan(database)
        await store_plan(database, SIX, now=six + timedelta(days=30))

    fresh.run(plan)
    assert regularly(fresh, tmp_path, [six + timedelta(seconds=9)]) == (["2026-11-21"], [])
    fresh.run(again)
    assert regularly(fresh, tmp_path, [six + timedelta(days=30, hours=1)]) == ([], [])


def test_a_report_made_late_is_of_the_period_that_was_due(fresh: Ledger, tmp_path: Path) -> None:
    """No worker from before six until the next night: that day's report comes first, and the next one at its own time."""
    night = NOON + timedelta(days=1, hours=15)
    made, _ = regularly(fresh, tmp_path, [NOON, night, night + timedelta(hours=3)])
    assert made == ["2026-11-21", "2026-11-22"]


def test_a_report_tried_again_after_midnight_is_of_the_same_day(fresh: Ledger, tmp_path: Path) -> None:
    late = NOON.replace(hour=23, minute=55)
    moments = [NOON, late, late + timedelta(minutes=10), late + timedelta(days=1)]
    made, _ = regularly(fresh, tmp_path, moments, fails=1, at="23:55")
    assert made == ["2026-11-20", "2026-11-20", "2026-11-21"]


def test_a_report_that_fails_raises_an_alert_and_is_tried_again(fresh: Ledger, tmp_path: Path) -> None:
    six = NOON + timedelta(hours=18)
    made, alerts = regularly(fresh, tmp_path, [NOON, six, six + timedelta(minutes=11)], fails=1)
    assert made == ["2026-11-21", "2026-11-21"]
    (alert,) = alerts
    assert "2026-11-21 was not made: the disk is full" in alert["summary"]
    assert alert["resolved_at"] is not None


def test_the_worker_s_child_writes_the_files(weeks: Ledger, tmp_path: Path) -> None:
    """`python -m reports` as the worker starts it, with the worker's settings."""
    settings = Settings(
        _env_file=None, report_dir=tmp_path / "out", report_formats="html,json", data_dir=tmp_path / "data"
    )
    before = os.environ.get("MONGO_DATABASE")
    os.environ["MONGO_DATABASE"] = weeks.name
    try:
        asyncio.run(report_apart(weeks.uri, settings)("2026-W42", SIX))
    finally:
        os.environ.pop("MONGO_DATABASE") if before is None else os.environ.update(MONGO_DATABASE=before)
    tidy(tmp_path / "out", kept_days=1, now=datetime.now(UTC))
    (report,) = shelved(tmp_path / "out")
    assert report.name == "report-2026-10-12--2026-10-19"
    assert report.files.keys() == {".html", ".json"}
    index = (tmp_path / "out" / "index.html").read_text()
    assert 'href="report-2026-10-12--2026-10-19.html"' in index


def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, report_dir=tmp_path, report_formats="paper", data_dir=tmp_path)
    with pytest.raises(ReportFailed, match="'paper' is no format"):
        asyncio.run(report_apart("mongodb://127.0.0.1:1/", settings)("last-day", SIX))


def test_old_reports_go_and_nothing_else_does(tmp_path: Path) -> None:
    old, new = "report-2026-10-01--2026-10-02", "report-2026-11-20--2026-11-21"
    for name in (f"{old}.html", f"{new}.html", f"{new}-USD.pdf", "notes.txt", "report-draft.html"):
        (tmp_path / name).write_text("x")
    (tmp_path / f"{old}-csv").mkdir()
    for name in (f"{old}.html", f"{old}-csv", "notes.txt", "report-draft.html"):
        os.utime(tmp_path / name, (0, 0))
    tidy(tmp_path, kept_days=30, now=datetime.now(UTC))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{new}.html", f"{new}-USD.pdf", "notes.txt", "report-draft.html", "index.html"}
