"""Every read-only tool over what is stored, and over nothing: figures with what they rest on, and honest emptiness."""

from datetime import timedelta
from typing import Any

import pytest
from seeded_store import CAPTURE_EVENT, NOW, book
from served import InGateway, Served
from test_over_http import ALL, READING, agent, text_of

EMPTY_PERIOD = "2020-01-01..2020-02-01"
ASKED: dict[str, dict[str, Any]] = {
    "verify_payment": {"payment_id": "pi_1", "amount": "120.00", "currency": "USD"},
    "get_payment_status": {"payment_id": "pi_1"},
    "get_wallet_balance": {"wallet_id": "alice"},
    "wallet_transaction_history": {"wallet_id": "alice"},
    "analyze_user_behavior": {"wallet_id": "alice"},
    "generate_custom_report": {
        "sections": [
            "totals",
            "revenue",
            "outcomes",
            "sources",
            "risk",
            "refusals",
            "attacks",
            "performance",
            "subscriptions",
        ]
    },
    "export_compliance_data": {"kind": "transactions", "limit": 2},
}


async def _more(served: Served) -> None:
    """An audit, an alert, a subscription and an act beside the seeded story."""
    database = served.database
    check = {"id": "I3", "what": "debits equal credits", "checked": 5, "broken": 0, "first": None}
    await database.audits.insert_one(
        {
            "at": NOW - timedelta(hours=1),
            "ok": True,
            "seconds": 0.1,
            "checks": [check],
            "head": {"seq": 5, "link": "ab"},
        }
    )
    await database.alerts.insert_one(
        {
            "_id": "alr_1", "at": NOW, "kind": "parked", "subject": "stripe", "severity": "warning", "summary": "1 parked",
            "evidence": {}, "seen_at": NOW, "resolved_at": None, "open": "parked:stripe",
        }
    )  # fmt: skip
    await database.objects.insert_one(
        {"_id": "stripe:subscription:sub_1", "kind": "subscription", "state": "ACTIVE", "object_id": "sub_1"}
    )
    await book(database, [
        {
            "_id": "state:sub_1", "seq": 77, "kind": "state", "object": "stripe:subscription:sub_1",
            "at": NOW - timedelta(minutes=1),
            "legs": [],
            "change": {"from": "NEW", "to": "ACTIVE"}, "wallets": [], "currency": "", "amount_minor": 0,
            "occurred_at": NOW, "event_id": CAPTURE_EVENT,
        }
    ])  # fmt: skip


@pytest.fixture
def answers(in_gateway: InGateway) -> dict[str, Any]:
    """Each tool asked once; the official client holds each answer against the tool's output schema."""

    async def work(served: Served) -> dict[str, Any]:
        await _more(served)
        async with agent(served, *ALL) as client:
            await client.list_tools()
            found = {}
            for name in READING:
                result = await client.call_tool(name, ASKED.get(name, {}))
                assert not result.is_error, (name, text_of(result))
                found[name] = result.structured_content
            return found

    return in_gateway(work)


def test_every_tool_answers_with_what_it_rests_on(answers: dict[str, Any]) -> None:
    """The period, how many events, whose scores; figures from the seeded story; none of the senders' free text."""
    for name, found in answers.items():
        assert set(found["basis"]) == {"since", "until", "events", "model"}, name
    assert answers["verify_payment"]["verified"] is True
    assert [check["name"] for check in answers["verify_payment"]["checks"]][-1] == "amount"
    assert answers["get_wallet_balance"]["basis"]["events"] > 0
    usd = next(total for total in answers["generate_revenue_analytics"]["totals"] if total["currency"] == "USD")
    assert (usd["captured"], usd["net"], usd["net_minor"]) == ("120.00", "100.00", 10_000)
    assert {flow["direction"] for flow in answers["analyze_user_behavior"]["flows"]} == {"in", "out"}
    assert answers["analyze_user_behavior"]["basis"]["model"] == "rules-1"
    assert answers["generate_performance_report"]["settled_ms_median"] == 1_000
    assert answers["get_active_alerts"]["alerts"][0]["alert_id"] == "alr_1"
    assert answers["get_system_status"]["last_audit_ok"] is True
    assert answers["generate_audit_report"]["invariants"][0]["invariant"] == "I3"
    assert answers["get_subscription_analytics"]["living"] == 1
    assert answers["get_subscription_analytics"]["started"] == 1
    sections = {row["section"] for row in answers["generate_custom_report"]["rows"]}
    assert {"totals", "revenue", "outcomes", "risk", "subscriptions"} <= sections
    assert "attacks" in answers["generate_custom_report"]["empty_sections"]
    assert "SECRET-FREE-TEXT" not in str(answers)


