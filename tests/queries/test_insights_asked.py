"""Insights of every level are asked for in one way, over the query, HTTP and the command line."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from seeded_store import NOW, TRANSFER_EVENT, Ask
from served import Served, gateway_on
from traded_store import MONDAY, trade
from typer.testing import CliRunner

from gateway.cli import commands
from gateway.errors import BadRequest, NotFound
from gateway.pipeline.period_insights import compute_next_day
from gateway.queries.insights import Insights, find_insights, insight
from gateway.queries.reading import Database


async def two_days(database: Database) -> None:
    await trade(database, 1)
    for _ in range(2):
        await compute_next_day(database, now=MONDAY + timedelta(days=2, hours=1))
    await database.security_insights.insert_one(
        {
            "_id": "sec_1",
            "kind": "forgeries",
            "source": "stripe",
            "at": NOW,
            "since": NOW - timedelta(minutes=5),
            "until": NOW,
            "count": 99,
            "severity": "critical",
            "summary": "At least 99 deliveries.",
        }
    )


async def every_page(database: Database, wanted: dict[str, str], limit: int) -> list[str]:
    found: list[str] = []
    page: Insights | None = None
    while page is None or page.next_cursor:
        page = await find_insights(database, wanted, limit=limit, cursor=page.next_cursor if page else None)
        found += [each.id for each in page.insights]
    return found


def test_the_business_is_told_by_day_with_amounts_as_text(empty: Ask) -> None:
    """Newest first; each with what it rests on, and no word of a model that is not configured."""

    async def asked(database: Database) -> Insights:
        await two_days(database)
        return await find_insights(database, {})

    newest, oldest = empty(asked).insights
    assert (oldest.id, newest.name) == ("business:all:day:2026-09-07", "2026-09-08")
    (usd,) = oldest.findings["figures"]["currencies"]
    assert (usd["captured"], usd["captured_minor"]) == ("100.00", 100_00)
    assert (oldest.rests_on["transactions"], oldest.rests_on["version"]) == (10, "business-2")
    assert (oldest.narrative_status, oldest.narrative_reason) == ("absent", "no_model_key")


@pytest.mark.parametrize("level", ["wallet", "event", "business", "security"])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_give_each_insight_once(empty: Ask, level: str, limit: int) -> None:
    """Also where many begin at the same moment: the wallets of a day, the events of a batch."""

    async def asked(database: Database) -> tuple[list[str], list[str]]:
        await two_days(database)
        await database.insights.create_index("at")
        midnight = {"$dateTrunc": {"date": "$at", "unit": "day"}}
        await database.insights.update_many({}, [{"$set": {"at": midnight}}])
        await database.insights.delete_many({"at": {"$gt": MONDAY + timedelta(days=1)}})
        collection = {"event": "insights", "security": "security_insights"}.get(level, "period_insights")
        match = {} if level in ("event", "security") else {"level": level}
        stored = [each["_id"] async for each in database[collection].find(match)]
        return await every_page(database, {"level": level}, limit), stored

    paged, stored = empty(asked)
    assert sorted(paged) == sorted(stored)
    assert len(paged) >= 1


def test_subject_period_and_time_choose(empty: Ask) -> None:
    """A wallet of a day; and what is of neither level is not there."""

    async def asked(database: Database) -> list[list[str]]:
        await two_days(database)
        wanted: list[dict[str, str]] = [
            {"level": "wallet", "subject": "USD:wallet-1", "since": "2026-09-08"},
            {"level": "wallet", "subject": "USD:nobody"},
            {"period": "week"},
            {"until": "2026-09-08", "since": "2026-09-07"},
            {"level": "security", "subject": "stripe"},
        ]
        return [[each.id for each in (await find_insights(database, one)).insights] for one in wanted]

    assert empty(asked) == [
        ["wallet:USD:wallet-1:day:2026-09-08"],
        [],
        [],
        ["business:all:day:2026-09-07"],
        ["sec_1"],
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        {"level": "x"},
        {"period": "year"},
        {"level": "event", "period": "day"},
        {"since": "yesterday"},
        {"subject": "\x00"},
    ],
)
def test_what_cannot_be_asked_is_refused(empty: Ask, wanted: dict[str, str]) -> None:
    """With a sentence that says what can."""
    with pytest.raises(BadRequest):
        empty(lambda database: find_insights(database, wanted))


def test_a_number_that_is_no_digit_is_a_foreign_cursor(empty: Ask) -> None:
    """ "0 ²": a superscript counts as a digit and is no number that can be read."""
    with pytest.raises(BadRequest):
        empty(lambda database: find_insights(database, {"level": "event"}, cursor="MCDCsg"))


@pytest.mark.parametrize("cursor", ["", "x", "////", "LTE", "MTIz", "OTk5OTk5OTk5OTk5OTk5IHg"])
@pytest.mark.parametrize("level", ["event", "business"])
def test_a_cursor_of_nobody_is_refused(empty: Ask, cursor: str, level: str) -> None:
    """Opaque to callers, checked by us."""
    with pytest.raises(BadRequest):
        empty(lambda database: find_insights(database, {"level": level}, cursor=cursor))


def test_one_insight_by_its_id(ask: Ask) -> None:
    """An event's, or none."""
    found = ask(lambda database: insight(database, TRANSFER_EVENT))
    assert (found.level, found.findings["score"], found.headline) == ("event", 85, "Unusual")
    assert found.findings["level"] == "critical"
    assert "bob" not in found.model_dump_json(), "what a sender wrote as free text is told to nobody"
    with pytest.raises(NotFound):
        ask(lambda database: insight(database, "business:all:day:2026-01-01"))


