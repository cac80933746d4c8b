"""Figures read from a real MongoDB, against totals computed by hand."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import BadRequest, StoreUnavailable
from gateway.events.event import PaymentEvent
from gateway.ledger.books import Books
from gateway.ledger.store import ledger_writes
from gateway.mongo import connect
from gateway.settings import Settings
from reports.books import Amount, WalletChange
from reports.collect import collect
from reports.figures import LevelCount, NarrativeCount, OutcomeCount, RefusalCount

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = datetime(2026, 12, 1, tzinfo=UTC)


def test_totals_per_currency_are_the_sums_a_person_would_get(stored: Any) -> None:
    """USD 100.00 + 50.50 − 20.25 + 20.25 returned; JPY and KWD keep their own decimals; nothing crosses currencies."""
    stored.booked("capture", 10_000)
    stored.booked("capture", 5_050, source="standard")
    stored.booked("refund", 2_025)
    stored.booked("refund_failed", 2_025)
    stored.booked("capture", 1_200, "JPY")
    stored.booked("capture", 1_234_567, "KWD", source="standard")
    stored.transferred(999, "USD", sender="bob", receiver="carol", after=(1, 999))
    figures = stored.figures()
    totals = {each.currency: each.total for each in figures.currencies}
    assert list(totals) == ["JPY", "KWD", "USD"]
    assert [totals["USD"].captured.amount, totals["USD"].refunded.amount, totals["USD"].returned.amount] == [
        "150.50",
        "20.25",
        "20.25",
    ]
    assert [totals["USD"].net.amount, totals["USD"].transferred.amount, totals["USD"].transactions] == [
        "150.50",
        "9.99",
        5,
    ]
    assert [totals["JPY"].captured.amount, totals["KWD"].captured.amount] == ["1200", "1234.567"]
    assert figures.transactions == 7
    assert figures.balances


def test_totals_beyond_64_bits_are_exact(stored: Any) -> None:
    """MongoDB's own integer sum would have become a rounded double."""
    for _ in range(1_100):
        stored.booked("capture", 2**53 - 1, "INR")
    assert stored.figures().currencies[0].total.captured.amount_minor == 1_100 * (2**53 - 1)


def test_the_period_includes_its_first_moment_and_not_its_end(stored: Any) -> None:
    """Half-open, for every kind of record."""
    instant = timedelta(milliseconds=1)
    for number, at in enumerate((SINCE - instant, SINCE, UNTIL - instant, UNTIL)):
        stored.booked("capture", 10**number, at=at)
        stored.received(f"e{number}", at=at)
        stored.refused("signature", 403, at=at)
        stored.assessed(f"e{number}", 50 + number, at=at)
        stored.add("incidents", at=at, kind="conflict", event_id=f"evt_{number}", source="stripe")
        stored.add("objects", kind="payment", state="CAPTURED", currency="USD", amount_minor=10**number, updated_at=at)
    figures = stored.figures()
    assert figures.currencies[0].total.captured.amount_minor == 110
    assert figures.events.received == figures.refusals.requests == figures.incidents.total == figures.risk.scored == 2
    assert [each.score for each in figures.risk.riskiest.rows] == [52, 51]
    assert [(each.objects, each.amount) for each in figures.states.rows] == [(2, Amount(110, "USD"))]


def test_the_series_has_a_step_for_each_day_and_adds_up_to_the_total(stored: Any, day: timedelta) -> None:
    stored.booked("capture", 700, at=SINCE)
    stored.booked("capture", 300, at=SINCE + day / 2)
    stored.booked("refund", 50, at=SINCE + 29 * day)
    (dollars,) = stored.figures().currencies
    assert len(dollars.series) == 30
    assert [dollars.series[index].flow.net.amount_minor for index in (0, 1, 29)] == [1_000, 0, -50]
    assert sum(each.flow.net.amount_minor for each in dollars.series) == dollars.total.net.amount_minor == 950


