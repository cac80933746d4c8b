"""The laws of money: reading and writing undo each other, and nothing is ever rounded."""

from contextlib import suppress
from decimal import Decimal, localcontext
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.money import AMOUNT_MINOR_MAX, NotMoney, decimal_text, exponent, minor_units

CURRENCIES = st.sampled_from(["USD", "EUR", "INR", "JPY", "KRW", "KWD", "BHD", "CLF", "UYW", "MGA"])
MINORS = st.integers(1, AMOUNT_MINOR_MAX)


@given(minor=MINORS, currency=CURRENCIES)
def test_reading_undoes_writing(minor: int, currency: str) -> None:
    """In every currency, whether it has no decimals or four."""
    assert minor_units(decimal_text(minor, currency), currency) == minor


@given(minor=st.integers(-AMOUNT_MINOR_MAX * 1_000, AMOUNT_MINOR_MAX * 1_000), currency=CURRENCIES)
def test_a_text_is_exactly_the_amount(minor: int, currency: str) -> None:
    """Also for sums beyond one event's bound, and for negative ones."""
    assert Fraction(decimal_text(minor, currency)) * 10 ** exponent(currency) == minor


@given(minor=MINORS, currency=CURRENCIES, precision=st.integers(1, 5))
def test_the_callers_decimal_context_changes_nothing(minor: int, currency: str, precision: int) -> None:
    """A library that lowers the process's precision must not make amounts round."""
    with localcontext() as context:
        context.prec = precision
        assert minor_units(decimal_text(minor, currency), currency) == minor


WHOLE, PART = st.integers(0, 10**21), st.text("0123456789", max_size=22)


@settings(max_examples=300)
@given(whole=WHOLE, part=PART, currency=CURRENCIES)
def test_an_amount_is_exact_or_refused(whole: int, part: str, currency: str) -> None:
    """Whatever decimal number is written: the exact amount, or `NotMoney`; nothing in between and nothing else raised."""
    text = f"{whole}.{part}" if part else str(whole)
    exact = Fraction(text) * 10 ** exponent(currency)
    try:
        minor = minor_units(text, currency)
    except NotMoney:
        too_long = len(str(whole)) > 20 or len(part) > 20
        assert too_long or exact.denominator != 1 or not 0 < exact <= AMOUNT_MINOR_MAX
    else:
        assert minor == exact


@settings(max_examples=300)
@given(amount=st.text(max_size=30) | st.integers() | st.decimals(), currency=CURRENCIES | st.text(max_size=4))
def test_anything_else_is_not_money(amount: str | int | Decimal, currency: str) -> None:
    """Total: an amount above zero within the bound comes out, or `NotMoney`."""
    with suppress(NotMoney):
        assert 0 < minor_units(amount, currency) <= AMOUNT_MINOR_MAX
