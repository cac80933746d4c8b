"""Refunds, disputes, payouts and what waits for a person, as they stood when the period ended."""

from datetime import timedelta
from typing import Any

import pytest
from booked_store import razorpay, transfer
from report_ledger import DAY

from reports.sections.attention import advice
from reports.table import by_key

YESTERDAY = "2026-11-20"
TODAY = "2026-11-21"


def rows(ledger: Any, period: str, key: str, **filters: Any) -> list[dict[str, Any]]:
    return list(by_key(ledger.collect(ledger.asked(period, **filters)).tables)[key].records())


@pytest.fixture
def disputed(fresh: Any) -> Any:
    """A dispute opened yesterday at noon and lost today; a payout requested yesterday; a refund done; money in suspense."""
    fresh.book(
        razorpay("payment.captured", "pay_1", 100_00),
        razorpay("payment.captured", "pay_2", 40_00, wallet="bob"),
        razorpay("payment.dispute.created", "disp_1", 40_00, of="pay_2", wallet=None),
        razorpay("payout.initiated", "pout_1", 10_00),
        razorpay("refund.processed", "rfnd_1", 30_00, of="pay_1"),
        razorpay("payment.captured", "pay_3", 8_00, wallet=None),
        at=DAY - timedelta(hours=12),
    )
    fresh.book(
        transfer("tx-1", "bob", "carol", "3.00"),
        razorpay("payment.dispute.lost", "disp_1", 40_00, of="pay_2", wallet=None),
        razorpay("payout.processed", "pout_1", 10_00),
        razorpay("payment.captured", "pay_4", 5_00, wallet=None),
        at=DAY + timedelta(hours=6),
    )
    return fresh


def test_an_object_stands_as_it_did_at_the_period_s_end(disputed: Any) -> None:
    """Yesterday's report is about yesterday, though the dispute was lost and the payout went out since."""
    yesterday = {(row["kind"], row["state"]): row for row in rows(disputed, YESTERDAY, "refunds_disputes")}
    assert yesterday["Dispute", "Open"]["amount"] == 40_00
    assert yesterday["Refund", "Succeeded"]["objects"] == 1
    today = {(row["kind"], row["state"]) for row in rows(disputed, TODAY, "refunds_disputes")}
    assert today == {("Dispute", "Lost")}
    assert [row["state"] for row in rows(disputed, YESTERDAY, "payouts")] == ["Requested"]
    assert [row["state"] for row in rows(disputed, TODAY, "payouts")] == ["Processed"]


def test_open_items_are_the_oldest_first_with_what_they_hold(disputed: Any) -> None:
    items = rows(disputed, YESTERDAY, "open_items")
    assert {(row["object"], row["held"], row["age_days"]) for row in items} == {
        ("disp_1", 40_00, 0),
        ("pout_1", 10_00, 0),
    }
    assert rows(disputed, TODAY, "open_items") == []


def test_an_open_object_grows_old(disputed: Any) -> None:
    """Its age is counted to the period's end."""
    disputed.book(razorpay("payment.dispute.created", "disp_2", 1_00, of="pay_1"), at=DAY + timedelta(hours=8))
    (row,) = [row for row in rows(disputed, "2026-11-23", "refunds_disputes") if row["state"] == "Open"]
    assert row["age_days"] == 2


def test_suspense_is_what_it_was_at_the_end(disputed: Any) -> None:
    """Today's five more are not yesterday's."""
    for period, amount in ((YESTERDAY, 8_00), (TODAY, 13_00)):
        (row,) = [row for row in rows(disputed, period, "attention") if row["kind"] == "Suspense"]
        assert (row["amount"], row["source"]) == (amount, "razorpay")
        assert "wallet_id" in row["what_to_do"]


def test_what_is_owed_is_listed_with_its_owner(fresh: Any) -> None:
    """A dispute lost after the wallet was emptied."""
    fresh.book(
        razorpay("payment.captured", "pay_1", 25_00, wallet="carol"),
        transfer("tx-1", "carol", "dave", "20.00"),
        razorpay("payment.dispute.lost", "disp_1", 25_00, of="pay_1", wallet=None),
        at=DAY + timedelta(hours=1),
    )
    (row,) = rows(fresh, TODAY, "attention")
    assert (row["kind"], row["what"], row["amount"], row["currency"]) == ("Receivable", "carol", 20_00, "INR")
    balances = {row["account"]: row["closing"] for row in rows(fresh, TODAY, "balances")}
    assert balances == {"wallets": 20_00, "receivable": -20_00, "clearing:razorpay": 0}


def test_filters_reach_objects(disputed: Any) -> None:
    assert [row["object"] for row in rows(disputed, YESTERDAY, "open_items", wallet="bob")] == ["disp_1"]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("the payment is not captured yet", "books itself"),
        ("conflict: canceled against CAPTURED", "replay the event that is true"),
        ("conflict: more would be refunded than was captured", "reconcile with its export"),
        ("could not be opened encryption_key:abc", "ENCRYPTION_KEY"),
        ("something new", "gateway events show"),
    ],
)
def test_each_reason_has_its_advice(reason: str, words: str) -> None:
    assert words in advice(reason)