def test_refusals_are_counted_whole_or_said_to_be_a_part(in_gateway: InGateway) -> None:
    """Of today by the counts, of the month by what has a row: the dashboard, the performance and the custom report alike."""

    async def work(served: Served) -> None:
        flood = {"at": NOW.replace(hour=0), "source": "stripe", "reason": "signature", "count": 5_000}
        await served.database.refusal_counts.drop_indexes()  # MongoDB takes away what its own clock finds a week old
        await served.database.refusal_counts.insert_one({"_id": "1:stripe:signature", **flood})
        async with agent(served, *ALL) as client:
            for period, count, at_least in (("day", 5_000, False), ("month", 5_000, True)):
                for name in ("get_dashboard_metrics", "generate_performance_report"):
                    found = (await client.call_tool(name, {"period": period})).structured_content or {}
                    assert (found["refused_requests"], found["refused_at_least"]) == (count, at_least), (name, period)
                asked = {"period": period, "sections": ["refusals", "sources"]}
                found = (await client.call_tool("generate_custom_report", asked)).structured_content or {}
                refused = [row for row in found["rows"] if row["section"] == "refusals"]
                assert [(row["name"], row["count"], row["at_least"]) for row in refused] == [
                    ("signature", count, at_least)
                ]
                assert not any(row["at_least"] for row in found["rows"] if row["section"] == "sources")
                for name in ("get_payment_metrics", "detect_fraud_patterns"):
                    found = (await client.call_tool(name, {"period": period})).structured_content or {}
                    told = found["refused_requests"]
                    assert (told["count"], told["at_least"]) == (count, at_least), (name, period)

    in_gateway(work)


def test_what_cannot_be_seen_is_not_called_compliant(in_gateway: InGateway) -> None:
    """Plain bodies are a failed check, TLS is unknown, and what is not looked at is listed by name."""

    async def work(served: Served) -> dict[str, Any]:
        await _more(served)
        async with agent(served, "audit:read") as client:
            return (await client.call_tool("validate_pci_compliance", {})).structured_content or {}

    found = in_gateway(work)
    holds = {(check["requirement"], check["what"].partition(" ")[0]): check["holds"] for check in found["checks"]}
    assert holds["3.5", "raw"] is False  # the seeded store holds plain ones
    assert holds["4.2", "clients"] is None
    assert holds["10.3", "the"] is True
    assert len(found["not_checked"]) > 5
    assert found["failed"] == sum(check["holds"] is False for check in found["checks"])


def test_pages_of_an_export_hold_every_record_once_and_are_kept_in_the_trail(in_gateway: InGateway) -> None:
    """Following the cursors, whatever the kind; who exported what is an act."""

    async def work(served: Served) -> None:
        await _more(served)
        async with agent(served, *ALL) as client:
            for kind in ("transactions", "refusals", "audits", "acts"):
                seen: list[str] = []
                cursor: str | None = None
                for _ in range(20):
                    asked = {"kind": kind, "limit": 2, "period": "2026-11-01..2026-12-01"} | (
                        {"cursor": cursor} if cursor else {}
                    )
                    page = (await client.call_tool("export_compliance_data", asked)).structured_content or {}
                    seen += [row["record_id"] for row in page["rows"]]
                    cursor = page["next_cursor"]
                    if cursor is None:
                        break
                assert len(seen) == len(set(seen))
                assert kind == "acts" or len(seen) == page["total"]
            trail = (
                await client.call_tool("get_audit_trail", {"act": "compliance", "period": "2026-11-01..2026-12-01"})
            ).structured_content or {}
        assert trail["acts"][0]["act"] == "compliance.export"
        assert trail["acts"][0]["by"].startswith("agent ")
        assert trail["acts"][0]["via"] == "mcp"

    in_gateway(work)


