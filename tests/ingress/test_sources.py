"""Which doors are open, and with which keys."""

import pytest

from gateway.errors import CannotStart
from gateway.ingress.providers import SCHEMES, Source, open_sources
from gateway.ingress.providers.schemes import KeyForm
from gateway.ingress.providers.sources import new_secret, signing_key
from gateway.settings import Settings

NONE = {
    "hmac_secret_key": "",
    "stripe_webhook_secret": "",
    "razorpay_webhook_secret": "",
    "standard_webhooks_secret": "",
}


def _settings(**secrets: str) -> Settings:
    """Only these secrets, whatever the environment holds."""
    return Settings.model_validate({**NONE, **secrets})


def test_a_source_without_a_secret_is_closed() -> None:
    """Only what has a key is a door; spaces and commas are no key."""
    opened = open_sources(_settings(hmac_secret_key="k" * 24, stripe_webhook_secret=" , "))
    assert list(opened) == ["payments"]
    assert open_sources(_settings()) == {}


def test_secrets_are_separated_by_commas_and_named_by_position() -> None:
    """The first is "1", the next "2": an operator sees which one is still in use."""
    opened = open_sources(_settings(hmac_secret_key=f" {'n' * 24} ,{'o' * 30},"))
    assert [(secret.id, secret.key) for secret in opened["payments"].secrets] == [("1", b"n" * 24), ("2", b"o" * 30)]


def test_a_key_is_what_the_scheme_says_it_is() -> None:
    """Stripe's is the whole text, Standard Webhooks' what is base64 after whsec_."""
    text = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
    opened = open_sources(_settings(stripe_webhook_secret=text, standard_webhooks_secret=text))
    assert opened["stripe"].secrets[0].key == text.encode()
    assert opened["standard"].secrets[0].key == b"ABCDEFGHIJKLMNOPQRSTUVWX"


@pytest.mark.parametrize(
    ("secrets", "says"),
    [
        ({"hmac_secret_key": "k" * 23}, "HMAC_SECRET_KEY: secret 1 is 23 bytes of key, at least 24 are needed"),
        ({"razorpay_webhook_secret": f"{'k' * 24},x"}, "RAZORPAY_WEBHOOK_SECRET: secret 2 is 1 bytes of key"),
        ({"standard_webhooks_secret": "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVlc="}, "secret 1 is 23 bytes of key"),
        ({"standard_webhooks_secret": "whsec_?"}, "STANDARD_WEBHOOKS_SECRET: secret 1 is not base64 (after whsec_)"),
    ],
)
def test_an_unsafe_secret_is_refused_without_repeating_it(secrets: dict[str, str], says: str) -> None:
    """One sentence each, with what to do; the text of the secret is in none of them."""
    with pytest.raises(CannotStart) as refused:
        open_sources(_settings(**secrets))
    assert says in str(refused.value)
    assert not any(text in str(refused.value) for text in secrets.values())


def test_every_unsafe_secret_is_told_at_once() -> None:
    """Nobody wants to learn of them one start at a time."""
    with pytest.raises(CannotStart) as refused:
        open_sources(_settings(hmac_secret_key="short,tiny", stripe_webhook_secret="brief"))
    assert len(refused.value.problems) == 3


def test_a_secret_shows_in_no_repr() -> None:
    """A source in a log line or a traceback keeps its key to itself."""
    key = "k" * 12 + "y" * 12
    assert key not in repr(open_sources(_settings(hmac_secret_key=key))["payments"])
    assert key not in repr(_settings(hmac_secret_key=key))


@pytest.mark.parametrize("form", KeyForm)
def test_a_generated_secret_is_long_and_never_the_same(form: KeyForm) -> None:
    """32 bytes of key in the form that the scheme reads."""
    texts = {new_secret(form) for _ in range(50)}
    assert len(texts) == 50
    assert all(len(signing_key(text, form)) >= 32 for text in texts)


def test_a_source_is_for_the_types_its_patterns_name() -> None:
    """All of them without a pattern; with patterns, whole types and with their case."""
    source = Source("shop", SCHEMES["stripe"], (), types=("payment.*", "refund.create?"))
    names = ("payment.captured", "payment.", "refund.created", "refund.create", "Payment.captured", "x.payment.y", "")
    assert [name for name in names if source.is_for(name)] == ["payment.captured", "payment.", "refund.created"]
    assert Source("shop", SCHEMES["stripe"], ()).is_for("anything")
