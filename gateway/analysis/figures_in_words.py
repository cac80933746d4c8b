"""Prose and the facts it was written from → the prose without the sentences whose numbers the facts do not hold.

Pure and total. A model may phrase what was computed, not compute: so each number in its text, in digits or in words, has to stand
in the facts, exactly. What cannot be decided counts as unsupported: a true sentence lost is cheaper than a wrong figure told.

What counts as a number: digits of any script with separators, decimals, exponents, "12k" and "1.2 million"; percents (of 0.25
also "25 %"); dates and times; the words two, twelve, twenty-five, three hundred, half, twice, tenfold, dozens. Not "one", "first"
or "second", which are mostly no figures. How many items a list in the facts has is in the facts too. Signs are not looked at.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from gateway.analysis.number_words import WORDS, value_of_words

TEXT_MAX: Final = 8_000
"""Characters of a text that are read; the rest is dropped."""
DIGITS_MAX: Final = 40
"""A longer run of digits is no figure that a person would check: unsupported."""

Moment = tuple[int | None, int | None, int | None]
Reading = Decimal | Moment | tuple[int, int] | None
"""A number; a day as (year, month, day), where None was not said; a time as (hour, minute). None: supported by nothing."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What may be shown, and the sentences that were dropped, in their order."""

    text: str
    dropped: tuple[str, ...]


def checked(text: str, allowed: object) -> Checked:
    """`allowed` is what the text was written from: numbers, strings with numbers in them, dates, and lists and mappings of such
    (also the numbers in a mapping's keys, "last_7_days")."""
    known = Figures(allowed)
    kept: list[str] = []
    dropped: list[str] = []
    for sentence in sentences(text[:TEXT_MAX]):
        (kept if known.hold(sentence) else dropped).append(sentence)
    if len(text) > TEXT_MAX:  # the last sentence may have been cut within a number
        dropped += [*kept[-1:], text[TEXT_MAX:]]
        kept = kept[:-1]
    return Checked(" ".join(kept), tuple(dropped))


class Figures:
    """The numbers, days and times of some facts."""

    def __init__(self, facts: object) -> None:
        self._known: set[Reading] = set()
        self._days: set[Moment] = set()
        for text in _texts(facts):
            for readings in _claims(_plain(text)):
                for reading in readings:
                    (self._days if isinstance(reading, tuple) and len(reading) == 3 else self._known).add(reading)  # type: ignore[arg-type]
        self._known.discard(None)

    def hold(self, sentence: str) -> bool:
        """Whether each number of the sentence is among them."""
        return all(any(map(self._holds, readings)) for readings in _claims(_plain(sentence)))

    def _holds(self, reading: Reading) -> bool:
        if isinstance(reading, tuple) and len(reading) == 3:
            return any(all(said in (None, is_) for said, is_ in zip(reading, day, strict=True)) for day in self._days)
        if isinstance(reading, tuple) and reading[1] == 0:  # "at 3:00" of an hour that the facts give as 3
            return reading in self._known or Decimal(reading[0]) in self._known
        return reading in self._known


_SENTENCE_GOES_ON: Final = re.compile(r"(?:approx|e\.g|i\.e|vs|no|ca|incl|nr)\.$", re.IGNORECASE)


def sentences(text: str) -> list[str]:
    """The text in pieces that end with a full stop, a question, an exclamation or a line; an abbreviation ends none."""
    found: list[str] = []
    for piece in re.split(r"\n+|(?<=[.!?…])\s+", text):
        piece = piece.strip()
        goes_on = found and (_SENTENCE_GOES_ON.search(found[-1]) or piece[:1].islower())
        if goes_on:
            found[-1] += f" {piece}"
        elif piece:
            found.append(piece)
    return found


def _texts(facts: object) -> Iterator[str]:
    """Everything in the facts that may hold a number, as text."""
    if isinstance(facts, str):
        yield facts
    elif isinstance(facts, bool) or facts is None:
        return
    elif isinstance(facts, int | float | Decimal):
        yield f"{Decimal(str(facts)):f}" if Decimal(str(facts)).is_finite() else ""
    elif isinstance(facts, datetime):
        yield f"{facts:%Y-%m-%d %H:%M}"
    elif isinstance(facts, date):
        yield facts.isoformat()
    elif isinstance(facts, Mapping):
        for name, value in facts.items():
            yield str(name).replace("_", " ")
            yield from _texts(value)
    elif isinstance(facts, Iterable):
        items = list(facts)
        yield str(len(items))
        for item in items:
            yield from _texts(item)


