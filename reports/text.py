"""Text from outside as a report may show it: the one door that a provider's or a caller's words come in through."""

import unicodedata
from typing import Final

from gateway.masking import mask

CHARS_MAX: Final = 160


def shown(text: object, chars_max: int = CHARS_MAX) -> str:
    """Bounded, card numbers and secrets masked, every control and direction mark spelled out.

    U+202E and its like would let a sender turn the words of a report around (Unicode TR 36, bidirectional spoofing).
    """
    kept = "" if text is None else mask(str(text)[: 4 * chars_max])
    if len(kept) > chars_max:
        kept = kept[: chars_max - 1] + "…"
    return "".join(_spelled(char) if unicodedata.category(char).startswith("C") else char for char in kept)


def _spelled(char: str) -> str:
    return " " if char in "\n\t" else f"\\u{ord(char):04x}"
