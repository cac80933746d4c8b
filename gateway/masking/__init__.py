"""Masks what identifies a person or an account, and secrets, in every text that leaves: logs, errors, insights, agents' answers.

mask      a text, or everything nested in a value
finders   secrets, addresses, handles, IBANs, phone and account numbers by their patterns
cards     card numbers among digits
plain     digits, spaces and dashes of every script as ASCII

What it takes for a card or a phone is chosen so that our own ids, amounts, times and hashes stay readable; what leaves for a
model goes through `analysis.redact`, which is stricter. The work is linear in the length of the text, whatever is in it: no
pattern looks back over more than a bounded number of characters (`tests/test_masking.py` gives each hostile text).
"""

from gateway.masking.cards import CARD_DIGITS, passes_luhn
from gateway.masking.mask import hidden_in, mask, mask_all, mask_secrets

__all__ = ["CARD_DIGITS", "hidden_in", "mask", "mask_all", "mask_secrets", "passes_luhn"]
