"""The wall: a `Delivery` goes in, a `VerifiedDelivery` or one of our refusals comes out, for any bytes whatever.

The signature is checked over the raw bytes before anything is parsed, the window only after the signature holds: a caller
without the key learns nothing about clocks, ids or contents.
"""

import binascii
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson
import rfc8785

from gateway.errors import SignatureRefused, TimestampRefused
from gateway.ingress.delivery import Delivery, RawHeaders, VerifiedDelivery
from gateway.ingress.providers.schemes import Encoding, Layout, Piece, Scheme
from gateway.ingress.providers.sources import Secret, Source

SIGNATURES_MAX: Final = 8
"""Signatures that one header may carry; a provider sends one, or two while it rotates its key."""
HEADER_BYTES_MAX: Final = 2_048
MESSAGE_ID_BYTES_MAX: Final = 255
TIMESTAMP_DIGITS_MAX: Final = 13


@dataclass(frozen=True, slots=True)
class Window:
    """How far the signed time may lie from the arrival, on either side, in seconds."""

    past_s: float
    future_s: float


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a delivery says about itself: signatures that may be right, the bytes they would cover, the time it names."""

    signatures: list[bytes]
    message: bytes
    payload: bytes
    signed_at: float | None
    message_id: bytes | None


def verify(delivery: Delivery, source: Source, window: Window) -> VerifiedDelivery:
    """Prove the delivery with one of the source's secrets.

    Raises `SignatureRefused` (missing, malformed or wrong) and `TimestampRefused` (missing, unreadable or outside the window).
    """
    claim = _read_claim(delivery, source.scheme)
    secret = _matching_secret(claim, source.secrets, source.scheme.encoding)
    if claim.signed_at is not None:
        _check_window(claim.signed_at, delivery.received_at, window)
    return VerifiedDelivery(
        delivery=delivery,
        payload=claim.payload,
        secret_id=secret.id,
        signed_at=claim.signed_at,
        message_id=claim.message_id.decode("ascii") if claim.message_id is not None else None,
    )


def _read_claim(delivery: Delivery, scheme: Scheme) -> _Claim:
    value = _one_header(delivery.headers, scheme.signature_headers)
    if value is None:
        if scheme.body_form:
            return _claim_in_body(delivery.body)
        raise SignatureRefused("signature_missing")
    digits: bytes | None
    if scheme.layout is Layout.FIELDS:
        signatures, digits = _read_fields(value, scheme)
    else:
        signatures = (
            _read_versions(value, scheme) if scheme.layout is Layout.VERSIONED else [value.removeprefix(scheme.prefix)]
        )
        digits = _one_header(delivery.headers, scheme.timestamp_headers) if scheme.timestamp_headers else None
    if not signatures:
        raise SignatureRefused("signature_missing")
    if len(signatures) > SIGNATURES_MAX:
        raise SignatureRefused("signatures_too_many")
    message_id = _message_id(delivery.headers, scheme) if scheme.message_id_headers else None
    signed_at = _unix_s(digits, scheme.timestamp_per_second) if scheme.signs_time else None
    parts = {Piece.TIMESTAMP: digits, Piece.MESSAGE_ID: message_id, Piece.BODY: delivery.body}
    message = b"".join(piece if isinstance(piece, bytes) else parts[piece] or b"" for piece in scheme.signed)
    return _Claim(signatures, message, delivery.body, signed_at, message_id)


def _claim_in_body(body: bytes) -> _Claim:
    """The native form whose time and signature sit in the JSON: signed over time, a dot and the rest in RFC 8785 form.

    The payload is that canonical form, so that what is read later is exactly what was signed.
    """
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise SignatureRefused("signature_missing") from None
    signature = fields.pop("signature", None) if isinstance(fields, dict) else None
    if not isinstance(signature, str) or not signature.isascii():
        raise SignatureRefused("signature_missing")
    stamp = fields.get("timestamp")
    digits = str(stamp).encode() if isinstance(stamp, int | str) and not isinstance(stamp, bool) else None
    signed_at = _unix_s(digits, 1)
    try:
        canonical = rfc8785.dumps(fields)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeEncodeError):
        raise SignatureRefused("body_not_canonical") from None
    message = b"".join((digits or b"", b".", canonical))
    return _Claim([signature.removeprefix("sha256=").encode()], message, canonical, signed_at, None)


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
    """Signatures and time of a `t=1,v1=abc,v1=def` header. A doubled time is no time."""
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


def _unix_s(digits: bytes | None, per_second: int) -> float:
    if not digits:
        raise TimestampRefused("timestamp_missing")
    if len(digits) > TIMESTAMP_DIGITS_MAX or not digits.isdigit():
        raise TimestampRefused("timestamp_unreadable")
    return int(digits) / per_second


def _matching_secret(claim: _Claim, secrets: Iterable[Secret], encoding: Encoding) -> Secret:
    for secret in secrets:
        digest = hmac.digest(secret.key, claim.message, "sha256")
        expected = digest.hex().encode() if encoding is Encoding.HEX else binascii.b2a_base64(digest, newline=False)
        for signature in claim.signatures:
            if hmac.compare_digest(expected, signature):
                return secret
    raise SignatureRefused(_what_is_wrong(claim.signatures, encoding))


def _what_is_wrong(signatures: list[bytes], encoding: Encoding) -> str:
    """The name of the failed check, for the operator's log: a malformed signature or a wrong one."""
    length = 64 if encoding is Encoding.HEX else 44
    alphabet = _HEX_DIGITS if encoding is Encoding.HEX else _BASE64_DIGITS
    well_formed = any(len(signature) == length and alphabet.issuperset(signature) for signature in signatures)
    return "signature_wrong" if well_formed else "signature_malformed"


def _check_window(signed_at: float, received_at: float, window: Window) -> None:
    age_s = received_at - signed_at
    if age_s > window.past_s:
        raise TimestampRefused("timestamp_too_old")
    if age_s < -window.future_s:
        raise TimestampRefused("timestamp_in_future")


_HEX_DIGITS: Final = frozenset(b"0123456789abcdef")
_BASE64_DIGITS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
