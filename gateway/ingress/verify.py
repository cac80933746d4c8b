"""The wall: a `Delivery` goes in, a `VerifiedDelivery` or one of our refusals comes out, for any bytes whatever.

The signature is checked over the raw bytes before anything is parsed (but for schemes that put it inside the body), the window only
after the signature holds: a caller without the key learns nothing about clocks, ids or contents.
"""

import binascii
import hmac
from ipaddress import IPv6Address, ip_address
from typing import Final

from gateway.errors import SignatureRefused, TimestampRefused
from gateway.ingress.claim import Claim, Proof, claim_in_headers
from gateway.ingress.claim_in_body import claim_in_body
from gateway.ingress.delivery import Delivery, VerifiedDelivery
from gateway.ingress.providers.schemes import Encoding
from gateway.ingress.providers.sources import Secret, Source, Window


def verify(delivery: Delivery, source: Source, window: Window) -> VerifiedDelivery:
    """Prove the delivery with one of the source's secrets that are valid at its arrival. `window` is for sources without one.

    Raises `SignatureRefused` (missing, malformed or wrong, or from outside the source's networks) and `TimestampRefused`
    (missing, unreadable or outside the window).
    """
    if source.networks and not _is_within(delivery.remote, source):
        raise SignatureRefused("network_not_allowed")
    scheme = source.scheme
    claim = claim_in_headers(delivery, scheme, source.url) or claim_in_body(delivery.body, scheme)
    secret = _matching_secret(claim, source, delivery.received_at)
    if claim.signed_at is not None:
        _check_window(claim.signed_at, delivery.received_at, source.window or window)
    return VerifiedDelivery(
        delivery=delivery,
        payload=claim.payload,
        secret_id=secret.id,
        signed_at=claim.signed_at,
        message_id=claim.message_id.decode("ascii") if claim.message_id is not None else None,
    )


def _is_within(remote: str, source: Source) -> bool:
    try:
        address = ip_address(remote)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:  # a dual-stack socket shows IPv4 peers so
        address = address.ipv4_mapped
    return any(address in network for network in source.networks)


def _matching_secret(claim: Claim, source: Source, received_at: float) -> Secret:
    encoding = source.scheme.encoding
    for secret in source.secrets:
        if secret.valid_from <= received_at < secret.valid_until and _vouches(secret.key, claim.proofs, encoding):
            return secret
    if any(_vouches(secret.key, claim.proofs, encoding) for secret in source.secrets):
        raise SignatureRefused("secret_not_valid_now")
    raise SignatureRefused(_what_is_wrong(claim, encoding))


def _vouches(key: bytes, proofs: tuple[Proof, ...], encoding: Encoding) -> bool:
    """Whether the key has signed every message. Texts are compared, so each signature has exactly one spelling."""
    for message, signatures in proofs:
        expected = mac(key, message, encoding)
        for signature in signatures:
            if hmac.compare_digest(expected, signature):
                break
        else:
            return False
    return bool(proofs)  # of nothing, nothing is proven


def mac(key: bytes, message: bytes, encoding: Encoding) -> bytes:
    """HMAC-SHA256 as a provider writes it."""
    digest = hmac.digest(key, message, "sha256")
    return digest.hex().encode() if encoding is Encoding.HEX else binascii.b2a_base64(digest, newline=False)


def _what_is_wrong(claim: Claim, encoding: Encoding) -> str:
    """The name of the failed check, for the operator's log: a malformed signature or a wrong one."""
    length = 64 if encoding is Encoding.HEX else 44
    alphabet = _HEX_DIGITS if encoding is Encoding.HEX else _BASE64_DIGITS
    well_formed = all(
        any(len(signature) == length and alphabet.issuperset(signature) for signature in signatures)
        for _, signatures in claim.proofs
    )
    return "signature_wrong" if well_formed else "signature_malformed"


def _check_window(signed_at: float, received_at: float, window: Window) -> None:
    age_s = received_at - signed_at
    if age_s > window.past_s:
        raise TimestampRefused("timestamp_too_old")
    if age_s < -window.future_s:
        raise TimestampRefused("timestamp_in_future")


_HEX_DIGITS: Final = frozenset(b"0123456789abcdef")
_BASE64_DIGITS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
