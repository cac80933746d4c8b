"""Narratives are checked: a number that the facts do not hold takes its sentence with it, whatever it is written like."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.analysis.figures_in_words import TEXT_MAX, checked, sentences
from gateway.analysis.number_words import value_of_words

FACTS = {
    "score": 85,
    "amount": "12,345.60",
    "currency": "USD",
    "success_rate": 0.25,
    "payments": 1_234_567,
    "usual": "20 a day",
    "last_7_days": ["a", "b"],
    "day": date(2026, 11, 21),
    "at": datetime(2026, 11, 20, 14, 30, tzinfo=UTC),
    "hour_utc": 3,
    "quiet": None,
    "true": True,
}


@pytest.mark.parametrize(
    "sentence",
    [
        "The score is 85.",
        "It is 12345.6 USD, or $12,345.60.",
        "A quarter of them, 25 %, or 25 percent, or 0.25, failed.",
        "There were 1,234,567 payments, 1 234 567, 1.234.567 or 12,34,567.",
        "There were 1.234567 million payments.",
        "In the last 7 days two of them, usually twenty.",
        "On 2026-11-21, on 21 November 2026, on Nov 21st, in November 2026, in 2026-11.",
        "At 14:30, and at 3:00 UTC.",
        "The score is ８５, or ٨٥, or eighty-five.",
        "Nobody knows the first, the second or this one.",
    ],
)
def test_a_number_of_the_facts_is_kept_however_it_is_written(sentence: str) -> None:
    """Separators, percents, words, scripts, dates: one number, many spellings."""
    assert checked(sentence, FACTS).text == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "The score is 86.",
        "It is 12,345.61 USD.",
        "26 % failed.",
        "85 thousand payments failed.",
        "The amount was 85k.",
        "It rose to 8.5.",
        "It rose to 85e3.",
        "There were twenty-one of them.",
        "Dozens of payments failed.",
        "It has doubled since 2025.",
        "It is tenfold the usual.",
        "On 22 November 2026.",
        "On 2026-11-22.",
        "In December 2026.",
        "At 14:31.",
        "At 4:00 UTC.",
        "Ｔhe score is ９９.",
        "Some ½ of them failed.",
        "Some 五 of them failed.",
        "Some Ⅳ of them failed.",
        "9" * 50 + " payments.",
        "The score is 8\u200b6.",
        "A hundred of them.",
    ],
)
def test_a_number_that_is_not_in_the_facts_takes_its_sentence_with_it(sentence: str) -> None:
    """Exactly, or not at all; the sentences beside it stay, and what was dropped is told."""
    said = checked(f"The score is high. {sentence} Look at it.", FACTS)
    assert said.text == "The score is high. Look at it."
    assert said.dropped == (sentence,)


def test_a_decimal_point_or_an_abbreviation_ends_no_sentence() -> None:
    """Otherwise half a sentence would stay."""
    text = "It is approx. 20 a day, e.g. 0.25 of all. Fine! Is it? Yes… it is\nso"
    assert sentences(text) == ["It is approx. 20 a day, e.g. 0.25 of all.", "Fine!", "Is it?", "Yes… it is so"]


def test_what_is_too_long_is_cut_at_a_sentence() -> None:
    """A number is never shown cut in two."""
    text = "Calm. " * 1_332 + "Look 20000000 times. Or so."
    said = checked(text, ["Calm", 20])
    assert len(text) > TEXT_MAX
    assert set(said.text.split()) == {"Calm."}
    assert said.dropped[-1].endswith("Or so.")


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("twelve", 12),
        ("twenty-five", 25),
        ("three hundred and two", 302),
        ("two hundred five thousand", 205_000),
        ("one million two hundred thousand and one", 1_200_001),
        ("hundred", 100),
        ("twice", 2),
        ("tenfold", 10),
        ("half", Decimal("0.5")),
        ("five twenty", None),
        ("three twice", None),
    ],
)
def test_written_out_numbers(words: str, value: Decimal | None) -> None:
    """As people write them; what is no definite number is none."""
    assert value_of_words(words) == value


numbers = some.one_of(
    some.integers(0, 10**9).map(Decimal), some.decimals(0, 10**6, places=2, allow_nan=False, allow_infinity=False)
)
spellings = some.sampled_from(
    [lambda n: f"{n:f}", lambda n: f"{n:,f}", lambda n: f"USD {n:,f}", lambda n: f"{n:f} %", lambda n: f"({n:,f})"]
)


@given(known=some.lists(numbers, min_size=1, max_size=6), said=some.lists(some.tuples(numbers, spellings), max_size=6))
def test_exactly_the_sentences_with_known_numbers_stay(
    known: list[Decimal], said: list[tuple[Decimal, object]]
) -> None:
    """In their order; however each number is spelled; and checking again changes nothing."""
    facts = {"figures": [{"value": value} for value in known]}
    holds = {Decimal(len(known)), *known}
    texts = [(f"It was {spell(number)} then.", number, spell(number)) for number, spell in said]  # type: ignore[operator]
    answer = checked(" ".join(text for text, _, _ in texts), facts)
    sure = [text for text, number, _ in texts if number in holds]
    assert [text for text in sentences(answer.text) if text in sure] == sure
    for text, number, spelled in texts:
        misread = "%" in spelled or "," in spelled or "." in spelled  # a percent of a rate, "1,234" read as 1.234
        if number not in holds and not misread:
            assert text in answer.dropped
    assert checked(answer.text, facts) == type(answer)(answer.text, ())


@settings(max_examples=40)
@given(some.text(max_size=300), some.recursive(some.none() | some.text() | some.integers() | some.floats(), some.lists))
def test_any_text_and_any_facts_give_an_answer(text: str, facts: object) -> None:
    """Total: nothing a model or a sender writes raises; what stays is made of the text's own sentences."""
    answer = checked(text, facts)
    assert sorted([*" ".join(answer.dropped).split(), *answer.text.split()]) == sorted(text.split())


@given(some.text(some.characters(categories=["Nd", "Nl", "No"]), min_size=1, max_size=5))
def test_no_digit_of_any_script_passes_unseen(digits: str) -> None:
    """With nothing known, nothing that is numeric stays."""
    assert checked(f"It was {digits} then.", {}).text == ""
