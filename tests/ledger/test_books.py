"""The fold, one situation at a time: what an event does to objects and wallets, and what it leaves alone."""

from dataclasses import replace

import pytest

from gateway.events.event import Outcome, PaymentEvent
from gateway.ledger.books import Applied, Books
from gateway.ledger.wallet import BALANCE_MINOR_MAX, Wallet


def event(kind: str, step: str, object_id: str, amount: int = 100, **fields: object) -> PaymentEvent:
    base = PaymentEvent(
        event_id=f"evt_{kind}_{step}_{object_id}",
        source="stripe",
        kind=kind,
        step=step,
        object_id=object_id,
        occurred_at=1_795_255_200.0,
        amount_minor=amount,
        currency="USD",
        wallet="alice",
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def captured(amount: int = 100, **fields: object) -> PaymentEvent:
    return event("payment", "captured", "pi_1", amount, **fields)


def refund(step: str, object_id: str = "re_1", amount: int = 30, parent: str = "pi_1") -> PaymentEvent:
    return event("refund", step, object_id, amount, parent_id=parent, wallet=None)


def dispute(step: str, amount: int = 100) -> PaymentEvent:
    return event("dispute", step, "dp_1", amount, parent_id="pi_1", wallet=None)


def payout(step: str, amount: int = 40, **fields: object) -> PaymentEvent:
    return event("payout", step, "po_1", amount, **fields)


def told(books: Books, *events: PaymentEvent) -> list[Applied]:
    return [books.apply(each) for each in events]


def held(books: Books, owner: str = "alice") -> tuple[int, int, int]:
    """Balance, locked, owed."""
    wallet = books.wallets.get(f"USD:{owner}", Wallet(owner, "USD"))
    return wallet.balance_minor, wallet.locked_minor, wallet.receivable_minor


def state(books: Books, key: str = "payment:pi_1") -> str:
    return books.objects[f"stripe:{key}"].state


def test_a_capture_credits_the_wallet_against_clearing() -> None:
    """Two legs that sum to zero, the wallet's with what it held afterwards."""
    books = Books()
    (applied,) = told(books, captured())
    assert applied.transaction
    assert [(leg.account, leg.amount_minor) for leg in applied.transaction.legs] == [
        ("wallet:alice", 100),
        ("clearing:stripe", -100),
    ]
    assert applied.transaction.key == "stripe:capture:pi_1"
    assert held(books) == (100, 0, 0)


def test_two_events_for_one_effect_move_money_once() -> None:
    """`payment_intent.succeeded` and `charge.captured` report one capture."""
    books = Books()
    first, second = told(books, captured(), captured(event_id="evt_other"))
    assert (first.outcome, second.outcome) == (Outcome.APPLIED, Outcome.STALE)
    assert held(books) == (100, 0, 0)


def test_an_authorisation_moves_nothing_and_may_be_captured_in_part() -> None:
    """What counts is what was captured."""
    books = Books()
    authorized, _ = told(books, event("payment", "authorized", "pi_1", 100), captured(60))
    assert authorized.transaction
    assert (authorized.transaction.effect, authorized.transaction.legs) == ("state", ())
    assert held(books) == (60, 0, 0)


def test_money_that_names_no_wallet_waits_in_suspense() -> None:
    """It is never dropped; its refund comes from there as well."""
    books = Books()
    told(books, captured(wallet=None), refund("succeeded"))
    assert held(books, "suspense:stripe") == (70, 0, 0)


def test_a_refund_before_its_payment_is_parked_and_names_what_it_awaits() -> None:
    """Nothing has changed; told again after the capture it is applied."""
    books = Books()
    (early,) = told(books, refund("succeeded"))
    assert (early.outcome, early.awaits, books.changed_objects) == (Outcome.PARKED, "stripe:payment:pi_1", set())
    _, late = told(books, captured(), refund("succeeded"))
    assert late.outcome is Outcome.APPLIED
    assert (held(books), state(books)) == ((70, 0, 0), "PARTIALLY_REFUNDED")


def test_a_payment_is_refunded_when_its_refunds_make_its_amount() -> None:
    """Booked by refund id, each once."""
    books = Books()
    told(books, captured(), refund("succeeded", "re_1", 30), refund("succeeded", "re_2", 70), refund("succeeded"))
    assert (held(books), state(books)) == ((0, 0, 0), "REFUNDED")


def test_more_than_was_captured_is_not_refunded() -> None:
    """It is parked as a conflict, and applied when an earlier refund fails."""
    books = Books()
    results = told(books, captured(), refund("succeeded", "re_1", 80), refund("succeeded", "re_2", 80))
    assert results[-1].outcome is Outcome.PARKED
    assert "more would be refunded" in results[-1].reason
    told(books, refund("failed", "re_1", 80), refund("succeeded", "re_2", 80))
    assert (held(books), state(books)) == ((20, 0, 0), "PARTIALLY_REFUNDED")


def test_a_refund_that_fails_after_all_gives_back_once() -> None:
    """A compensating posting under its own key."""
    books = Books()
    results = told(books, captured(), refund("succeeded"), refund("failed"), refund("failed"), refund("succeeded"))
    keys = [result.transaction.key for result in results if result.transaction]
    assert keys == ["stripe:capture:pi_1", "stripe:refund:re_1", "stripe:refund_failed:re_1"]
    assert (held(books), state(books)) == ((100, 0, 0), "CAPTURED")


def test_a_dispute_holds_then_takes_then_gives_back() -> None:
    """Each step once, the hold ended by whichever comes next."""
    books = Books()
    told(books, captured(), dispute("created"))
    assert (held(books), state(books)) == ((100, 100, 0), "DISPUTED")
    told(books, dispute("withdrawn"))
    assert held(books) == (0, 0, 0)
    told(books, dispute("lost"))
    assert held(books) == (0, 0, 0)
    told(books, dispute("reinstated"), dispute("won"))
    assert (held(books), state(books)) == ((100, 0, 0), "CAPTURED")


def test_a_lost_dispute_on_an_empty_wallet_is_owed_and_paid_by_the_next_credit() -> None:
    """What the provider has taken cannot be refused; the balance never goes below zero."""
    books = Books()
    told(books, captured(), payout("requested", 100), payout("processed", 100), dispute("lost"))
    assert held(books) == (0, 0, 100)
    told(books, event("payment", "captured", "pi_2", 130))
    assert held(books) == (30, 0, 0)


def test_a_payout_holds_and_then_moves() -> None:
    """Requested holds, processed moves, reversed gives back, and a late processed is stale."""
    books = Books()
    told(books, captured(), payout("requested"))
    assert held(books) == (100, 40, 0)
    told(books, payout("processed"))
    assert held(books) == (60, 0, 0)
    told(books, payout("reversed"))
    assert held(books) == (100, 0, 0)
    assert [each.outcome for each in told(books, payout("processed"), payout("failed"))] == [Outcome.STALE] * 2


def test_a_payout_that_fails_releases_its_hold_once() -> None:
    """Failed, then reversed: one hold, one end."""
    books = Books()
    told(books, captured(), payout("requested"), payout("failed"), payout("reversed"), payout("failed"))
    assert (held(books), state(books, "payout:po_1")) == ((100, 0, 0), "REVERSED")


def test_a_hold_ends_on_the_wallet_it_was_put_on() -> None:
    """Also when only a later event says whose it is: by then the money is in suspense."""
    books = Books()
    told(books, captured(), payout("requested", wallet=None), payout("processed", wallet="alice"))
    assert held(books) == (100, 0, 0)
    assert held(books, "suspense:stripe") == (0, 0, 40)


def test_an_owner_who_becomes_known_before_money_moves_counts() -> None:
    """The authorisation named nobody, the capture does."""
    books = Books()
    told(books, event("payment", "authorized", "pi_1", wallet=None), captured())
    assert held(books) == (100, 0, 0)


def test_a_transfer_moves_between_two_wallets_and_may_be_owed() -> None:
    """The receiver gets all of it; what the sender lacked, the sender owes."""
    books = Books()
    (applied,) = told(books, event("transfer", "completed", "tx_1", 50, counterparty="bob"))
    assert (held(books), held(books, "bob")) == ((0, 0, 50), (50, 0, 0))
    assert applied.transaction
    assert sum(leg.amount_minor for leg in applied.transaction.legs) == 0


@pytest.mark.parametrize(
    ("after", "contradiction"),
    [
        (captured(), event("payment", "canceled", "pi_1")),
        (event("payment", "canceled", "pi_1"), captured()),
        (captured(), captured(90)),
        (captured(), captured(currency="EUR")),
        (payout("processed"), payout("canceled")),
        (payout("requested"), payout("processed", 41)),
    ],
    ids=["canceled-capture", "captured-cancel", "amount", "currency", "canceled-payout", "payout-amount"],
)
def test_what_contradicts_is_parked_as_a_conflict_and_changes_nothing(
    after: PaymentEvent, contradiction: PaymentEvent
) -> None:
    """A person decides; until then the first truth stands."""
    books = Books()
    told(books, after)
    before = dict(books.objects), dict(books.wallets)
    (parked,) = told(books, contradiction)
    assert parked.outcome is Outcome.PARKED
    assert parked.reason.startswith("conflict: ")
    assert (books.objects, books.wallets) == before


def test_a_refund_does_not_change_its_payment() -> None:
    """The same refund id under another payment would be counted off the wrong one."""
    books = Books()
    told(books, captured(), event("payment", "captured", "pi_2"), refund("succeeded"))
    (parked,) = told(books, refund("failed", parent="pi_2"))
    assert (parked.outcome, parked.reason) == (Outcome.PARKED, "conflict: it belonged to another payment before")
    assert books.objects["stripe:payment:pi_2"].refunded_minor == 0


def test_nobody_pays_themselves() -> None:
    """Two legs on one wallet, each computed from the same start, would make money."""
    books = Books()
    told(books, captured())
    (parked,) = told(books, event("transfer", "completed", "tx_1", 50, counterparty="alice"))
    assert parked.outcome is Outcome.PARKED
    assert held(books) == (100, 0, 0)


def test_a_balance_beyond_its_bound_is_parked() -> None:
    """Rather than overflow."""
    books = Books(wallets={"USD:alice": Wallet("alice", "USD", balance_minor=BALANCE_MINOR_MAX)})
    (parked,) = told(books, captured(1))
    assert parked.outcome is Outcome.PARKED
    assert held(books)[0] == BALANCE_MINOR_MAX


def test_a_subscription_changes_states_and_no_money() -> None:
    """Its money moves by its invoices' payments."""
    books = Books()
    steps = [
        event("subscription", step, "sub_1", 0, currency="") for step in ("created", "active", "past_due", "active")
    ]
    assert [result.reason for result in told(books, *steps)] == ["state"] * 4
    assert books.wallets == {}


def test_versions_count_every_change_of_a_wallet() -> None:
    """One per leg, so that a missing one shows."""
    books = Books()
    told(books, captured(), refund("succeeded"), payout("requested"), payout("processed"))
    assert books.wallets["USD:alice"].version == 4


@pytest.mark.parametrize("turned", [False, True])
def test_the_event_that_captures_names_the_wallet(turned: bool) -> None:
    """An authorisation that knew the customer only does not decide where the money goes, in whichever order they come."""
    events = [event("payment", "authorized", "pi_1", wallet="cus_1"), captured()]
    books = Books()
    told(books, *(reversed(events) if turned else events))
    assert held(books, "alice") == (100, 0, 0)
    assert held(books, "cus_1") == (0, 0, 0)
