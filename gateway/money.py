"""Money is an integer of minor units and an ISO 4217 currency; floats never touch it.

`minor_units` reads what a sender wrote, `decimal_text` writes what a person reads, and each undoes the other.
"""

import re
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from functools import cache
from typing import Final

from iso4217 import Currency

AMOUNT_MINOR_MAX: Final = 2**53 - 1
"""The largest amount of one event: exact in every JSON reader, and a thousand of them fit a 64-bit balance."""

_PLAIN: Final = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?")
_NOT_PLAIN: Final = "amount must be a plain decimal number, such as 12.30"
_EXACT: Final = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow])
"""Rounding raises instead of happening; 60 digits hold every text that `_PLAIN` lets through."""


class NotMoney(ValueError):
    """The text or number is no amount of this currency; `str()` says why in words fit for a caller."""


@cache
def exponent(currency: str) -> int:
    """How many decimals the currency has (USD 2, JPY 0, KWD 3). Raises `NotMoney` for a code that is none.

    Source: ISO 4217 list one, as the `iso4217` package carries it; codes without minor units (gold, say) are refused.
    """
    try:
        found = Currency(currency).exponent
    except ValueError:
        found = None
    if found is None:
        raise NotMoney("currency must be an ISO 4217 code with minor units, such as USD")
    return int(found)


def minor_units(amount: str | int | Decimal, currency: str) -> int:
    """The amount in minor units, exact: `minor_units("12.30", "USD")` is 1230. Raises `NotMoney`.

    Never rounds: more decimals than the currency has is refused, as are signs, exponents of text and non-numbers.
    """
    places = exponent(currency)
    scaled = _scaled_text(amount, places) if isinstance(amount, str) else _scaled(amount, places)
    if not 0 < scaled <= AMOUNT_MINOR_MAX:
        raise NotMoney(f"amount must be above zero and at most {decimal_text(AMOUNT_MINOR_MAX, currency)}")
    if scaled != int(scaled):
        raise NotMoney(f"{currency} has {places} decimals; the amount has more")
    return int(scaled)


def _scaled_text(amount: str, places: int) -> int | Decimal:
    """Most have no more decimals than the currency: their digits read together are the minor units, in 60 % of the time."""
    plain = _PLAIN.fullmatch(amount)
    if plain is None:
        raise NotMoney(_NOT_PLAIN)
    whole, part = plain[1], plain[2] or ""
    return int(whole + part.ljust(places, "0")) if len(part) <= places else _scaled(amount, places)


def _scaled(amount: str | int | Decimal, places: int) -> Decimal:
    try:
        scaled = _EXACT.scaleb(_EXACT.create_decimal(amount), places)
    except DecimalException:
        raise NotMoney(_NOT_PLAIN) from None
    return scaled if scaled.is_finite() else Decimal(0)


def decimal_text(amount_minor: int, currency: str) -> str:
    """The amount as people write it: `decimal_text(1230, "USD")` is "12.30"; JPY has no point at all."""
    places = exponent(currency)
    if places == 0:
        return str(amount_minor)
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**places)
    return f"{sign}{whole}.{part:0{places}d}"
