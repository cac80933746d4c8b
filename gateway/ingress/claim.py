"""What a delivery says about itself, before any of it is believed: read from headers, whatever bytes they hold."""

from typing import Final, NamedTuple

from gateway.errors import SignatureRefused, TimestampRefused
from gateway.ingress.delivery import Delivery, RawHeaders
from gateway.ingress.providers.schemes import Layout, Piece, Scheme

SIGNATURES_MAX: Final = 8
"""Signatures that one delivery may carry; a provider sends one, or two while it rotates its key."""
HEADER_BYTES_MAX: Final = 2_048
MESSAGE_ID_BYTES_MAX: Final = 255
TIMESTAMP_DIGITS_MAX: Final = 13


class Proof(NamedTuple):
    """Bytes that would be covered, and the signatures of which one has to be right."""

    message: bytes
    signatures: list[bytes]


class Claim(NamedTuple):
    """All of `proofs` have to hold for `payload` to be believed. (A tuple: a frozen dataclass costs 0.7 µs more.)"""

    proofs: tuple[Proof, ...]
    payload: bytes
    signed_at: float | None
    message_id: bytes | None


def claim_in_headers(delivery: Delivery, scheme: Scheme, url: str) -> Claim | None:
    """The claim of a delivery with a signature header; None when it has none. `url` is the source's, where it is signed.

    Raises `SignatureRefused` and `TimestampRefused` for what is malformed.
    """
    headers = delivery.headers
    value = _one_header(headers, scheme.signature_headers)
    if value is None:
        return None
    digits: bytes | None
    if scheme.layout is Layout.FIELDS:
        signatures, digits = _read_fields(value, scheme)
    else:
        signatures = (
            _read_versions(value, scheme) if scheme.layout is Layout.VERSIONED else [value.removeprefix(scheme.prefix)]
        )
        digits = _one_header(headers, scheme.timestamp_headers) if scheme.timestamp_headers else None
    if not signatures:
        raise SignatureRefused("signature_missing")
    if len(signatures) > SIGNATURES_MAX:
        raise SignatureRefused("signatures_too_many")
    message_id = _message_id(headers, scheme) if scheme.message_id_headers else None
    signed_at = unix_s(digits, scheme) if scheme.signs_time else None
    parts: list[bytes] = []
    for piece in scheme.signed:
        if piece is Piece.BODY:
            parts.append(delivery.body)
        elif piece is Piece.TIMESTAMP:
            parts.append(digits or b"")
        elif piece is Piece.MESSAGE_ID:
            parts.append(message_id or b"")
        elif piece is Piece.URL:
            parts.append(url.encode())
        else:
            parts.append(piece)
    return Claim((Proof(b"".join(parts), signatures),), delivery.body, signed_at, message_id)


def unix_s(digits: bytes | None, scheme: Scheme) -> float:
    """The signed time. Raises `TimestampRefused` when it is missing or not 1 to 13 ASCII digits."""
    if not digits:
        raise TimestampRefused("timestamp_missing")
    if not scheme.timestamp_digits_min <= len(digits) <= TIMESTAMP_DIGITS_MAX or not digits.isdigit():
        raise TimestampRefused("timestamp_unreadable")
    return int(digits) / scheme.timestamp_per_second


def _one_header(headers: RawHeaders, names: tuple[bytes, ...]) -> bytes | None:
    """The value of the first of `names` that is present. A doubled, over-long or non-ASCII one is refused."""
    for name in names:
        values = [value for key, value in headers if key == name]
        if not values:
            continue
        if len(values) > 1:
            raise SignatureRefused("header_doubled")
        value = values[0].strip()
        if len(value) > HEADER_BYTES_MAX:
            raise SignatureRefused("header_too_long")
        if not value.isascii():
            raise SignatureRefused("header_not_ascii")
        return value or None
    return None


def _read_fields(value: bytes, scheme: Scheme) -> tuple[list[bytes], bytes | None]:
    """Signatures and time of a `t=1,v1=abc,v1=def` header, in any order. A doubled time is no time."""
    pairs = [pair.strip().partition(b"=") for pair in value.split(scheme.separator)]
    signatures = [after for key, _, after in pairs if key == scheme.version and after]
    times = [after for key, _, after in pairs if key == scheme.timestamp_field]
    return signatures, times[0] if len(times) == 1 else None


def _read_versions(value: bytes, scheme: Scheme) -> list[bytes]:
    pairs = (pair.partition(b",") for pair in value.split(scheme.separator))
    return [after for key, _, after in pairs if key == scheme.version and after]


def _message_id(headers: RawHeaders, scheme: Scheme) -> bytes:
    """The signed id. A dot in it is refused: it could shift the border between id and time in the signed bytes."""
    message_id = _one_header(headers, scheme.message_id_headers)
    if message_id is None:
        raise SignatureRefused("message_id_missing")
    if len(message_id) > MESSAGE_ID_BYTES_MAX or b"." in message_id or not message_id.decode("ascii").isprintable():
        raise SignatureRefused("message_id_malformed")
    return message_id
