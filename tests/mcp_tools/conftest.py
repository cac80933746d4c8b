"""The gateway, served."""

import pytest
from served import InGateway, gateway_on
from working_gateway import Run, working_on


@pytest.fixture
def in_gateway(mongo_uri: str, database_name: str) -> InGateway:
    return gateway_on(mongo_uri, database_name)


@pytest.fixture
def in_working_gateway(mongo_uri: str, database_name: str) -> Run:
    """With a worker, on an empty store."""
    return working_on(mongo_uri, database_name)
