"""What an operator may write into the environment, and what stops the start."""

from pathlib import Path

import pytest

from gateway.errors import CannotStart
from gateway.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A directory without a `.env`, an environment without our names."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_everything_has_a_default() -> None:
    """Nothing must be set to read the settings; a start then asks for a secret."""
    settings = load_settings()
    assert (settings.host, settings.port, settings.max_webhook_age_seconds) == ("127.0.0.1", 8000, 300)


def test_the_environment_wins_over_the_file_and_an_option_over_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`.env` for habits, the environment for a deployment, the command line for once."""
    (tmp_path / ".env").write_text("PORT=1001\nWORKERS=3\nUNKNOWN_NAME=ignored\n")
    assert load_settings().port == 1001
    monkeypatch.setenv("PORT", "1002")
    assert load_settings().port == 1002
    assert load_settings(port=1003, workers=None).port == 1003
    assert load_settings(port=1003, workers=None).workers == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("PORT", "http"),
        ("WORKERS", "0"),
        ("MAX_WEBHOOK_AGE_SECONDS", "0"),
        ("BODY_BYTES_MAX", "99999999999"),
        ("LEASE_S", "0"),
        ("MONGO_DATABASE", "a b"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_an_unsafe_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """One sentence that begins with the setting's name."""
    monkeypatch.setenv(name, value)
    with pytest.raises(CannotStart) as refused:
        load_settings()
    assert [problem.partition(":")[0] for problem in refused.value.problems] == [name]


def test_every_unsafe_setting_is_told_at_once_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value may be a secret in the wrong place."""
    monkeypatch.setenv("PORT", "hunter2")
    monkeypatch.setenv("WORKERS", "hunter2")
    with pytest.raises(CannotStart) as refused:
        load_settings()
    assert len(refused.value.problems) == 2
    assert "hunter2" not in str(refused.value)


def test_secrets_show_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings may be logged; what is secret in them is not."""
    secret_names = ["HMAC_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "RAZORPAY_WEBHOOK_SECRET", "STANDARD_WEBHOOKS_SECRET"]
    for name in [*secret_names, "MONGO_URL", "GEMINI_API_KEY"]:
        monkeypatch.setenv(name, "hunter2")
    assert "hunter2" not in repr(load_settings()) + str(load_settings().model_dump())
