"""Texts and values masked: what the finders find is replaced by what it is."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from gateway.masking.cards import Span
from gateway.masking.finders import FINDERS, OURS, secrets
from gateway.masking.plain import plain as plainly

DEPTH_MAX: Final = 12
"""Levels of nesting that `mask_all` walks; what lies deeper is masked as one text."""

SECRET_FIELDS: Final = re.compile(
    r"(proxy-)?authorization|(set-)?cookie|(x-)?api-?key|passw(or)?d|secrets?|token|(.+-)?signature|(private|encryption)-key"
    r"|client-secret"
)
"""Names, with dashes, of what `mask_all` shows nothing of, whatever it looks like."""

_SIX_DIGITS: Final = re.compile(r"(?:[0-9][^0-9A-Za-z]{0,3}){5}[0-9]")
_HINTS: Final = ("@", "://", "secret", "whsec", "apg_", "bearer", "auth", "pass", "key", "k_live", "k_test", "aiza")
"""An ASCII text with neither holds nothing to mask: most texts are done here."""


def mask(text: str, *, shown: Collection[str] = ()) -> str:
    """The text with secrets, e-mail addresses, IBANs, card, phone and account numbers and UPI handles masked.

    `mask("pay 4111 1111 1111 1111")` is "pay [card]". What stands in `shown` is left as it is. Total: any string is taken, and
    all else in it stays as it was, also where it was written in other scripts' digits or with invisible characters.
    """
    spans = [span for span in _found(text) if text[span[0] : span[1]] not in shown]
    return _replaced(text, sorted(spans)) if spans else text


def mask_secrets(text: str) -> str:
    """The text with secrets masked and nothing else."""
    return _replaced(text, list(secrets(text)))


def hidden_in(text: str) -> frozenset[str]:
    """What `mask` would hide in the text, piece by piece, and the text itself: what its writer has seen already."""
    return frozenset({text, *(text[start:end] for start, end, _ in _found(text))})


def mask_all(value: Any, *, shown: Collection[str] = (), depth: int = 0) -> Any:
    """The value with every text in it masked, keys too; a key is taken for the label of its text. Numbers, truths and None
    stay, other objects become their masked `repr`, and nothing is shown of `SECRET_FIELDS`."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return mask(value, shown=shown)
        case Mapping() if depth < DEPTH_MAX:
            return {mask(str(key)): _mask_labelled(str(key), inner, shown, depth + 1) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset() if depth < DEPTH_MAX:
            return [mask_all(inner, shown=shown, depth=depth + 1) for inner in value]
        case _:
            return mask(repr(value), shown=shown)


def _mask_labelled(key: str, value: Any, shown: Collection[str], depth: int) -> Any:
    if SECRET_FIELDS.fullmatch(key.lower().replace("_", "-")) and not isinstance(value, int | float | None):
        return "[secret]"
    if isinstance(value, str) and value not in shown:
        return mask(f"{key}: {value}", shown=shown)[len(mask(f"{key}: ")) :]
    return mask_all(value, shown=shown, depth=depth)


def _found(text: str) -> list[Span]:
    """Everything there is to hide; no two overlap, because what one finder took is blanked for the next."""
    if text.isascii() and not _SIX_DIGITS.search(text) and not _hinted(text.lower()):
        return []
    plain = plainly(text)
    spans = list(secrets(plain))
    plain = _blanked(plain, spans, "\0")
    plain = _blanked(plain, ((*ours.span(), "") for ours in OURS.finditer(plain)), "x")
    for find in FINDERS:
        if found := list(find(plain)):
            spans += found
            plain = _blanked(plain, found, "\0")
    return spans


def _hinted(lowered: str) -> bool:
    return any(hint in lowered for hint in _HINTS)


def _replaced(text: str, spans: Iterable[Span]) -> str:
    """`spans` from left to right."""
    pieces: list[str] = []
    done = 0
    for start, end, name in spans:
        pieces += (text[done:start], name)
        done = end
    return "".join((*pieces, text[done:]))


def _blanked(plain: str, spans: Iterable[Span], filler: str) -> str:
    return _replaced(plain, ((start, end, filler * (end - start)) for start, end, _ in spans))
