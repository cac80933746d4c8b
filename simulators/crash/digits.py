"""Amounts that make a balance name the events in it.

The payment in place `p` of a wallet is 5 · 16^p, a refund of it 16^p, so that the wallet's digit to the base of 16 says how
often the payment was booked and how many of its refunds: 5 is once, 4 once with one refund, 10 twice, 0 not at all. With
plain powers of two a refund would look like a payment that was lost.
"""

from collections import Counter
from typing import Final

BASE: Final = 16
PAYMENT: Final = 5
PLACES_MAX: Final = 12
"""5 · 16^11 is below 2^53, the largest amount of one event; the sum of all places is below 2^62, the largest balance."""

Booked = tuple[int, str]
"""A place, and "payment" or "refund"."""


def payment_minor(place: int) -> int:
    assert place < PLACES_MAX
    return int(PAYMENT * BASE**place)


def refund_minor(place: int) -> int:
    return int(BASE**place)


def booked_in(net_minor: int) -> Counter[Booked]:
    """How often each place's payment, and how many refunds of it, are in a balance of this many minor units.

    Up to four refunds and two payments in one place are told apart; a digit above that is a refund without its payment.
    """
    booked: Counter[Booked] = Counter()
    for place in range(PLACES_MAX + 4):
        net_minor, digit = divmod(net_minor, BASE)
        if digit > 2 * PAYMENT + 1:
            net_minor, digit = net_minor + 1, digit - BASE
        payments = max(0, -(-digit // PAYMENT))
        booked[place, "payment"] = payments
        booked[place, "refund"] = payments * PAYMENT - digit
    return +booked


def booked_as(amount_minor: int) -> Booked:
    """The place and kind of a single posting. Raises `ValueError` for an amount that is none of ours."""
    found = booked_in(amount_minor)
    if sum(found.values()) != 1:
        raise ValueError(f"{amount_minor} is not one payment or refund")
    return next(iter(found))
