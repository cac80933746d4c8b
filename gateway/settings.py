"""Everything an operator can set, read once from the environment (and `.env`); `env.example` documents each.

Names carry their unit. A setting that is unsafe stops the start with one sentence that says what to do.
"""

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.errors import CannotStart


class Settings(BaseSettings):
    """One field per environment variable, in the groups of `env.example`."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    # Where the gateway listens and keeps what it stores
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    data_dir: Path = Path("gateway-data")
    public_url: str = ""

    # MongoDB: a deployment of yours, or a private one under data_dir
    mongo_url: SecretStr | None = None
    mongo_database: str = Field(default="autopay", pattern=r"^[A-Za-z0-9_-]{1,38}$")
    mongod_path: Path | None = None
    mongod_cache_mb: int = Field(default=0, ge=0, le=1_000_000)
    mongo_timeout_ms: int = Field(default=5_000, ge=100, le=60_000)

    # Secrets of the sources, several separated by commas during a rotation; a source without one is closed
    hmac_secret_key: SecretStr = SecretStr("")
    stripe_webhook_secret: SecretStr = SecretStr("")
    razorpay_webhook_secret: SecretStr = SecretStr("")
    standard_webhooks_secret: SecretStr = SecretStr("")

    # What is kept at rest: keys of 32 bytes as base64, the sealing one first; empty: a file under data_dir
    encryption_key: SecretStr = SecretStr("")

    # How many days what was sent is kept; 0: for ever (the ledger always is)
    retain_bodies_days: int = Field(default=0, ge=0, le=36_500)
    retain_insights_days: int = Field(default=0, ge=0, le=36_500)
    retain_incidents_days: int = Field(default=0, ge=0, le=36_500)

    # The door
    max_webhook_age_seconds: int = Field(default=300, ge=1, le=86_400)
    max_webhook_future_seconds: int = Field(default=5, ge=0, le=3_600)
    body_bytes_max: int = Field(default=262_144, ge=1_024, le=16_000_000)
    body_timeout_s: float = Field(default=10.0, gt=0, le=120)
    commit_batch_max: int = Field(default=500, ge=1, le=5_000)
    commit_waiting_max: int = Field(default=10_000, ge=1, le=1_000_000)
    trusted_proxies: str = ""
    refusals_kept_per_minute: int = Field(default=6_000, ge=1, le=1_000_000)
    connections_max: int = Field(default=2_000, ge=1, le=100_000)
    connections_per_address_max: int = Field(default=1_000, ge=1, le=100_000)
    headers_max: int = Field(default=100, ge=10, le=1_000)
    head_timeout_s: float = Field(default=10.0, gt=0, le=120)
    keep_alive_s: int = Field(default=30, ge=1, le=3_600)

    # Limits, in the notation of the `limits` library: count/period
    rate_limit_refused: str = "100/minute"
    rate_limit_webhooks: str = "1000000/minute"
    rate_limit_api: str = "600/minute"
    rate_limit_monitoring: str = "120/minute"
    rate_limit_storage_url: str = "memory://"

    # The worker
    apply_batch_max: int = Field(default=500, ge=1, le=5_000)
    lease_s: float = Field(default=5.0, ge=0.5, le=300)
    analyse: bool = True
    parked_alert_after_s: int = Field(default=86_400, ge=1)
    audit_every_s: int = Field(default=3_600, ge=0, le=31_536_000)

    # What payments turn out to be: without a dispute after so many days, legitimate
    label_delay_days: int = Field(default=30, ge=1, le=365)

    # Limits of what we send out, by KYC level
    kyc_limits: str = (
        '{"INR": {"BASIC": {"single": "5000", "day": "10000", "month": "100000"}, '
        '"INTERMEDIATE": {"single": "25000", "day": "50000", "month": "1000000"}, '
        '"ADVANCED": {"single": "100000", "day": "500000", "month": "5000000"}}}'
    )
    kyc_level_default: str = "BASIC"

    # Agents: what they are offered, and how much of each currency one of them may move
    mcp_toolsets: str = ""
    mcp_write_tools: str = ""
    mcp_cap_per_call: str = "{}"
    mcp_cap_per_day: str = "{}"
    mcp_confirm_s: int = Field(default=300, ge=10, le=3_600)

    # The model, asked for a narrative about few events; without a key it is absent and says so
    gemini_api_key: SecretStr | None = None
    gemini_model: str = "gemini-2.5-flash"
    gemini_base_url: str | None = None
    gemini_deadline_s: float = Field(default=20.0, gt=0, le=120)
    gemini_requests_per_minute: int = Field(default=10, ge=0, le=10_000)
    narrate_from_score: int = Field(default=60, ge=0, le=100)

    # Reports for finance staff
    report_timezone: str = "UTC"
    report_every: str = Field(default="", pattern=r"^(|day|week|month)$")
    report_at: str = Field(default="06:00", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    report_dir: Path | None = None
    report_formats: str = "all"
    report_kept_days: int = Field(default=400, ge=1, le=36_500)

    # Logs
    log_level: str = Field(default="INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")

    @property
    def report_directory(self) -> Path:
        """Where the worker puts reports: `report_dir`, else a folder under the data directory."""
        return self.report_dir or self.data_dir / "reports"


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` (the command line's options) win. Raises `CannotStart`."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as refused:
        raise CannotStart(
            *(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}." for e in refused.errors(include_input=False))
        ) from None
