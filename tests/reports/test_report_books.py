"""Amounts, flows and the double-entry check."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.books import AccountChange, Amount, CurrencyFigures, Listing, OtherKind, SourceFlow, flow, summed

MINOR = st.integers(min_value=-(10**30), max_value=10**30)


def euros(**accounts: int) -> CurrencyFigures:
    """A currency in which 100.00 was captured and 30.00 refunded, with these changes by class of account."""
    return CurrencyFigures(
        currency="EUR",
        by_source=(SourceFlow("stripe", flow("EUR", {"capture": 10_000, "refund": 3_000}, 2)),),
        series=(),
        other_kinds=(),
        accounts=tuple(AccountChange(name, Amount(minor, "EUR")) for name, minor in accounts.items()),
        wallets=Listing(()),
    )


@given(MINOR, MINOR)
def test_amounts_of_two_currencies_cannot_be_added(left: int, right: int) -> None:
    """No total can mix currencies, however it is computed."""
    with pytest.raises(ValueError, match="JPY and KWD cannot be added"):
        Amount(left, "JPY") + Amount(right, "KWD")


@given(MINOR, MINOR)
def test_a_sum_is_exact(left: int, right: int) -> None:
    """Integers of any size, never a float."""
    assert (Amount(left, "INR") + Amount(right, "INR")).amount_minor == left + right


def test_an_amount_is_written_with_its_currency_s_own_decimals() -> None:
    assert [Amount(1_234_567, code).amount for code in ("USD", "JPY", "KWD")] == ["12345.67", "1234567", "1234.567"]


def test_the_net_leaves_transfers_out_and_adds_refunds_that_failed() -> None:
    """Net = captured − refunded + returned."""
    booked = flow("USD", {"capture": 10_000, "refund": 4_000, "refund_failed": 1_500, "transfer": 99_999}, 4)
    assert booked.net == Amount(7_500, "USD")


@given(st.lists(st.integers(min_value=0, max_value=2**53)))
def test_a_total_is_the_sum_of_its_flows(captured: list[int]) -> None:
    parts = [flow("USD", {"capture": minor}, 1) for minor in captured]
    assert summed(parts, "USD") == flow("USD", {"capture": sum(captured)}, len(captured))


def test_books_balance_when_legs_cancel_and_clearing_gave_the_net() -> None:
    assert euros(clearing=-7_000, wallet=6_000, suspense=1_000).balances


def test_books_do_not_balance_when_a_leg_is_missing() -> None:
    assert not euros(clearing=-7_000, wallet=6_999).balances


def test_books_do_not_balance_when_legs_cancel_but_say_another_net() -> None:
    """Two independent sums: the legs and the transactions' own amounts."""
    assert not euros(clearing=-8_000, wallet=8_000).balances


def test_a_dispute_that_took_money_back_belongs_to_what_clearing_must_show() -> None:
    figures = euros(clearing=-5_000, wallet=5_000)
    disputed = CurrencyFigures(
        currency="EUR",
        by_source=figures.by_source,
        series=(),
        other_kinds=(
            OtherKind("dispute_withdrawn", Amount(2_000, "EUR"), 1),
            OtherKind("dispute_opened", Amount(2_000, "EUR"), 1),
        ),
        accounts=figures.accounts,
        wallets=Listing(()),
    )
    assert (figures.balances, disputed.balances) == (False, True)
