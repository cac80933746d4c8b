"""Why a captured delivery is let in or refused, for the operator who has it, its secret and a question.

Pure: it asks `verify` itself, says what each refusal means, and looks among the usual mistakes for the one that explains it.
No secret is in what it tells.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.clock import utc
from gateway.errors import Refusal, SignatureRefused, TimestampRefused
from gateway.ingress.delivery import Delivery, VerifiedDelivery
from gateway.ingress.identity import identify
from gateway.ingress.mistakes import Attempt, what_makes_it_right
from gateway.ingress.providers.schemes import SCHEMES, Scheme
from gateway.ingress.providers.sources import KEY_BYTES_MIN, Window, signing_key

_UTC_MAX: Final = 253_402_300_799
_YEARS_10_S: Final = 10 * 365 * 86_400

CHECKS: Final[Mapping[str, str]] = {
    "signature_missing": "There is no signature where this scheme has it. Pass every header of the delivery.",
    "signature_malformed": "The signature is not written as this scheme writes it; compare its length, letters and prefix.",
    "signature_wrong": "The signature is well written, and was made with another secret or over other bytes.",
    "signatures_too_many": "There are more signatures than any provider sends.",
    "header_doubled": "A header that counts is there twice. Look for a proxy that adds one of its own.",
    "header_too_long": "A header that counts is longer than any provider's.",
    "header_not_ascii": "A header that counts has letters outside ASCII; it was changed, or captured in another encoding.",
    "message_id_missing": "The id that is signed is missing. Pass every header of the delivery.",
    "message_id_malformed": "The id that is signed has a dot in it, is too long or not printable; no provider writes such an id.",
    "items_missing": "The body has no list of items, so nothing in it is signed.",
    "item_malformed": "An item of the body is not what the provider documents; what it signed cannot be put together.",
    "body_not_canonical": "The body has no canonical form (RFC 8785), which is what its signature covers.",
    "timestamp_missing": "The signed time is missing, or is there twice. Pass every header of the delivery.",
    "timestamp_unreadable": "The signed time is not a whole number of this scheme's unit, 1 to 13 digits.",
    "timestamp_too_old": "The signature is right; the time it covers is too far in the past.",
    "timestamp_in_future": "The signature is right; the time it covers lies in the future.",
}
"""What each refusal of a captured delivery means. (The network and a secret's validity are the source's, not the delivery's.)"""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`check` is the failed one, None for what is let in; the rest are sentences."""

    check: str | None
    told: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def diagnose(delivery: Delivery, scheme: Scheme, secrets: Sequence[str], *, url: str, window: Window) -> Diagnosis:
    """What the wall says to the delivery, and what to do about a refusal. `secrets` are as an operator pastes them."""
    attempt = Attempt(delivery, scheme, tuple(secrets), tuple(_keys(secrets, scheme)), url)
    warnings = tuple(_warnings(secrets, scheme))
    try:
        verified = attempt.verify(window)
    except TimestampRefused as refused:
        return Diagnosis(refused.check, (CHECKS[refused.check], *_about_time(attempt, refused.check, window)), warnings)
    except SignatureRefused as refused:
        return Diagnosis(refused.check, (CHECKS[refused.check], *_about_signature(attempt, refused.check)), warnings)
    return Diagnosis(None, tuple(_about_verified(verified, scheme)), warnings)


def _keys(secrets: Sequence[str], scheme: Scheme) -> Iterator[bytes | None]:
    for text in secrets:
        try:
            yield signing_key(text, scheme.key_form)
        except ValueError:
            yield None


def _warnings(secrets: Sequence[str], scheme: Scheme) -> Iterator[str]:
    for place, text in enumerate(secrets, start=1):
        try:
            key = signing_key(text, scheme.key_form)
        except ValueError as wrong:
            yield f"Secret {place} {wrong}, which is how {scheme.name} writes its secrets."
            continue
        if len(key) < KEY_BYTES_MIN:
            yield f"Secret {place} is {len(key)} bytes of key; a source needs at least {KEY_BYTES_MIN}."


def _about_verified(verified: VerifiedDelivery, scheme: Scheme) -> Iterator[str]:
    yield f"Secret {verified.secret_id} has signed it."
    if verified.signed_at is None:
        yield "This scheme signs no time; what was let in once is known by its name."
    else:
        yield _when(verified.signed_at, verified.delivery.received_at)
    try:
        identity = identify(verified, scheme)
    except Refusal as refused:
        yield f"It is authentic, and would still be answered with {refused.status}: {refused}"
        return
    name = identity.event_key.removeprefix(f"{verified.delivery.source}:").removeprefix(":")
    yield f"The event is named {name}, its type is {identity.type}."


def _about_time(attempt: Attempt, check: str, window: Window) -> Iterator[str]:
    if check == "timestamp_unreadable" and attempt.scheme.timestamp_per_second == 1_000:
        yield f"{attempt.scheme.name} signs milliseconds, 13 digits; seconds have 10."
    if check not in ("timestamp_too_old", "timestamp_in_future"):
        return
    signed_at = attempt.verify().signed_at or 0.0
    received_at = attempt.delivery.received_at
    yield _when(signed_at, received_at)
    yield f"It may lie {window.past_s:g} s before the arrival and {window.future_s:g} s after it."
    if abs(signed_at / 1_000 - received_at) < _YEARS_10_S:
        yield "It is in milliseconds, where this scheme has seconds: the sender has to divide by 1000."
    elif check == "timestamp_too_old":
        yield "For a delivery caught earlier, pass the time of its arrival. For one of now, compare the clocks."
    else:
        yield "Compare the clocks."


def _about_signature(attempt: Attempt, check: str) -> Iterator[str]:
    scheme = attempt.scheme
    if check == "signature_missing":
        yield from _about_headers(attempt)
    if scheme.signs_url and not attempt.url:
        yield f"{scheme.name} signs the address it posts to: pass it as it stands in the provider's settings."
    if check not in ("signature_wrong", "signature_malformed"):
        return
    found = what_makes_it_right(attempt)
    if found:
        yield f"The signature is right when {found}."
    elif check == "signature_wrong":
        yield (
            "No usual mistake explains it. Copy the secret of this very endpoint again (test and live have their own), and capture "
            "the raw bytes of the body, before anything parses it."
        )


def _about_headers(attempt: Attempt) -> Iterator[str]:
    """Where the signature would be, and which other scheme's is there instead."""
    present = {name for name, _ in attempt.delivery.headers}
    if attempt.scheme.signature_headers:
        yield f"{attempt.scheme.name} signs in the header {attempt.scheme.signature_headers[0].decode()}."
    for name, other in SCHEMES.items():
        if other.signature_headers and other.signature_headers[0] in present:
            yield f"The header {other.signature_headers[0].decode()} is there: the scheme may be {name}."


def _when(signed_at: float, received_at: float) -> str:
    age_s = received_at - signed_at
    moment = f"{utc(signed_at):%Y-%m-%d %H:%M:%S} UTC" if signed_at <= _UTC_MAX else f"{signed_at:.0f} in unix seconds"
    return f"It was signed at {moment}, {abs(age_s):g} s {'before' if age_s >= 0 else 'after'} its arrival."
