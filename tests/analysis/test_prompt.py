"""What goes into the question, and what may come out of the answer."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from gateway.analysis.prompt import EVENT, HEADLINE_MAX, Prompt, clipped, facts, facts_text, input_hash, shortened
from gateway.analysis.summary_prompt import SUMMARY


def test_the_facts_are_numbers_and_our_own_words(risky: dict[str, Any]) -> None:
    """Score, amount and each reason with its numbers; neither the wallet's name nor the counterparty's."""
    given = facts(risky)
    assert given["amount"] == "1000.00"
    assert [reason["code"] for reason in given["reasons"]] == ["amount", "spend_24h", "new_counterparty"]
    assert "alice" not in facts_text(given)
    assert "stranger" not in facts_text(given)


def test_a_word_from_outside_is_redacted(risky: dict[str, Any]) -> None:
    """Should a name ever come in through kind or source, it leaves masked and short."""
    given = facts({**risky, "kind": "refund for a@b.co", "source": "x" * 5_000})
    assert given["kind"] == "refund for [e-mail]"
    assert len(given["source"]) <= 40


def test_a_large_amount_is_not_mistaken_for_an_account(risky: dict[str, Any]) -> None:
    """Numbers that our rules computed are facts, whatever their length."""
    assert facts({**risky, "amount_minor": 1_234_567_890_12})["amount"] == "1234567890.12"


def test_the_same_facts_give_the_same_text_and_hash(risky: dict[str, Any]) -> None:
    """The order of the keys does not matter; the model's name does."""
    given = facts(risky)
    text = facts_text(given)
    assert text == facts_text(dict(reversed(given.items())))
    assert json.loads(text) == given
    assert input_hash(text, "a") != input_hash(text, "b")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("two\nlines\x00 and \x1b[31mcolour", "two lines and [31mcolour"),
        ("x" * 500, "x" * (HEADLINE_MAX - 1) + "…"),
        ("right\u202eleft", "right left"),
    ],
)
def test_an_answer_is_cut_to_one_short_line(text: str, line: str) -> None:
    """No control characters, no line breaks, no more than its length."""
    assert clipped(text, HEADLINE_MAX) == line


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("short", "short"),
        ("one two three", "one two…"),
        ("one 1234 5678", "one…"),
        ("one twelve2345", "one…"),
        ("abcdefghijklmn", "abcdefghi…"),
        ("12345678901234", "…"),
    ],
)
def test_a_text_is_cut_between_words_and_never_within_a_number(text: str, short: str) -> None:
    """Half a number is another number."""
    assert shortened(text, 10) == short


def test_the_question_about_an_event_is_this_text() -> None:
    """The whole user message, byte for byte, as the model reads it."""
    reason = {"code": "amount", "points": 45, "value": "1000.00 USD", "usual": "10.00 USD", "text": "not sent"}
    insight = {
        "_id": "evt_1",
        "wallet": "alice",
        "counterparty": "stranger",
        "score": 65,
        "level": "high",
        "confidence": 0.5,
        "kind": "capture",
        "source": "stripe",
        "amount_minor": 100_000,
        "currency": "USD",
        "occurred_at": datetime(2026, 11, 30, 3, 15, tzinfo=UTC),
        "reasons": [reason],
    }
    assert facts_text(facts(insight)) == (
        '{"amount":"1000.00","confidence":0.5,"counterparty_given":true,"currency":"USD","hour_utc":3,"kind":"capture",'
        '"level":"high","reasons":[{"code":"amount","points":45,"usual":"10.00 USD","value":"1000.00 USD"}],"score":65,'
        '"score_max":100,"source":"stripe"}'
    )


@pytest.mark.parametrize(
    ("prompt", "digest"), [(EVENT, "1:b5f888d5d225"), (SUMMARY, "summary-1:f86c5899286f")], ids=["event", "summary"]
)
def test_another_instruction_is_another_version(prompt: Prompt, digest: str) -> None:
    """What is stored with an answer names the words that were asked with: whoever changes them changes the version and this."""
    assert f"{prompt.version}:{sha256(prompt.instruction.encode()).hexdigest()[:12]}" == digest
