"""Numbers that are written out: "twenty-five", "three hundred and two", "half", "twice", "tenfold"."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

_UP_TO_NINETEEN: Final = """
    zero one two three four five six seven eight nine
    ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
_UNITS: Final[Mapping[str, int]] = {name: value for value, name in enumerate(_UP_TO_NINETEEN.split())}
_TENS: Final[Mapping[str, int]] = {
    name: 10 * value
    for value, name in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_SCALES: Final[Mapping[str, int]] = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 1_000,
    "lakh": 10**5,
    "million": 10**6,
    "crore": 10**7,
    "billion": 10**9,
}
_WHOLE: Final[Mapping[str, str]] = {
    "half": "0.5",
    "halved": "0.5",
    "halves": "0.5",
    "twice": "2",
    "double": "2",
    "doubled": "2",
    "doubles": "2",
    "doubling": "2",
    "thrice": "3",
    "triple": "3",
    "tripled": "3",
    "triples": "3",
    "tripling": "3",
    "quadruple": "4",
    "quadrupled": "4",
}
_SMALL: Final = "|".join(sorted((*_UNITS, *_TENS), key=len, reverse=True))
WORDS: Final = "|".join(
    (rf"(?:{_SMALL})fold", *sorted(_WHOLE, key=len, reverse=True), rf"(?:{_SMALL})", rf"(?:{'|'.join(_SCALES)})s?")
)
"""A pattern of one such word."""


def value_of_words(text: str) -> Decimal | None:
    """What the words of one number say; None where they say no definite one ("three twice", "five twenty")."""
    words = [word for word in re.split(r"[ -]", text.lower()) if word != "and"]
    if len(words) == 1:
        words = [words[0].removesuffix("fold")]
        if words[0] in _WHOLE:
            return Decimal(_WHOLE[words[0]])
    total = group = last = 0  # `last`: the value of the word before
    for word in words:
        scale = _SCALES.get(word) or _SCALES.get(word.removesuffix("s"))
        value = _UNITS.get(word, _TENS.get(word))
        if scale:
            group, last = max(1, group) * scale, scale
            if scale >= 1_000:
                total, group = total + group, 0
        elif value is not None and (last in (0, *_SCALES.values()) or (20 <= last <= 90 and 0 < value < 10)):
            group, last = group + value, max(1, value)
        else:
            return None
    return Decimal(total + group)
