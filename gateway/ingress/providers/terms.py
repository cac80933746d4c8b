"""What an operator asks of a source beyond a good signature: as it is written, as it is stored, and checked alike in both.

A `Terms` that exists can be kept: nothing is left to be found wrong when a delivery comes.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from limits import RateLimitItem, parse_many
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gateway.errors import InvalidSource
from gateway.ingress.providers.schemes import SCHEMES
from gateway.ingress.providers.sources import Secret, Source, Window
from gateway.settings import Settings

NETWORKS_MAX: Final = 100
TYPES_MAX: Final = 100
URL_LENGTH_MAX: Final = 2_048
RATE_LENGTH_MAX: Final = 100
AGENTS: Final = "agents"
"""The source of what agents ask for inside: no door of this name can be opened."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PATTERN: Final = re.compile(r"[A-Za-z0-9_.:/*?-]{1,128}")
_URL: Final = re.compile(r"https?://[!-~]+")


class Terms(BaseModel):
    """One source's terms. What is None is as the settings say for every source."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    scheme: str
    past_s: int | None = Field(default=None, ge=1, le=86_400)
    future_s: int | None = Field(default=None, ge=0, le=3_600)
    body_bytes_max: int | None = Field(default=None, ge=1_024)
    networks: list[str] = Field(default=[], max_length=NETWORKS_MAX)
    rate: str | None = None
    types: list[str] = Field(default=[], max_length=TYPES_MAX)
    url: str = ""

    @field_validator("scheme")
    @classmethod
    def _is_known(cls, scheme: str) -> str:
        if scheme not in SCHEMES:
            raise ValueError(f"there is no such scheme; the schemes are {', '.join(SCHEMES)}")
        return scheme

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        return [str(_network(text)) for text in networks]

    @field_validator("rate")
    @classmethod
    def _is_a_rate(cls, rate: str | None) -> str | None:
        if rate is not None:
            read_rate(rate)
        return rate

    @field_validator("types")
    @classmethod
    def _are_patterns(cls, types: list[str]) -> list[str]:
        for pattern in types:
            if not _PATTERN.fullmatch(pattern):
                raise ValueError(
                    f"{_shown(pattern)} is no pattern; write letters, digits and . _ : / - with * and ?, such as payment.*"
                )
        return types

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url and (len(url) > URL_LENGTH_MAX or not _URL.fullmatch(url)):
            raise ValueError(
                "write the address that the provider posts to, such as https://gateway.example.com/webhooks/shop"
            )
        return url

    @model_validator(mode="after")
    def _has_the_address_it_signs(self) -> "Terms":
        if SCHEMES[self.scheme].signs_url and not self.url:
            raise ValueError(f"url: {self.scheme} signs the address that it posts to, so it must be known")
        return self


def read_terms(fields: Mapping[str, Any], settings: Settings) -> Terms:
    """Raises `InvalidSource`, a sentence for each thing that is wrong."""
    try:
        terms = Terms.model_validate(fields)
    except ValidationError as refused:
        raise InvalidSource(sentences(refused)) from None
    if terms.body_bytes_max is not None and terms.body_bytes_max > settings.body_bytes_max:
        raise InvalidSource(
            f"body_bytes_max: at most {settings.body_bytes_max}, which is what BODY_BYTES_MAX lets in at all."
        )
    return terms


def sentences(refused: ValidationError) -> str:
    """What is wrong, a sentence for each field; no value that may be a secret."""
    return " ".join(_sentence(error) for error in refused.errors(include_input=False))


def source_name(name: str) -> str:
    """The name, if a source can have it. Raises `InvalidSource`."""
    if name == AGENTS:
        raise InvalidSource("name: agents is the gateway's own, for what agents ask for; take another.")
    if not _NAME.fullmatch(name):
        raise InvalidSource(
            "name: 1 to 64 lower-case letters, digits and dashes, and no dash first, such as stripe-eu."
        )
    return name


def source_of(name: str, terms: Terms, secrets: tuple[Secret, ...], settings: Settings) -> Source:
    """The door that these terms and secrets make. A lower BODY_BYTES_MAX than when it was stored wins."""
    window = None
    if terms.past_s is not None or terms.future_s is not None:
        past_s = settings.max_webhook_age_seconds if terms.past_s is None else terms.past_s
        window = Window(past_s, settings.max_webhook_future_seconds if terms.future_s is None else terms.future_s)
    body_bytes_max = terms.body_bytes_max and min(terms.body_bytes_max, settings.body_bytes_max)
    return Source(
        name=name,
        scheme=SCHEMES[terms.scheme],
        secrets=secrets,
        window=window,
        body_bytes_max=body_bytes_max,
        networks=tuple(_network(text) for text in terms.networks),
        rate=terms.rate,
        types=tuple(terms.types),
        url=terms.url,
    )


def terms_of(source: Source) -> Terms:
    """The terms of a source that was not made from any: one of the environment."""
    return Terms(scheme=source.scheme.name, url=source.url)


@lru_cache(1_024)
def read_rate(text: str) -> tuple[RateLimitItem, ...]:
    """The limits that a text names. Raises `ValueError`, a sentence."""
    wrong = f"{_shown(text)} is no limit; write a count and a period, such as 600/minute"
    try:
        items = tuple(parse_many(text)) if len(text) <= RATE_LENGTH_MAX else ()
    except ValueError:
        raise ValueError(wrong) from None
    if not items or any(item.amount < 1 or item.get_expiry() < 1 for item in items):
        raise ValueError(wrong)
    return items


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        around = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{_shown(text)} is no network; write an address or a block such as 192.0.2.0/24") from None
    raise ValueError(f"{_shown(text)} has bits beyond its mask; write {around}")


def _shown(text: str) -> str:
    """What was written, short and harmless to print."""
    return ascii(text if len(text) <= 50 else text[:50] + "…")


def _sentence(error: Mapping[str, Any]) -> str:
    where = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        return f"{where[:50]!a}: there is no such field."
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {said}." if where else f"{said}."
