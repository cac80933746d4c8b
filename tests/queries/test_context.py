"""What an agent may know before it decides: each field computed from what is stored, or null with the reason."""

from datetime import timedelta
from typing import Any

import pytest
from seeded_store import CAPTURE_EVENT, NOW, TRANSFER_EVENT, Ask, book, event_id, insight, leg, transaction

from gateway.errors import NotFound
from gateway.queries.context import PaymentContext, payment_context, period_context, wallet_context
from gateway.queries.period import Period
from gateway.queries.reading import Database, Document

NAMES = {
    "transaction_intelligence": {"fraud_score", "risk_factors", "confidence", "recommendation"},
    "user_behavior": {"spending_pattern", "frequency", "amount_variance", "loyalty_score"},
    "system_intelligence": {"optimal_provider", "expected_latency", "success_probability", "alternative_routes"},
    "compliance_status": {"kyc_verified", "risk_level", "regulatory_flags", "audit_trail"},
}
"""Of the request's papers."""


def nulls(answer: PaymentContext) -> set[str]:
    """The paper's fields that have no value."""
    told = answer.model_dump()
    return {
        f"{section}.{field}" for section, fields in NAMES.items() for field in fields if told[section][field] is None
    }


def past(days: int, amount_minor: int, *, source: str = "stripe", failed: bool = False) -> tuple[Document, Document]:
    """A payment of dora's and its insight; booked two seconds after the provider's moment."""
    at = NOW - timedelta(days=days)
    of = event_id(source, f"evt-{days}-{source}")
    booked = transaction(
        1_000 + days if source == "stripe" else 2_000 + days,
        f"{source}:capture:pi_{days}",
        [leg(f"clearing:{source}", -amount_minor), leg("wallet:dora", amount_minor, amount_minor)],
        event_id=of,
    ) | {"at": at, "occurred_at": at - timedelta(seconds=2)}
    if failed:
        booked |= {"kind": "state", "legs": [], "change": {"from": "NEW", "to": "FAILED"}}
    said = insight(of, booked["_id"], 20, "low", "new_counterparty", wallet="dora", amount_minor=amount_minor)
    return booked, said | {"at": at, "occurred_at": at}


async def dora_pays(database: Database) -> None:
    """Each week 10.00 or 12.00 through Stripe for ten weeks; and thirty days through Razorpay, a third of them failing."""
    weekly = [past(7 * week, 1_000 + 200 * (week % 2)) for week in range(10)]
    often = [past(70 + day, 1_100) for day in range(15)]
    razorpay = [past(day, 500, source="razorpay", failed=day % 3 == 0) for day in range(30)]
    moved = sorted((booked for booked, _ in (*weekly, *often, *razorpay)), key=lambda each: each["at"])
    await book(database, [each | {"seq": number} for number, each in enumerate(moved, start=-len(moved))])
    await database.insights.insert_many([said for _, said in weekly])
    await database.wallets.insert_one(
        {"_id": "USD:dora", "owner": "dora", "currency": "USD", "receivable_minor": 0, "updated_at": NOW}
    )
    await database.owners.insert_one({"_id": "dora", "kyc_level": "ADVANCED", "history": []})
    await database.audits.insert_one({"at": NOW + timedelta(minutes=1), "ok": True})


def test_a_payments_context_has_the_papers_fields_each_computed_or_absent_with_its_reason(ask: Ask) -> None:
    """Nothing is null without a word, and nothing with a word has a value."""
    answer = ask(lambda database: payment_context(database, "tx-1", now=NOW))
    assert nulls(answer) - {"system_intelligence.alternative_routes"} <= set(answer.absent)
    assert (answer.level, answer.subject) == ("payment", "payments:transfer:tx-1")
    risk = answer.transaction_intelligence
    assert (risk.fraud_score, risk.confidence, risk.recommendation) == (0.85, 0.5, "review_before_release")
    assert risk.risk_factors == ["new_counterparty", "velocity"]
    assert answer.rests_on.models == ["rules-1"]
    assert answer.absent["system_intelligence.optimal_provider"].startswith("no provider has 20 payments")
    assert answer.absent["compliance_status.audit_trail"] == "no audit has run yet"