def test_a_kind_without_a_column_is_listed_and_a_state_change_is_no_money(stored: Any) -> None:
    stored.booked("capture", 900)
    stored.booked("dispute_withdrawn", 400)
    stored.booked("state", 0, "", legs=[])
    figures = stored.figures()
    (dollars,) = figures.currencies
    assert [(each.kind, each.amount.amount, each.transactions) for each in dollars.other_kinds] == [
        ("dispute_withdrawn", "4.00", 1)
    ]
    assert (dollars.total.net.amount, figures.transactions, figures.balances) == ("9.00", 2, True)


def test_a_lost_leg_is_reported_as_books_that_do_not_balance(stored: Any) -> None:
    stored.booked(
        "capture", 900, legs=[{"account": "wallet:alice", "amount_minor": 900, "balance_after": 900, "version": 1}]
    )
    assert not stored.figures().balances


def test_wallets_are_ranked_by_change_with_opening_and_closing_balance(stored: Any) -> None:
    """Closing is what the last posting of the period recorded, opening follows; a debit can be the largest change."""
    stored.transferred(5_000, "USD", sender="bob", receiver="carol", after=(20_000, 5_000))
    stored.transferred(2_000, "USD", sender="bob", receiver="dave", after=(18_000, 2_500))
    (dollars,) = stored.figures().currencies
    usd = lambda minor: Amount(minor, "USD")  # noqa: E731
    assert dollars.wallets.rows == (
        WalletChange("bob", usd(-7_000), usd(18_000), 2),
        WalletChange("carol", usd(5_000), usd(5_000), 1),
        WalletChange("dave", usd(2_000), usd(2_500), 1),
    )
    assert [each.opening.amount for each in dollars.wallets.rows] == ["250.00", "0.00", "5.00"]


def test_a_long_list_is_cut_and_counts_what_it_left_out(stored: Any) -> None:
    for number in range(60):
        stored.received(f"e{number}", type=f"type.{number}", reason=f"reason {number}", outcome="ignored")
        stored.transferred(100 + number, "USD", sender="bank", receiver=f"w{number}", after=(0, 0))
        stored.assessed(f"e{number}", 1 + number)
    figures = stored.figures()
    wallets = figures.currencies[0].wallets
    for listing, total in (
        (figures.events.by_type, 60),
        (figures.events.not_applied, 60),
        (wallets, 61),
        (figures.risk.riskiest, 60),
    ):
        assert 0 < len(listing.rows) < total == listing.total
    assert figures.events.received == 60


def test_events_are_counted_by_outcome_and_those_without_one_wait(stored: Any) -> None:
    stored.received("a")
    stored.received("b")
    stored.received("c", "rejected", source="standard", reason="amount is missing")
    stored.received("d", None)
    figures = stored.figures()
    assert figures.events.by_outcome == (
        OutcomeCount("stripe", "applied", 2),
        OutcomeCount("standard", "rejected", 1),
        OutcomeCount("stripe", "waiting", 1),
    )
    assert figures.events.outcomes == {"applied": 2, "rejected": 1, "waiting": 1}
    assert [(each.outcome, each.reason) for each in figures.events.not_applied.rows] == [
        ("rejected", "amount is missing")
    ]


def test_parked_and_waiting_events_of_earlier_periods_are_still_reported(stored: Any, noon: datetime) -> None:
    """They are open work; those of a later period are not this report's."""
    stored.received(
        "old", "parked", at=SINCE - timedelta(days=40), reason="no such payment", awaits="stripe:payment:pi_9"
    )
    stored.received("later", "parked", at=UNTIL)
    stored.received("slow", None, at=noon)
    figures = stored.figures()
    (parked,) = figures.open_events.parked_events.rows
    assert (parked.event_id, parked.awaits, figures.open_events.parked) == ("evt_old", "stripe:payment:pi_9", 1)
    assert (figures.open_events.waiting, figures.open_events.waiting_since) == (1, noon)