def test_a_period_without_events_is_an_answer_that_says_so(in_gateway: InGateway) -> None:
    """No figure is invented: counts are zero, averages null, and a note says why."""

    async def work(served: Served) -> None:
        async with agent(served, *ALL) as client:

            async def ask(name: str, **arguments: Any) -> dict[str, Any]:
                result = await client.call_tool(name, {"period": EMPTY_PERIOD, **arguments})
                assert not result.is_error
                return result.structured_content or {}

            assert (await ask("generate_revenue_analytics"))["totals"] == []
            report = await ask("generate_performance_report")
            assert (report["settled_ms_median"], report["note"]) == (None, "no events were received in the period")
            assert (await ask("analyze_user_behavior", wallet_id="alice"))["note"] is not None
            assert (await ask("generate_audit_report"))["latest_ok"] is None
            custom = await ask("generate_custom_report", sections=["totals", "risk"])
            assert (custom["rows"], custom["empty_sections"], custom["basis"]["events"]) == ([], ["totals", "risk"], 0)
            assert (await ask("get_audit_trail"))["note"] == "no such act in the period"

    in_gateway(work)


@pytest.mark.parametrize(
    ("amount", "currency", "verified"), [("120.00", "USD", True), ("12.00", "USD", False), ("120.00", "EUR", False)]
)
def test_a_payment_is_verified_only_for_the_amount_it_has(
    in_gateway: InGateway, amount: str, currency: str, verified: bool
) -> None:
    """And an unknown one is an error (see test_over_http), never "verified"."""

    async def work(served: Served) -> bool:
        async with agent(served, "payments:read") as client:
            asked = {"payment_id": "pi_1", "amount": amount, "currency": currency}
            return bool(((await client.call_tool("verify_payment", asked)).structured_content or {})["verified"])

    assert in_gateway(work) is verified


def test_a_stored_forecast_is_told_and_a_missing_one_is_explained(in_gateway: InGateway) -> None:
    """From the latest day's insight, by currency; none is made up."""
    day = {"day": "2026-11-21", "amount": "12.00", "low": "10.00", "high": "14.00"}
    told = {
        "currency": "USD",
        "of": "captured_amount",
        "history_days": 60,
        "method": "naive",
        "mase": 0.9,
        "naive_mase": 1.0,
    }
    known = {**told, "coverage": 0.8, "folds": 3, "days": [day], "absent": None}
    unknown = {"currency": "EUR", "of": "captured_amount", "history_days": 3, "absent": "too few days"}
    insight = {
        "_id": "business:all:day:2026-11-20", "level": "business", "subject": "all", "period": "day", "name": "2026-11-20",
        "since": NOW - timedelta(days=1), "until": NOW, "at": NOW, "forecasts": [known, unknown],
        "rests_on": {"events": 7}, "narrative": {"status": "absent", "reason": "no_model_key"},
    }  # fmt: skip

    async def work(served: Served) -> None:
        async with agent(served, *ALL) as client:

            async def ask(**arguments: Any) -> dict[str, Any]:
                return (await client.call_tool("generate_revenue_analytics", arguments)).structured_content or {}

            assert (await ask())["forecast_note"] == "no day that is over has an insight yet"
            await served.database.period_insights.insert_one(insight)
            found = await ask()
            assert (found["forecast"][0]["amount"], found["forecast"][0]["mase"]) == ("12.00", 0.9)
            assert (await ask(currency="EUR"))["forecast_note"] == "EUR: too few days"
            stored = (await client.read_resource(f"insights://{found['forecast_of']}")).contents[0]
            assert '"events":7' in getattr(stored, "text", "")

    in_gateway(work)
