"""Movements and insights to judge, and a model endpoint on loopback."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import uvicorn

from gateway.analysis.assessment import assess
from gateway.analysis.features import Movement, features
from gateway.analysis.profile import Profile
from gateway.insights.business import computed, day_findings
from gateway.insights.insight import build_insight
from gateway.settings import Settings
from simulators.gemini import ModelEndpoint, create_app

MONDAY = 1_795_996_800.0  # 2026-11-30 00:00:00 UTC

MakeMovement = Callable[..., Movement]


@pytest.fixture
def movement() -> MakeMovement:
    """Makes a movement; what is not said is an ordinary payment of 10.00 USD on a Monday at 10:00 UTC."""

    def make(**said: Any) -> Movement:
        usual: dict[str, Any] = {
            "event_id": "evt_1",
            "source": "stripe",
            "kind": "capture",
            "wallet": "alice",
            "counterparty": None,
            "currency": "USD",
            "amount_minor": 1_000,
            "direction": "in",
            "occurred_at": MONDAY + 10 * 3_600,
        }
        return Movement(**{**usual, **said})

    return make


@pytest.fixture
def settled() -> Profile:
    """A wallet with 30 days behind it: three payments of about 10.00 a day, at 9, 12 and 15 o'clock, from one shop."""
    profile = Profile("USD:alice")
    for day in range(30, 0, -1):
        for hour in (9, 12, 15):
            at = MONDAY - day * 86_400 + hour * 3_600
            amount = 900 + 10 * hour + day
            profile.absorb(amount_minor=amount, direction="in", counterparty="shop", occurred_at=at)
    return profile


@pytest.fixture
def risky(movement: MakeMovement, settled: Profile) -> dict[str, Any]:
    """The insight of a payment that is a hundred times the usual, from a counterparty never seen."""
    unusual = movement(amount_minor=100_000, counterparty="stranger")
    assessment = assess(features(unusual, settled))
    return build_insight(
        unusual,
        assessment,
        transaction="stripe:capture:pi_1",
        narrate_from_score=60,
        model_configured=True,
        now=MONDAY + 36_001,
    )


def day_figures(payments: int, amount_minor: int) -> dict[str, Any]:
    """A day's figures, as MongoDB adds them up."""
    names = ("captured", "refunded", "transferred", "disputed")
    none: dict[str, Any] = {f"{name}_count": 0 for name in names} | {f"{name}_minor": 0 for name in names}
    return {
        "currencies": [{"currency": "USD", **none, "captured_count": payments, "captured_minor": amount_minor}],
        "providers": [{"source": "stripe", "attempts": payments + 3, "succeeded": payments, "latency_ms": 210}],
        "refused": [{"reason": "signature", "count": 17}],
        "scores": [],
        "transactions": payments,
        "events": payments + 20,
        "scored": payments,
    }


@pytest.fixture
def summed_up() -> dict[str, Any]:
    """The insight of a Friday with five times the usual, after nine weeks of about 40 payments a day."""
    day = date(2026, 11, 20)
    past = [(day - timedelta(days=back), day_figures(40 + back % 3, 400_00 + back)) for back in range(63, 0, -1)]
    figures = day_figures(201, 2_010_55)
    since = datetime(2026, 11, 20, tzinfo=UTC)
    head = computed("business", "all", "day", "2026-11-20", since=since, until=since + timedelta(days=1))
    return {**head, "figures": figures, **day_findings(day, figures, past), "narrative": {"status": "pending"}}


@pytest.fixture(params=["event", "summary"])
def told(request: pytest.FixtureRequest, risky: dict[str, Any], summed_up: dict[str, Any]) -> dict[str, Any]:
    """An insight that is to be narrated, of either kind."""
    return risky if request.param == "event" else summed_up


@pytest.fixture
def endpoint() -> ModelEndpoint:
    return ModelEndpoint(hang_s=10, slow_s=0.2)


@pytest.fixture
def endpoint_url(endpoint: ModelEndpoint) -> Iterator[str]:
    """The endpoint behind a real server on a free port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(endpoint), log_level="warning", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture
def with_key(endpoint_url: str) -> Callable[..., Settings]:
    """Settings with a key, pointed at the endpoint."""

    def make(**said: Any) -> Settings:
        usual = {
            "gemini_api_key": "key-that-nobody-may-see",
            "gemini_base_url": endpoint_url,
            "gemini_deadline_s": 8.0,
            "gemini_requests_per_minute": 100,
        }
        return Settings(_env_file=None, **{**usual, **said})

    return make