def test_refusals_are_counted_by_reason_and_the_log_says_how_far_back_it_reaches(stored: Any, noon: datetime) -> None:
    for _ in range(3):
        stored.refused("signature", 403)
    stored.refused("stale", 408, at=noon + timedelta(hours=1))
    figures = stored.figures()
    assert figures.refusals.by_reason.rows[0] == RefusalCount("stripe", "signature", 403, 3, noon)
    assert (figures.refusals.requests, figures.refusals.kept_since) == (4, noon)


def test_unscored_events_are_counted_apart_and_are_never_the_riskiest(stored: Any) -> None:
    stored.assessed("a", 71)
    stored.assessed("b", None)
    stored.assessed("c", 0, level="low")
    risk = stored.figures().risk
    assert risk.levels == (LevelCount("high", 1), LevelCount("low", 1), LevelCount("unscored", 1))
    assert (risk.scored, risk.unscored, [each.event_id for each in risk.riskiest.rows]) == (2, 1, ["evt_a"])
    assert risk.narratives.rows == (NarrativeCount("absent", "no_model_key", 3),)


def test_an_empty_store_gives_an_honest_empty_report(stored: Any) -> None:
    """No collection exists yet: zeros and empty lists, and nothing invented."""
    figures = stored.figures()
    assert (figures.currencies, figures.events.received, figures.refusals.kept_since) == ((), 0, None)
    assert (figures.open_events.parked, figures.open_events.waiting, figures.risk.levels) == (0, 0, ())
    assert figures.balances


def test_what_the_ledger_itself_writes_balances_in_the_report(stored: Any) -> None:
    """Captured 120.00, refunded 20.00 of it, and a transfer that leaves the sender owing 50.00: booked by the real rules."""
    told: Any = {"occurred_at": SINCE.timestamp(), "currency": "USD"}
    events = (
        PaymentEvent("evt_1", "stripe", "payment", "captured", "pi_1", amount_minor=12_000, wallet="alice", **told),
        PaymentEvent("evt_2", "stripe", "refund", "succeeded", "re_1", parent_id="pi_1", amount_minor=2_000, **told),
        PaymentEvent(
            "evt_3",
            "payments",
            "transfer",
            "completed",
            "t1",
            amount_minor=15_000,
            wallet="alice",
            counterparty="bob",
            **told,
        ),
    )
    books = Books()
    transactions = [applied.transaction for applied in map(books.apply, events) if applied.transaction]
    for writes in ledger_writes(books, transactions, first_seq=1, now=SINCE.timestamp()):
        for document in (*writes.inserts, *writes.replacements):
            stored.add(writes.collection, **document)
    figures = stored.figures()
    (dollars,) = figures.currencies
    assert {each.account: each.change.amount for each in dollars.accounts} == {
        "clearing": "-100.00",
        "receivable": "-50.00",
        "wallet": "150.00",
    }
    assert (dollars.total.net.amount, dollars.total.transferred.amount, figures.balances) == ("100.00", "150.00", True)
    assert [(each.owner, each.closing.amount) for each in dollars.wallets.rows] == [
        ("bob", "150.00"),
        ("alice", "0.00"),
    ]
    assert {(each.kind, each.state) for each in figures.states.rows} == {
        ("payment", "PARTIALLY_REFUNDED"),
        ("refund", "SUCCEEDED"),
        ("transfer", "COMPLETED"),
    }


def test_an_empty_period_is_refused(stored: Any) -> None:
    with pytest.raises(BadRequest):
        stored.figures(since=UNTIL, until=UNTIL)


def test_a_store_that_does_not_answer_is_our_error() -> None:
    """Something listens and stays silent: not a driver's exception, and within the client's own time, not the report's."""

    async def read() -> None:
        silent = await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        try:
            async with connect(
                f"mongodb://127.0.0.1:{port}/", Settings(_env_file=None, mongo_timeout_ms=200)
            ) as client:
                await collect(client["autopay"], since=SINCE, until=UNTIL, now=UNTIL)
        finally:
            for writer in writers:
                writer.close()
            silent.close()

    writers: list[asyncio.StreamWriter] = []
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        asyncio.run(read())
    assert time.monotonic() - began < 10
