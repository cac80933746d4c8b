"""One running gateway for all journeys, and a client that speaks to it as a provider would."""

from collections.abc import Iterator

import pytest
from provider import Provider, provider_for
from running_gateway import OLD_SECRETS, SECRETS, RunningGateway, running


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A real `gateway serve` with every source open and rotating its secret, which says all it can in its log, and has no
    limit that a test reaches by accident."""
    rotating = {setting: f"{secret},{OLD_SECRETS[setting]}" for setting, secret in SECRETS.items()}
    settings = {
        "RATE_LIMIT_REFUSED": "1000000/minute",
        "REFUSALS_KEPT_PER_MINUTE": "1000000",
        "LOG_LEVEL": "DEBUG",
        **rotating,
    }
    with running(tmp_path_factory.mktemp("gateway"), **settings) as started:
        yield started


@pytest.fixture
def provider(gateway: RunningGateway) -> Iterator[Provider]:
    with provider_for(gateway) as sending:
        yield sending
