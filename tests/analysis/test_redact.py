"""What is masked before a text leaves for a model, pattern by pattern."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.analysis.redact import TEXT_MAX, redact
from gateway.masking import passes_luhn


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111_1111_1111_1111",
        "4111  1111  1111  1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20111111\u20111111\u20111111",
        "4111\u200b1111\u200b1111\u200b1111",
        "４１１１１１１１１１１１１１１１",
        "٤١١١١١١١١١١١١١١١",
        "378282246310005",
        "6304000000000000018",
    ],
)
def test_a_card_number_is_masked_however_it_is_written(text: str) -> None:
    """Spaces, dashes, invisible characters and other scripts' digits carry nothing past."""
    assert redact(f"paid with {text}, thanks") == "paid with [card], thanks"


def test_a_card_number_inside_a_word_is_masked() -> None:
    """Letters around it are no protection."""
    assert redact("card4111111111111111x") == "card[card]x"


def test_digits_that_are_no_card_are_an_account() -> None:
    """A wrong check digit does not let the number through."""
    assert redact("4111 1111 1111 1112") == "[account]"


@pytest.mark.parametrize("text", ["12345678", "900123456789", "12-34-56 12345678", "1" * 200, "12345678901234567890"])
def test_an_account_number_is_masked_whole(text: str) -> None:
    """Eight digits or more leave nothing behind, however many there are."""
    assert redact(f"to {text} now") == "to [account] now"


@pytest.mark.parametrize(
    "text",
    ["a@b.co", "first.last+tag@example.co.uk", "x" * 80 + "@example.com", "üser@例え.jp", "user＠example.com"],
)
def test_an_email_address_is_masked(text: str) -> None:
    """Also with long local parts, other scripts and a full-width at sign."""
    assert redact(f"mail {text} please") == "mail [e-mail] please"


@pytest.mark.parametrize(
    "text",
    ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "gb82 west 1234 5698 7654 32", "NO9386011117947"],
)
def test_an_iban_is_masked(text: str) -> None:
    """Compact or in groups of four, in either case."""
    assert redact(f"iban {text}.") == "iban [iban]."


@pytest.mark.parametrize(
    "text",
    ["+44 20 7946 0958", "+1 (415) 555-2671", "0049 170 1234567", "+919876543210", "(415) 555-2671", "555-2671"],
)
def test_a_phone_number_is_masked(text: str) -> None:
    """International or local."""
    assert redact(f"call {text} today") == "call [phone] today"


@pytest.mark.parametrize("text", ["alice", "cus_9f8a7b", "merchant-42", "order 1234567", "12.50 USD", "pi_3Nx", ""])
def test_an_ordinary_name_stays(text: str) -> None:
    """Identifiers of a few digits say nothing about a person."""
    assert redact(text) == text


def test_several_secrets_in_one_text_are_all_masked() -> None:
    """One mask does not hide the next."""
    text = "4111 1111 1111 1111 +44 20 7946 0958 a@b.co DE89370400440532013000"
    assert redact(text) == "[card] [phone] [e-mail] [iban]"


@given(st.text(alphabet=st.characters(), max_size=3_000))
def test_any_text_gives_a_text_of_bounded_length(text: str) -> None:
    """Total over all strings, lone surrogates included."""
    assert len(redact(text)) <= 2 * TEXT_MAX


@given(st.integers(10**11, 10**18 - 1), st.sampled_from(["", " ", "-", "\u200b", "/"]), st.integers(1, 6))
def test_no_card_number_gets_through(stem: int, gap: str, group: int) -> None:
    """Any digits with a right check digit, in groups of any size, leave no run of digits behind."""
    digits = next(f"{stem}{check}" for check in range(10) if passes_luhn(f"{stem}{check}"))
    written = gap.join(digits[at : at + group] for at in range(0, len(digits), group))
    assert not any(character.isdigit() for character in redact(f"paid with {written}"))
