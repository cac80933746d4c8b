"""The sources that may post here: a name in the URL, a scheme, and the secrets that vouch for it."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from gateway.errors import CannotStart
from gateway.ingress.providers.schemes import SCHEMES, KeyForm, Scheme
from gateway.settings import Settings

KEY_BYTES_MIN: Final = 24
"""A shorter key can be guessed or was never meant as one; the start is refused."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One signing key. `id` is what the stored event says about which key matched; `key` shows in no repr."""

    id: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """A door: `name` is the last part of /webhooks/{name}."""

    name: str
    scheme: Scheme
    secrets: tuple[Secret, ...]


def signing_key(text: str, form: KeyForm) -> bytes:
    """The key bytes of a secret as an operator pastes it. Raises `ValueError` when it is not in that form."""
    if form is KeyForm.TEXT:
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64 (after whsec_)") from None


_HOW_TO_MAKE_ONE: Final = {
    KeyForm.TEXT: "import secrets; print(secrets.token_urlsafe(32))",
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
