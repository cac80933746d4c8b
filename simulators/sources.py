"""The sources a gateway is fed from: where each one posts, which scheme signs it, and where its secret is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


@dataclass(frozen=True)
class Source:
    """`scheme` is a row of `signing.SIGNERS`; `setting` is the environment variable that holds the secret."""

    name: str
    scheme: str
    setting: str

    @property
    def path(self) -> str:
        return f"/webhooks/{self.name}"


SOURCES: Final[Mapping[str, Source]] = {
    source.name: source
    for source in (
        Source("payments", "native", "HMAC_SECRET_KEY"),
        Source("stripe", "stripe", "STRIPE_WEBHOOK_SECRET"),
        Source("razorpay", "razorpay", "RAZORPAY_WEBHOOK_SECRET"),
        Source("standard", "standard-webhooks", "STANDARD_WEBHOOKS_SECRET"),
    )
}


class _Secrets(BaseSettings):
    """The gateway's own variables, so one environment (or `.env`) serves both sides."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    hmac_secret_key: SecretStr = SecretStr("")
    stripe_webhook_secret: SecretStr = SecretStr("")
    razorpay_webhook_secret: SecretStr = SecretStr("")
    standard_webhooks_secret: SecretStr = SecretStr("")


def secrets_by_source() -> dict[str, str]:
    """The secret of each source that has one; of several separated by commas (a rotation) the first."""
    found = _Secrets()
    read = {name: getattr(found, source.setting.lower()).get_secret_value() for name, source in SOURCES.items()}
    first = {name: value.split(",")[0].strip() for name, value in read.items()}
    return {name: secret for name, secret in first.items() if secret}


def missing_secrets(names: list[str], secrets: Mapping[str, str]) -> list[str]:
    """One sentence per named source that cannot be simulated because its secret is not set."""
    return [f"{name} is skipped: {SOURCES[name].setting} is not set." for name in names if name not in secrets]
