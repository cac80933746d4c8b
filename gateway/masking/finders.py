"""What is hidden, by its pattern: each finder gives the places of its own in a plain text, from left to right."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from gateway.masking.cards import Span, cards

_SECRET: Final = re.compile(
    r"(?i:whsec_)([A-Za-z0-9+/=_\-]{6,}+)"
    r"|apg_[0-9a-f]{16}_([A-Za-z0-9_\-]{8,}+)"
    r"|_secret_([A-Za-z0-9]{8,}+)"
    r"|(?<![A-Za-z0-9])[sr]k_(?:live|test)_([A-Za-z0-9]{8,}+)"
    r"|(?<![A-Za-z0-9])(AIza[A-Za-z0-9_\-]{30,}+)"
    r"|(?i:bearer)\s{1,3}([A-Za-z0-9._~+/=\-]{8,}+)"
    r"|(?i:authorization)[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:(?i:basic|digest|bearer|token)\s{1,3})?([^\s\"',;]{8,}+)"
    r"|(?i:passw(?:or)?d|api[_\-]?key)[\"']?\s{0,3}[:=]\s{0,3}[\"']?([^\s\"',;&]{8,}+)"
    r"|://[^\s/@:]{0,256}+:([^\s/@]{1,256}+)(?=@)"
)
"""Our keys, webhook and API secrets, credentials in headers and addresses: each alternative has one group, the part to hide."""

OURS: Final = re.compile(
    r"(?<![\w-])(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # a UUID
    r"|(?:19|20|21)[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?"
    r"(?:Z|[+\-][0-2][0-9]:?[0-5][0-9])?)?)(?![\w-])"  # a date or time (ISO 8601)
)
"""Digits and dashes that are neither card nor phone."""

_LOCAL: Final = r"\w.!#$%&'*+/=?^`{|}~\-\u200b"
_EMAIL: Final = re.compile(
    rf"((?<![{_LOCAL}])[{_LOCAL}]++|\"[^\"@\n]{{1,64}}+\")@([\w\u200b\-]++(?:\.[\w\u200b\-]++)*+|\[[\w.:]{{2,60}}+\])"
)
_BEFORE_LOCAL: Final = re.compile(r"(?:.*[/=])?+(?:b')?+['`{|&?#!$%^*~+]*+(?=.)", re.DOTALL)
"""What a local part may hold and what rather is a label, a path or a quotation mark before it."""
_UPI_PROVIDER: Final = re.compile(r"[A-Za-z][A-Za-z0-9\u200b\-]+")

_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ \u200b\-]?[A-Za-z0-9]){11,30}")
_IBAN_LENGTHS: Final = {
    country: int(length)
    for length, countries in re.findall(
        r"(\d+)((?: [A-Z]{2})+)",
        "15 NO 16 BE 18 DK FI FO GL NL SD FK 19 MK SI 20 AT BA EE KZ LT LU MN XK 21 CH CR HR LI LV "
        "22 BG BH DE GB GE IE ME RS VA 23 AE GI IL IQ OM SO TL 24 AD CZ ES MD PK RO SA SE SK TN VG "
        "25 LY PT ST 26 IS TR 27 BI DJ FR GR IT MC MR SM 28 AL AZ BY CY DO GT HN HU LB NI PL SV "
        "29 BR EG PS QA UA 30 JO KW MU YE 31 MT SC 32 LC 33 RU",
    )
    for country in countries.split()
}
"""Source: the SWIFT IBAN registry."""

_LABELLED: Final = re.compile(
    r"(?i:(?P<phone>phone|mobile|msisdn|whatsapp|contact|(?<![a-z])(?:tel|cell|fax|sms))"
    r"|account|acct|a/c|iban|routing|sort[ _\-]?code)"
    r"(?i:[ _\-]?(?:number|num|no|nr)\b)?[\"'\s.:=#]{1,6}(?:(?i:is|was)\s{1,3})?[\"']?"
    r"(?:(?P<number>[+(]?[0-9](?:(?:[ ()\-/\u200b]{0,2}|\.(?=[0-9]{3}))[0-9]){5,33})|(?P<iban>[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}))"
    r"(?![0-9A-Za-z])"
)

_PHONE: Final = re.compile(
    r"(?<![\w+])\+[1-9](?:(?:[ ()\-/\u200b]{0,3}|\.(?=[0-9]{3}))[0-9]){6,14}(?!\w|\.[0-9])"
    r"|(?<![\w.+\-])(?:"
    r"00[1-9][0-9]{0,2}(?:[ .()\-/]{1,2}[0-9]{2,8}){2,5}"  # the international prefix as digits
    r"|(?:1[ .\-])?(?:\([0-9]{3}\) ?|[0-9]{3}[ .\-])[0-9]{3}[ .\-][0-9]{4}"  # North America
    r"|\(0?[0-9]{2,4}\)[ \-]?[0-9]{3,4}[ \-]?[0-9]{3,4}"
    r"|0[0-9]{1,4}[ \-/][0-9]{3,4}[ \-]?[0-9]{3,4}"  # a trunk prefix
    r"|0[0-9](?:[ .\-][0-9]{2}){4}"  # France
    r"|[6-9][0-9]{4}[ \-][0-9]{5}"  # India
    r")(?![\w\-]|\.[0-9])"
)


def secrets(plain: str) -> Iterator[Span]:
    for found in _SECRET.finditer(plain):
        yield *found.span(found.lastindex or 0), "[secret]"


def emails(plain: str) -> Iterator[Span]:
    """An address, or a UPI handle, which is one without a dot in its domain. A label glued to it (`email=`) is left."""
    for found in _EMAIL.finditer(plain):
        local, domain = found.groups()
        glued = _BEFORE_LOCAL.match(local)
        start = found.start() + (glued.end() if glued else 0)
        if "." in domain or domain.startswith("["):
            yield start, found.end(), "[e-mail]"
        elif _UPI_PROVIDER.fullmatch(domain):
            yield start, found.end(), "[upi]"


def ibans(plain: str) -> Iterator[Span]:
    """By the country's length and the checksum (ISO 13616), compact or in groups."""
    begin = 0
    while found := _IBAN.search(plain, begin):
        length = _IBAN_LENGTHS.get(found[0][:2].upper(), 0)
        places = [place for place in range(*found.span()) if plain[place].isalnum()]
        end = places[length - 1] + 1 if 0 < length <= len(places) else 0
        if end and not plain[end : end + 1].isalnum() and _passes_mod_97(plain[found.start() : end]):
            yield found.start(), end, "[iban]"
        begin = end or found.start() + 1


def _passes_mod_97(iban: str) -> bool:
    compact = "".join(character for character in iban.upper() if character.isalnum())
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def labelled(plain: str) -> Iterator[Span]:
    for found in _LABELLED.finditer(plain):
        kind = "iban" if found["iban"] else "number"
        yield *found.span(kind), "[phone]" if found["phone"] else "[account]"


def phones(plain: str) -> Iterator[Span]:
    for found in _PHONE.finditer(plain):
        yield *found.span(), "[phone]"


FINDERS: Final[tuple[Callable[[str], Iterator[Span]], ...]] = (emails, ibans, cards, labelled, phones)
"""After `secrets`, in this order: what one has taken, the next does not see."""
