"""Money: how amounts are read and written, by example; the laws are in properties/."""

from decimal import Decimal

import pytest

from gateway.money import AMOUNT_MINOR_MAX, NotMoney, decimal_text, exponent, minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.30", "USD", 1_230),
        ("12.3", "USD", 1_230),
        (12, "USD", 1_200),
        (Decimal("0.01"), "USD", 1),
        ("500", "JPY", 500),
        ("500.00", "JPY", 500),
        ("1.234", "KWD", 1_234),
        ("0012.30", "USD", 1_230),
    ],
)
def test_an_amount_in_minor_units(amount: str | int | Decimal, currency: str, minor: int) -> None:
    """The currency says how many decimals there are."""
    assert minor_units(amount, currency) == minor


@pytest.mark.parametrize(
    "amount",
    [
        *(
            "",
            " 1",
            "1 ",
            "1,00",
            "+1",
            "-1",
            "1e3",
            ".5",
            "5.",
            "1.2.3",
            "0x10",
            "١٢",
            "NaN",
            "Infinity",
            "1_000",
            "0",
            "0.00",
        ),
        *(0, -1, Decimal("-0.01"), Decimal("NaN"), Decimal("Infinity"), Decimal("1E+999999"), 10**400),
        *("9" * 21, "0." + "0" * 21),
    ],
)
def test_what_is_no_amount(amount: str | int | Decimal) -> None:
    """Signs, spaces, exponents, other digits, zero, and what is no number at all."""
    with pytest.raises(NotMoney):
        minor_units(amount, "USD")


@pytest.mark.parametrize(
    ("amount", "currency"), [("1.001", "USD"), ("1.5", "JPY"), ("1.2345", "KWD"), (Decimal("1E-5"), "USD")]
)
def test_more_decimals_than_the_currency_has(amount: str | Decimal, currency: str) -> None:
    """Refused with the reason: rounding would make or lose money."""
    with pytest.raises(NotMoney, match=f"{currency} has {exponent(currency)} decimals"):
        minor_units(amount, currency)


@pytest.mark.parametrize("currency", ["usd", "XXX", "XAU", "", "US", "USDT", "ZZZ", "12"])
def test_what_is_no_currency(currency: str) -> None:
    """A code of ISO 4217 in capitals, one that has minor units."""
    with pytest.raises(NotMoney, match="ISO 4217"):
        minor_units("1", currency)


def test_the_largest_amount() -> None:
    """The bound itself is an amount, one more is none, and the sentence names the bound."""
    assert minor_units(decimal_text(AMOUNT_MINOR_MAX, "USD"), "USD") == AMOUNT_MINOR_MAX
    with pytest.raises(NotMoney, match=r"at most 90071992547409\.91"):
        minor_units("90071992547409.92", "USD")


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1_230, "USD", "12.30"),
        (5, "USD", "0.05"),
        (-5, "USD", "-0.05"),
        (500, "JPY", "500"),
        (-7, "JPY", "-7"),
        (1, "KWD", "0.001"),
    ],
)
def test_an_amount_as_people_write_it(minor: int, currency: str, text: str) -> None:
    """With all the currency's decimals, and none that it lacks."""
    assert decimal_text(minor, currency) == text
