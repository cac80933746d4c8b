"""The sources that may post here: a name in the URL, a scheme, the secrets that vouch for it, and what else is asked of it.

Those of the environment are read here; those that operators manage while the gateway runs, in `stored`.
"""

import base64
import binascii
import math
import secrets as randomness
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType
from typing import Final

from gateway.errors import CannotStart
from gateway.ingress.providers.schemes import SCHEMES, KeyForm, Scheme
from gateway.settings import Settings

KEY_BYTES_MIN: Final = 24
"""A shorter key can be guessed or was never meant as one; the start is refused."""


@dataclass(frozen=True, slots=True)
class Window:
    """How far the signed time may lie from the arrival, on either side, in seconds."""

    past_s: float
    future_s: float


@dataclass(frozen=True, slots=True)
class Secret:
    """One signing key. `id` is what the stored event says about which key matched; `key` shows in no repr.

    It vouches for what arrives from `valid_from` until before `valid_until` (unix seconds).
    """

    id: str
    key: bytes = field(repr=False)
    valid_from: float = 0.0
    valid_until: float = math.inf


@dataclass(frozen=True, slots=True)
class Source:
    """A door: `name` is the last part of /webhooks/{name}. What is None is as the settings say for every source."""

    name: str
    scheme: Scheme
    secrets: tuple[Secret, ...]
    window: Window | None = None
    body_bytes_max: int | None = None
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Where its deliveries come from; empty: anywhere. Never instead of a signature."""
    rate: str | None = None
    """Verified webhooks, in the notation of the `limits` library."""
    types: tuple[str, ...] = ()
    """Patterns (`payment.*`) of the event types it is for; empty: all."""
    url: str = ""
    """The address the provider knows, where the scheme signs it."""

    def is_for(self, event_type: str) -> bool:
        return not self.types or any(fnmatchcase(event_type, pattern) for pattern in self.types)


def signing_key(text: str, form: KeyForm) -> bytes:
    """The key bytes of a secret as an operator pastes it. Raises `ValueError` when it is not in that form."""
    if form is KeyForm.TEXT:
        return text.encode()
    try:
        if form is KeyForm.HEX:
            return binascii.unhexlify(text)
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not hex digits" if form is KeyForm.HEX else "is not base64 (after whsec_)") from None


def new_secret(form: KeyForm) -> str:
    """The text of a fresh secret with 32 random bytes of key, in the form that the scheme reads."""
    if form is KeyForm.TEXT:
        return randomness.token_urlsafe(32)
    if form is KeyForm.HEX:
        return randomness.token_hex(32)
    return "whsec_" + base64.b64encode(randomness.token_bytes(32)).decode()


_HOW_TO_MAKE_ONE: Final = {
    KeyForm.TEXT: "import secrets; print(secrets.token_urlsafe(32))",
    KeyForm.HEX: "import secrets; print(secrets.token_hex(32))",
    KeyForm.WHSEC: 'import base64, secrets; print("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())',
}

_SETTING_OF_SOURCE: Final = (
    ("payments", "native", "hmac_secret_key"),
    ("stripe", "stripe", "stripe_webhook_secret"),
    ("razorpay", "razorpay", "razorpay_webhook_secret"),
    ("standard", "standard-webhooks", "standard_webhooks_secret"),
)


def open_sources(settings: Settings) -> Mapping[str, Source]:
    """The sources that have a secret; the others stay closed. Raises `CannotStart`, a sentence per unsafe secret.

    A secret's id is its position in the comma-separated setting, so an operator can tell the old one from the new.
    """
    sources: dict[str, Source] = {}
    problems: list[str] = []
    for name, scheme_name, setting in _SETTING_OF_SOURCE:
        scheme = SCHEMES[scheme_name]
        texts = [text.strip() for text in getattr(settings, setting).get_secret_value().split(",") if text.strip()]
        secrets: list[Secret] = []
        for position, text in enumerate(texts, start=1):
            try:
                key = signing_key(text, scheme.key_form)
            except ValueError as wrong:
                problems.append(f"{setting.upper()}: secret {position} {wrong}; copy it again from the provider.")
                continue
            if len(key) < KEY_BYTES_MIN:
                problems.append(
                    f"{setting.upper()}: secret {position} is {len(key)} bytes of key, at least {KEY_BYTES_MIN} are needed; "
                    f"make one with: python3 -c '{_HOW_TO_MAKE_ONE[scheme.key_form]}'."
                )
            secrets.append(Secret(id=str(position), key=key))
        if secrets:
            sources[name] = Source(name=name, scheme=scheme, secrets=tuple(secrets))
    if problems:
        raise CannotStart(*problems)
    return MappingProxyType(sources)


def window_of(settings: Settings) -> Window:
    return Window(past_s=settings.max_webhook_age_seconds, future_s=settings.max_webhook_future_seconds)
