"""What an operator may ask of a source, and the sentence for what not."""

from typing import Any

import pytest

from gateway.errors import InvalidSource
from gateway.ingress.providers import Window
from gateway.ingress.providers.terms import read_rate, read_terms, source_name, source_of
from gateway.settings import Settings

SETTINGS = Settings(_env_file=None, max_webhook_age_seconds=300, max_webhook_future_seconds=5, body_bytes_max=10_000)


def test_terms_become_a_source() -> None:
    """What is said is so, what is not said is as for every source."""
    terms = read_terms(
        {
            "scheme": "stripe",
            "past_s": 600,
            "body_bytes_max": 2_000,
            "networks": ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"],
            "rate": "10/second;1000/hour",
            "types": ["payment_intent.*"],
        },
        SETTINGS,
    )
    source = source_of("shop", terms, (), SETTINGS)
    assert source.window == Window(600, 5)
    assert source.body_bytes_max == 2_000
    assert [str(network) for network in source.networks] == ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]
    assert [str(item) for item in read_rate(source.rate or "")] == ["10 per 1 second", "1000 per 1 hour"]
    plain = source_of("shop", read_terms({"scheme": "stripe"}, SETTINGS), (), SETTINGS)
    assert (plain.window, plain.body_bytes_max, plain.networks, plain.rate, plain.types) == (None, None, (), None, ())


def test_a_bound_of_the_settings_that_was_lowered_since_wins() -> None:
    """What is stored was allowed once; what the whole gateway lets in is decided today."""
    terms = read_terms({"scheme": "stripe", "body_bytes_max": 9_000}, SETTINGS)
    lowered = SETTINGS.model_copy(update={"body_bytes_max": 4_000})
    assert source_of("shop", terms, (), lowered).body_bytes_max == 4_000


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"scheme": "strpe"}, "scheme: there is no such scheme; the schemes are native, stripe, razorpay,"),
        ({"scheme": None}, "scheme: "),
        ({}, "scheme: Field required."),
        ({"networks": ["10.0.0.1/8"]}, "networks: '10.0.0.1/8' has bits beyond its mask; write 10.0.0.0/8."),
        ({"networks": ["example.com"]}, "networks: 'example.com' is no network; write an address or a block"),
        ({"networks": ["10.0.0.0/8"] * 101}, "networks: "),
        ({"networks": "10.0.0.0/8"}, "networks: "),
        ({"rate": "often"}, "rate: 'often' is no limit; write a count and a period, such as 600/minute."),
        ({"rate": "0/minute"}, "rate: '0/minute' is no limit"),
        ({"rate": ""}, "rate: '' is no limit"),
        ({"rate": "5/minute;" * 100}, "is no limit"),
        ({"types": ["payment.["]}, "types: 'payment.[' is no pattern; write letters, digits"),
        ({"types": [""]}, "types: '' is no pattern"),
        ({"types": ["a b"]}, "types: 'a b' is no pattern"),
        ({"past_s": 0}, "past_s: "),
        ({"past_s": "300"}, "past_s: "),
        ({"past_s": True}, "past_s: "),
        ({"future_s": 3_601}, "future_s: "),
        ({"body_bytes_max": 10_001}, "body_bytes_max: at most 10000, which is what BODY_BYTES_MAX lets in at all."),
        ({"body_bytes_max": 10}, "body_bytes_max: "),
        ({"url": "ftp://example.com"}, "url: write the address that the provider posts to"),
        ({"scheme": "square"}, "url: square signs the address that it posts to, so it must be known."),
        ({"secret": "never-repeated-in-an-answer"}, "'secret': there is no such field."),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(fields: dict[str, Any], says: str) -> None:
    """With the field, and what to write instead; the whole of what was wrong at once."""
    with pytest.raises(InvalidSource) as refused:
        read_terms({"scheme": "stripe", **fields} if fields else {}, SETTINGS)
    assert says in str(refused.value)
    assert "never-repeated" not in str(refused.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Nobody wants to learn of it one request at a time."""
    with pytest.raises(InvalidSource) as refused:
        read_terms({"scheme": "x", "rate": "y", "types": ["?", "!"]}, SETTINGS)
    assert [each in str(refused.value) for each in ("scheme: ", "rate: ", "types: ")] == [True] * 3


@pytest.mark.parametrize("name", ["a", "0", "stripe-eu", "x" * 64])
def test_a_name_that_fits_into_an_address(name: str) -> None:
    """Letters, digits, dashes."""
    assert source_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a/b", "a.b", "x" * 65, "é", "a\n", " a"])
def test_a_name_that_does_not(name: str) -> None:
    """Nothing that a URL, a log line or a metric label would have to escape."""
    with pytest.raises(InvalidSource, match="lower-case letters"):
        source_name(name)
