"""The same text in plain ASCII digits, spaces and dashes, character by character, so that what is found has its old place."""

import unicodedata
from typing import Final


class _Plain(dict[int, str]):
    """For `str.translate`, one character for one: digits of every script as ASCII, spaces and dashes of every kind as one,
    invisible characters as U+200B. Remembers at most `REMEMBERED_MAX` characters."""

    REMEMBERED_MAX: Final = 4_096

    def __missing__(self, code: int) -> str:
        shown = chr(code) if code < 128 else _plainly(chr(code))
        if len(self) < self.REMEMBERED_MAX:
            self[code] = shown
        return shown


def _plainly(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cf", "Co", "Cn", "Cs"):
        return "\u200b"
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category == "Pd":
        return "-"
    if category in ("Zs", "Zl", "Zp"):
        return " "
    normal = unicodedata.normalize("NFKC", character)
    return normal if len(normal) == 1 else character


_PLAIN: Final = _Plain()


def plain(text: str) -> str:
    """As long as the text; ASCII stays as it is."""
    return text if text.isascii() else text.translate(_PLAIN)