def _plain(text: str) -> str:
    """Digits of every script as ASCII; characters that are numbers themselves (½, Ⅳ, 三) spelled out; no invisible ones."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.category(character) == "Nd":
        return str(unicodedata.digit(character))
    value = unicodedata.numeric(character, None)
    if value is not None:
        return f" {value:g} " if value == value // 1 or len(str(value)) < 8 else " 0.3333 "
    if unicodedata.category(character) in ("Cf", "Cc", "Mn"):
        return ""
    normal = unicodedata.normalize("NFKC", character)
    return normal if normal != character else character


_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = (
    r"(?P<{}>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_TOKEN: Final = re.compile(
    r"(?P<iso>(?<!\d)\d{4}-\d{2}(?:-\d{2})?(?!\d))"
    rf"|\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH.format('month')}\b(?:,? (?P<year>\d{{4}}))?"
    rf"|\b{_MONTH.format('month_first')} (?P<day_second>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)(?:,? (?P<year_last>\d{{4}}))?"
    rf"|\b{_MONTH.format('month_alone')} (?P<year_of_month>\d{{4}})\b"
    r"|(?P<time>(?<!\d)\d{1,2}:\d{2}(?::\d{2})?(?!\d))"
    r"|(?P<number>\d+(?:[ \u00a0\u202f'’_,.]\d+)*)(?P<exponent>e[+-]?\d+)?"
    r"(?:[ \u00a0-]?(?P<times>hundreds?|thousands?|millions?|billions?|lakhs?|crores?|dozens?|mn|bn|k|m)\b)?"
    r"(?P<percent>[ \u00a0\u202f]?(?:%|٪|percent|per cent|pct))?"
    rf"|\b(?P<words>(?:{WORDS})(?:[ -](?:and[ ])?(?:{WORDS}))*)\b(?P<words_percent> (?:%|percent|per cent|pct))?",
    re.IGNORECASE,
)
_TIMES: Final[Mapping[str, int]] = {
    "hundred": 100,
    "thousand": 1_000,
    "million": 10**6,
    "billion": 10**9,
    "lakh": 10**5,
    "crore": 10**7,
    "dozen": 12,
    "mn": 10**6,
    "bn": 10**9,
    "k": 1_000,
    "m": 10**6,
}


def _claims(text: str) -> Iterator[set[Reading]]:
    """Each number of the text, as everything it may mean. One of them has to be known."""
    for found in _TOKEN.finditer(text):
        if found["iso"]:
            year, month, *day = map(int, found["iso"].split("-"))
            yield {(year, month, day[0] if day else None)}
        elif found["month"]:
            yield {_day(found["year"], found["month"], found["day"])}
        elif found["month_first"]:
            yield {_day(found["year_last"], found["month_first"], found["day_second"])}
        elif found["month_alone"]:
            yield {_day(found["year_of_month"], found["month_alone"], None)}
        elif found["time"]:
            hour, minute, *_ = map(int, found["time"].split(":"))
            yield {(hour, minute)}
        elif found["number"]:
            yield from _numbers(found)
        elif found["words"] and found["words"].lower() != "one":
            yield _percents({value_of_words(found["words"])}, told=bool(found["words_percent"]))


def _day(year: str | None, month: str, day: str | None) -> Moment:
    return (int(year) if year else None, _MONTHS.index(month[:3].lower()) + 1, int(day) if day else None)


def _numbers(found: re.Match[str]) -> Iterator[set[Reading]]:
    """One number, or several with only spaces between them."""
    digits = found["number"]
    if len(digits) > DIGITS_MAX:
        yield {None}
        return
    readings = set(_readings(digits))
    if not readings:
        spaced = re.split(r"[ \u00a0\u202f]", digits)
        for piece in spaced if len(spaced) > 1 else re.split(r"[^0-9]", digits):
            yield set(_readings(piece)) or {None}
        return
    yield _percents(_scaled(readings, found["exponent"], found["times"]), told=bool(found["percent"]))


def _readings(digits: str) -> Iterator[Decimal]:
    """ "1.234" may be a thousand or a bit more than one; "12,34,567" is how India groups."""
    pieces, separators = re.split(r"[^0-9]", digits), re.findall(r"[^0-9]", digits)
    if not separators:
        yield Decimal(digits)
        return
    if len(set(separators)) == 1 and _grouped(pieces):
        yield Decimal("".join(pieces))
    if separators[-1] in ".," and (
        len(pieces) == 2 or (_grouped(pieces[:-1]) and separators[-1] not in separators[:-1])
    ):
        yield Decimal(f"{''.join(pieces[:-1])}.{pieces[-1]}")


def _grouped(pieces: list[str]) -> bool:
    return len(pieces[0]) <= 3 and len(pieces[-1]) == 3 and all(len(piece) in (2, 3) for piece in pieces[1:-1])


def _scaled(readings: set[Decimal], exponent: str | None, times: str | None) -> set[Reading]:
    if exponent:
        return {reading * Decimal(f"1{exponent}") if len(exponent) < 5 else None for reading in readings}
    if times:
        name = times.lower()
        scale = _TIMES.get(name) or _TIMES[name.removesuffix("s")]
        larger: set[Reading] = {reading * scale for reading in readings}
        return larger | readings if name == "m" else larger  # "5 m" may be minutes
    return set(readings)


def _percents(readings: set[Reading], *, told: bool) -> set[Reading]:
    """ "25 %" is a quarter as well."""
    if not told:
        return readings
    return readings | {reading / 100 for reading in readings if isinstance(reading, Decimal)}
