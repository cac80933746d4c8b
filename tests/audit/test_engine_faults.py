"""Mistakes in the engine itself, switched on for one story: what they do to the store is found by the audit."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from booked_store import Booking, Document, audit, razorpay, story

from gateway.audit.report import Report
from gateway.events.event import PaymentEvent
from gateway.ledger import books as engine
from gateway.ledger.books import Books
from gateway.ledger.store import LedgerStore
from gateway.ledger.wallet import Change, Wallet
from gateway.ledger.writes import Writes
from gateway.queries.reading import Database

Ask = Callable[[Callable[[Database], Awaitable[Any]]], Any]


def told(ask: Ask, events: Iterable[Document]) -> Report:
    """Book the events with the engine as it is now, then audit."""

    async def book(database: Database) -> Report:
        await Booking(database).book(events, batch=3)
        return await audit(database)

    report: Report = ask(book)
    return report


def broken(report: Report) -> list[str]:
    return [check.id for check in report.checks if check.broken]


def test_a_debit_that_is_not_covered_is_found(empty: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wallet that goes below zero instead of owing: I5, at the transaction that took it there."""

    def moved(self: Wallet, balance: int, locked: int) -> tuple[Wallet, Change]:
        after = replace(
            self,
            balance_minor=self.balance_minor + balance,
            locked_minor=self.locked_minor + locked,
            version=self.version + 1,
        )
        return after, Change(balance, locked, 0)

    monkeypatch.setattr(Wallet, "moved", moved)
    report = told(empty, story())
    assert broken(report) == ["I5"]
    assert report.first
    assert "payments:transfer:tx-2" in str(report.first.first)


def test_a_lost_update_is_found(empty: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read, modify, write, from a wallet that was read before another batch changed it: I4."""
    load, first = LedgerStore.load, dict[str, Wallet]()

    async def stale(self: LedgerStore, events: Iterable[PaymentEvent]) -> Books:
        books = await load(self, events)
        first.update({key: wallet for key, wallet in books.wallets.items() if key not in first})
        return replace(books, wallets={**books.wallets, **first})

    monkeypatch.setattr(LedgerStore, "load", stale)
    captures = [razorpay("payment.captured", f"pay_{n}", 2**n) for n in range(1, 10)]
    report = told(empty, captures)
    assert report.first
    assert report.first.id == "I4"


def test_a_refund_beyond_the_capture_is_found(empty: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody compared it with what was captured: I7, at the payment."""
    monkeypatch.setattr(engine, "_contradiction", lambda *_: None)
    events = [
        razorpay("payment.captured", "pay_1", 100),
        razorpay("payment.captured", "pay_2", 100),
        razorpay("refund.processed", "rfnd_1", 70, of="pay_1"),
        razorpay("refund.processed", "rfnd_2", 70, of="pay_1"),
    ]
    report = told(empty, events)
    assert broken(report) == ["I7"]
    assert "razorpay:payment:pay_1: 140 were refunded of 100 captured" in str(report.first and report.first.first)


def test_an_edge_that_the_tables_do_not_have_is_found(empty: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed payout that is processed after all: the writer's table was changed, the audit's own was not. I8."""
    tables = {**engine.__dict__["next_state"].__globals__["EDGES"]}
    wrong = {**tables["payout"], "FAILED": {**tables["payout"]["FAILED"], "processed": "PROCESSED"}}
    monkeypatch.setitem(engine.next_state.__globals__, "EDGES", {**tables, "payout": wrong})
    events = [
        razorpay("payment.captured", "pay_1", 100),
        razorpay("payout.failed", "pout_1", 10),
        razorpay("payout.processed", "pout_1", 10),
    ]
    report = told(empty, events)
    assert broken(report) == ["I8"]
    assert "razorpay:payout_done:pout_1" in str(report.first and report.first.first)


def test_money_that_moves_twice_on_one_edge_is_found(empty: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Balanced legs, consistent wallets, and twice the amount: I8, since the effect of an edge is fixed."""
    post = Books._post

    def doubled(self: Books, event: PaymentEvent, taken: Any, owner: str, shift: Any) -> Any:
        return post(self, event, taken, owner, type(shift)(shift.balance * 2, shift.locked))

    monkeypatch.setattr(Books, "_post", doubled)
    assert broken(told(empty, [razorpay("payment.captured", "pay_1", 100)])) == ["I8"]


def test_an_outcome_without_its_effects_is_found(empty: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marked as handled outside the transaction that carried the effects, which then failed: I1 and whatever else hangs on it."""
    atomic = LedgerStore.atomic

    async def only_outcomes(self: LedgerStore, writes: list[Writes], *, next_seq: int) -> None:
        await atomic(self, [write for write in writes if write.collection == "events"], next_seq=next_seq)

    monkeypatch.setattr(LedgerStore, "atomic", only_outcomes)
    report = told(empty, [razorpay("payment.captured", "pay_1", 100)])
    assert broken(report) == ["I1", "I14"]  # the writer's counter went on as well
    assert "is applied, yet no transaction names it" in str(report.first and report.first.first)


def test_a_hold_released_on_another_wallet_is_found(empty: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one wallet stays locked for ever, the other lends its own hold: I6."""
    take = Books._take

    def elsewhere(self: Books, event: PaymentEvent, known: Any, taken: Any, parent: Any) -> Any:
        return take(self, event, known, replace(taken, wallet=event.wallet or taken.wallet), parent)

    monkeypatch.setattr(Books, "_take", elsewhere)
    events = [
        razorpay("payment.captured", "pay_1", 100),
        razorpay("payment.captured", "pay_2", 100, wallet="bob"),
        razorpay("payout.initiated", "pout_1", 10),
        razorpay("payout.initiated", "pout_2", 10, wallet="bob"),
        razorpay("payout.failed", "pout_1", 10, wallet="bob"),
    ]
    report = told(empty, events)
    assert broken(report) == ["I6"]
    assert "razorpay:payout_released:pout_1" in str(report.first and report.first.first)