def test_over_http_with_the_scope_for_it(mongo_uri: str, database_name: str) -> None:
    """`GET /insights` and `/insights/{id}`; another scope is not enough."""

    async def work(served: Served) -> None:
        await served.database.transactions.delete_many({})
        await trade(served.database, 1)
        await compute_next_day(served.database, now=MONDAY + timedelta(days=2))
        async with httpx2.AsyncClient(base_url=served.url) as client:

            async def get(path: str, scope: str) -> httpx2.Response:
                return await client.get(path, headers={"X-API-Key": await served.key(scope)})

            listed = await get("/insights?level=business&since=2026-09-01", "insights:read")
            (told,) = listed.json()["insights"]
            shown = await get(f"/insights/{told['id']}", "insights:read")
            assert shown.json() == told
            assert told["since"] == "2026-09-07T00:00:00Z"
            assert (await get("/insights", "wallets:read")).status_code == 403
            assert (await get("/insights?what=1", "insights:read")).status_code == 400
            assert (await get("/insights/nothing", "insights:read")).status_code == 404

    gateway_on(mongo_uri, database_name)(work)


def test_on_the_command_line(empty: Ask, mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`compute` what is due, `list` it, `show` one; a second `compute` has nothing to do."""
    empty(lambda database: trade(database, 1))
    monkeypatch.setenv("MONGO_URL", mongo_uri)
    monkeypatch.setenv("MONGO_DATABASE", database_name)

    def run(*argv: str) -> Any:
        return CliRunner().invoke(commands("insights"), ["insights", *argv])

    assert "3 days computed, 2026-09-07 to 2026-09-09." in run("compute", "--day", "2026-09-09").output
    assert "Nothing is due" in run("compute", "--day", "2026-09-09").output
    listed = run("list", "--limit", "2").output
    assert "business:all:day:2026-09-09" in listed
    assert "11 for 110.00 USD" in listed
    assert "More: --cursor" in listed
    assert "payments" in run("list", "--level", "wallet", "--limit", "1").output
    assert "low 1" in run("list", "--level", "event", "--limit", "100").output
    assert run("list", "--level", "security").exit_code == 0
    shown = json.loads(run("show", "business:all:day:2026-09-07").output)
    assert shown["rests_on"]["transactions"] == 10
    assert isinstance(run("compute", "--day", f"{datetime.now(UTC):%Y-%m-%d}").exception, BadRequest)
