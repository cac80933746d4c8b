"""Card numbers among digits: how they begin, how long they are, the check digit, and what stands around them."""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

CARD_DIGITS: Final = range(13, 20)
AMOUNT_PLACES_MAX: Final = 4
"""Behind the decimal point, of any currency."""

Span = tuple[int, int, str]
"""Where something begins and ends, and what is shown in its place."""

_DIGIT_RUN: Final = re.compile(r"[0-9](?:[\s\u200b.\-_/]{0,3}[0-9])*+")
_DIGITS: Final = re.compile(r"[0-9]+")
_ISSUER: Final = re.compile(r"220[0-4]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|30|3[4-9]|4|5|6|81|82|8600|9792|9860")
"""How the numbers of payment cards begin (ISO/IEC 7812; Mastercard, Visa, Amex, Diners, JCB, UnionPay, Maestro, RuPay, Mir …).
Years, unix times and most counters begin otherwise."""
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_ESCAPED: Final = re.compile(r"\\[nrtfvb]")


def cards(plain: str) -> Iterator[Span]:
    """Each card number in a text whose digits are plain."""
    for run in _DIGIT_RUN.finditer(plain):
        if run.end() - run.start() >= CARD_DIGITS.start:
            yield from _cards_among([group.span() for group in _DIGITS.finditer(plain, *run.span())], plain)


def passes_luhn(digits: str) -> bool:
    """The check digit of card numbers. Source: ISO/IEC 7812-1, annex B."""
    doubled = sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return (doubled + sum(int(digit) for digit in digits[-1::-2])) % 10 == 0


def _cards_among(groups: list[tuple[int, int]], plain: str) -> Iterator[Span]:
    """Cards that begin and end with a group of digits: the longest that passes, so that nothing of it stays behind.

    The Luhn sums of all stretches come from running sums, one for each digit that may be the last: a million digits with a
    space after each are 7 million stretches.
    """
    digits = "".join(plain[start:end] for start, end in groups)
    sums = [
        list(accumulate((int(d) if n % 2 == odd else _DOUBLED[int(d)] for n, d in enumerate(digits)), initial=0))
        for odd in (0, 1)
    ]
    firsts = list(accumulate((end - start for start, end in groups), initial=0))
    group_ending = {last: number for number, last in enumerate(firsts[1:])}
    number = 0
    while number < len(groups):
        first = firsts[number]
        if _ISSUER.match(digits, first):
            for last in range(min(first + CARD_DIGITS[-1], len(digits)), first + CARD_DIGITS[0] - 1, -1):
                running = sums[(last - 1) % 2]
                if last in group_ending and (running[last] - running[first]) % 10 == 0:
                    among = groups[number : group_ending[last] + 1]
                    if _stands_alone(plain, among):
                        yield among[0][0], among[-1][1], "[card]"
                        number = group_ending[last]
                        break
        number += 1


def _stands_alone(plain: str, groups: list[tuple[int, int]]) -> bool:
    """Not a piece of a longer token or a decimal, and not several decimals or dates in a row."""
    start, end = groups[0][0], groups[-1][1]
    before, after = plain[max(0, start - 2) : start], plain[end : end + 2]
    if before[-1:].isalpha() and not _ESCAPED.fullmatch(before):
        return False
    if after[:1].isalpha() or (after[:1] == "." and after[1:].isdigit()):
        return False
    if len(groups) == 2 and plain[groups[0][1] : groups[1][0]] == "." and end - groups[1][0] <= AMOUNT_PLACES_MAX:
        return False  # an amount: a card has no such group behind so long a one
    if any(mark in plain[start:end] for mark in "./_"):
        return all(last - first >= 4 for first, last in groups[:-1])
    return True
