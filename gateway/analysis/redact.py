"""Masks what identifies a person or an account, in every text that leaves for a model.

Stricter than `masking.mask`: it prefers to mask too much, so any run of eight digits goes, whatever it was. The text is
normalised first (NFKC, no invisible characters), so full-width digits or a zero-width space do not carry a card number past it.
"""

import re
import unicodedata
from typing import Final

from gateway.masking import CARD_DIGITS, mask_secrets, passes_luhn

TEXT_MAX: Final = 2_000
"""Characters read; the rest is cut off, so the work of each pattern is bounded."""

_EMAIL: Final = re.compile(r"[^\s@<>()\[\],;:\"]{1,254}@[^\s@<>()\[\],;:\"]{1,253}")
_IBAN: Final = re.compile(
    r"(?<![A-Z0-9])[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?:[ \-][A-Z0-9]{4}){2,7}(?:[ \-][A-Z0-9]{1,3})?)(?![A-Z0-9])",
    re.IGNORECASE,
)
_LONG_NUMBER: Final = re.compile(r"(?<![0-9])\+?\(?[0-9](?:[ ().\-_/]{0,3}[0-9]){7,}")
_LOCAL_PHONE: Final = re.compile(r"(?<![0-9])[0-9]{2,4}[ \-/][0-9]{3,4}(?![0-9])")


def redact(text: str) -> str:
    """The text with secrets, e-mail addresses, IBANs, card, phone and account numbers masked.

    `redact("pay 4111 1111 1111 1111")` is "pay [card]". Total: any string gives a string of bounded length.
    """
    plain = mask_secrets(_plain(text))
    plain = _EMAIL.sub("[e-mail]", plain)
    plain = _IBAN.sub("[iban]", plain)
    plain = _LONG_NUMBER.sub(_name_of_number, plain)
    return _LOCAL_PHONE.sub("[phone]", plain)


def _plain(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text[:TEXT_MAX])[:TEXT_MAX]
    return "".join(_shown(character) for character in normal)


def _shown(character: str) -> str:
    """Digits of every script as ASCII, spaces and dashes of every kind as one, invisible characters as nothing."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category == "Pd":
        return "-"
    if category in ("Zs", "Zl", "Zp", "Cc"):
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn") else character


def _name_of_number(found: re.Match[str]) -> str:
    """One pattern takes the whole run of digits, so no piece of it stays behind; what it is called is only a guess."""
    digits = "".join(character for character in found[0] if character.isdigit())
    if len(digits) in CARD_DIGITS and passes_luhn(digits):
        return "[card]"
    return "[phone]" if found[0].startswith(("+", "00", "(")) else "[account]"