def test_a_wallets_context_is_computed_from_its_past(ask: Ask) -> None:
    """Ten payments a week apart, of 10.00 and 12.00: what that is, worked out by hand."""

    async def asked(database: Database) -> PaymentContext:
        await dora_pays(database)
        return await wallet_context(database, "dora", now=NOW)

    answer = ask(asked)
    habits = answer.user_behavior
    assert (habits.currency, habits.spending_pattern, habits.frequency) == ("USD", "consistent", "weekly")
    assert habits.amount_variance == pytest.approx(100 / 1_100, abs=1e-4)
    assert habits.loyalty_score == 1.0
    assert answer.transaction_intelligence.fraud_score == 0.2
    standing = answer.compliance_status
    assert (standing.kyc_verified, standing.kyc_level, standing.risk_level) == (True, "ADVANCED", "low")
    assert (standing.audit_trail, standing.regulatory_flags) == ("complete", [])
    routes = answer.system_intelligence
    assert (routes.optimal_provider, routes.expected_latency, routes.success_probability) == ("stripe", "2000ms", 1.0)
    assert routes.alternative_routes == ["razorpay"]
    assert next((one.source, one.attempts, one.succeeded) for one in routes.providers) == ("razorpay", 30, 20)
    assert (answer.rests_on.events, nulls(answer)) == (10, set())


def test_a_period_has_no_user_and_says_so(ask: Ask) -> None:
    """The rest is of everything in it; conflicts and suspended money are flagged."""
    today = Period(NOW - timedelta(hours=2), NOW)
    answer = ask(lambda database: period_context(database, today))
    assert {field for field in answer.absent if field.startswith("user_behavior")} == {
        f"user_behavior.{field}" for field in NAMES["user_behavior"]
    }
    assert answer.transaction_intelligence.fraud_score == pytest.approx((0.10 + 0.45 + 0.85) / 3, abs=1e-4)
    assert answer.transaction_intelligence.fraud_score_max == 0.85
    assert answer.compliance_status.regulatory_flags == ["in_suspense", "identity_conflict"]
    assert (answer.rests_on.events, answer.compliance_status.risk_level) == (4, "critical")


def test_flags_of_a_payment_are_those_that_are_stored(ask: Ask) -> None:
    """An identity conflict at its capture, money owed by its wallet, and a dispute that runs."""

    async def disputed(database: Database) -> PaymentContext:
        await database.objects.update_one({"_id": "stripe:payment:pi_1"}, {"$set": {"state": "DISPUTED"}})
        return await payment_context(database, "pi_1", now=NOW)

    assert ask(disputed).compliance_status.regulatory_flags == ["disputed", "identity_conflict", "owes_money"]


@pytest.mark.parametrize(("state", "told"), [("OPEN", True), ("WITHDRAWN", True), ("LOST", True), ("WON", False)])
def test_a_wallet_is_disputed_while_the_ledger_says_so_of_its_payments(ask: Ask, state: str, told: bool) -> None:
    """Money that was taken back is as disputed as money that is held."""

    async def asked(database: Database) -> Any:
        await database.transactions.update_one(
            {"_id": "stripe:capture:pi_1"}, {"$set": {"object": "stripe:dispute:dp_1"}}
        )
        await database.objects.insert_one({"_id": "stripe:dispute:dp_1", "kind": "dispute", "state": state})
        return await wallet_context(database, "alice", now=NOW)

    assert ("disputed" in ask(asked).compliance_status.regulatory_flags) is told


@pytest.mark.parametrize(("ok", "told"), [(True, None), (False, "broken")])
def test_an_audit_before_the_payment_says_nothing_about_it_unless_it_is_broken(
    ask: Ask, ok: bool, told: str | None
) -> None:
    """An old audit that held proves nothing about what came after it."""

    async def asked(database: Database) -> PaymentContext:
        await database.audits.insert_one({"at": NOW - timedelta(days=1), "ok": ok})
        return await payment_context(database, TRANSFER_EVENT, now=NOW)

    answer: Any = ask(asked)
    assert answer.compliance_status.audit_trail == told
    assert ("compliance_status.audit_trail" in answer.absent) is ok


def test_an_unscored_event_has_no_score(ask: Ask) -> None:
    """Not zero, which would be good news."""

    async def asked(database: Database) -> PaymentContext:
        await database.insights.update_one({"_id": CAPTURE_EVENT}, {"$set": {"score": None, "level": "unscored"}})
        await database.insights.delete_many({"_id": {"$ne": CAPTURE_EVENT}})
        return await payment_context(database, "pi_1", now=NOW)

    answer = ask(asked)
    assert answer.transaction_intelligence.fraud_score is None
    assert answer.absent["transaction_intelligence.fraud_score"] == "none of 1 events could be scored"


def test_an_unknown_payment_or_wallet_has_no_context(ask: Ask) -> None:
    """It is an error, not a context of nothing."""
    with pytest.raises(NotFound):
        ask(lambda database: payment_context(database, "pi_unknown", now=NOW))
    with pytest.raises(NotFound):
        ask(lambda database: wallet_context(database, "nobody", now=NOW))
