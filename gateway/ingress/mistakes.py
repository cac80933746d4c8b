"""The usual mistakes between a provider and a gateway, each as a change that undoes it: what makes a refused signature right?

Bodies that were parsed and written again, secrets read in another form, addresses with a slash too many. Changes are tried alone,
then in pairs of different kinds; the first under which a signature holds is the answer.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Final

import orjson

from gateway.errors import Refusal
from gateway.ingress.delivery import Delivery, RawHeaders, VerifiedDelivery
from gateway.ingress.providers.schemes import Scheme
from gateway.ingress.providers.sources import Secret, Source, Window
from gateway.ingress.verify import verify

_ANY_TIME: Final = Window(past_s=1e18, future_s=1e18)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A delivery with what is thought to prove it. `texts` are the secrets as pasted, `keys` as read, None where they cannot be."""

    delivery: Delivery
    scheme: Scheme
    texts: tuple[str, ...] = field(repr=False)
    keys: tuple[bytes | None, ...] = field(repr=False)
    url: str = ""

    def verify(self, window: Window = _ANY_TIME) -> VerifiedDelivery:
        """Raises what `verify` raises. A secret's id is its place, from 1."""
        secrets = tuple(Secret(str(place), key) for place, key in enumerate(self.keys, start=1) if key is not None)
        return verify(self.delivery, Source("captured", self.scheme, secrets, url=self.url), window)


Change = tuple[str, Attempt]


def what_makes_it_right(refused: Attempt) -> str | None:
    """The changes under which a signature holds, as the end of a sentence ("the signature is right when …"); None: none do."""
    for what, changed in _variants(refused):
        try:
            changed.verify()
        except Refusal:
            continue
        return what
    return None


def _variants(refused: Attempt) -> Iterator[Change]:
    kinds: tuple[Callable[[Attempt], Iterator[Change]], ...] = (
        _other_keys,
        _other_bodies,
        _other_urls,
        _other_signatures,
    )
    for kind in kinds:
        yield from kind(refused)
    for first, second in combinations(kinds, 2):
        for what, changed in first(refused):
            for also, both in second(changed):
                yield f"{what}, and {also}", both


def _other_keys(attempt: Attempt) -> Iterator[Change]:
    for what, read in _READINGS:
        keys = tuple(read(text) for text in attempt.texts)
        if any(keys) and keys != attempt.keys:
            yield what, replace(attempt, keys=keys)


def _as_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return None


def _as_hex(text: str) -> bytes | None:
    try:
        return binascii.unhexlify(text)
    except (binascii.Error, ValueError):
        return None


_READINGS: Final[tuple[tuple[str, Callable[[str], bytes | None]], ...]] = (
    ("the secret is read as plain text", str.encode),
    ("the secret is read as base64 (after whsec_)", _as_base64),
    ("the secret is read as hex digits", _as_hex),
    (
        "whsec_ is left out of the secret and the rest is read as plain text",
        lambda text: text.removeprefix("whsec_").encode(),
    ),
    ("the spaces around the secret are left out", lambda text: text.strip().encode()),
    ("the spaces around the secret are left out and it is read as base64", lambda text: _as_base64(text.strip())),
)


def _other_bodies(attempt: Attempt) -> Iterator[Change]:
    body = attempt.delivery.body
    for what, change in _BODIES:
        try:
            other = change(body)
        except (ValueError, TypeError, RecursionError):  # orjson reads what is nested deeper than it writes
            continue
        if other != body:
            yield what, replace(attempt, delivery=replace(attempt.delivery, body=other))


_BODIES: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    ("the line break at the end of the body is left out", lambda body: body.rstrip(b"\r\n")),
    ("a line break is added at the end of the body", lambda body: body + b"\n"),
    ("the lines of the body end in LF", lambda body: body.replace(b"\r\n", b"\n")),
    ("the lines of the body end in CRLF", lambda body: body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
    ("the byte order mark is left out of the body", lambda body: body.removeprefix(b"\xef\xbb\xbf")),
    (
        "the body is written without spaces: it was parsed and written again",
        lambda body: orjson.dumps(orjson.loads(body)),
    ),
    (
        "the body is written with a space after : and ,: it was parsed and written again",
        lambda body: _spaced(body, ascii=True),
    ),
    (
        "the body is written with a space after : and , and letters beyond ASCII as they are: it was parsed and written again",
        lambda body: _spaced(body, ascii=False),
    ),
    (
        "the body is written without spaces and with letters beyond ASCII escaped: it was parsed and written again",
        lambda body: json.dumps(json.loads(body), separators=(",", ":")).encode(),
    ),
    (
        "the body is written with slashes escaped: it was parsed and written again",
        lambda body: body.replace(b"/", b"\\/"),
    ),
)


def _spaced(body: bytes, *, ascii: bool) -> bytes:
    return json.dumps(json.loads(body), ensure_ascii=ascii).encode()


def _other_urls(attempt: Attempt) -> Iterator[Change]:
    if not attempt.scheme.signs_url or not attempt.url:
        return
    url = attempt.url
    other_end = url.rstrip("/") if url.endswith("/") else url + "/"
    other_start = (
        url.replace("https://", "http://", 1) if url.startswith("https://") else url.replace("http://", "https://", 1)
    )
    for other in (other_end, other_start, url.partition("?")[0]):
        if other != url:
            yield f"the address is {other}", replace(attempt, url=other)


def _other_signatures(attempt: Attempt) -> Iterator[Change]:
    """The value of the signature header, spelled as the scheme does."""
    for what, change in _SPELLINGS:
        headers = _respelled(attempt, change)
        if headers != attempt.delivery.headers:
            yield what, replace(attempt, delivery=replace(attempt.delivery, headers=headers))


def _respelled(attempt: Attempt, change: Callable[[bytes], bytes]) -> RawHeaders:
    names = attempt.scheme.signature_headers
    return [(name, change(value) if name in names else value) for name, value in attempt.delivery.headers]


_SPELLINGS: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    ("the digits of the signature are in lower case", bytes.lower),
    ("the quotes around the signature are left out", lambda value: value.strip(b"\"'")),
    ("what stands before the = of the signature is left out", lambda value: value.partition(b"=")[2] or value),
)
