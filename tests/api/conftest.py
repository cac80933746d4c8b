"""The gateway, served."""

import pytest
from served import InGateway, gateway_on


@pytest.fixture
def in_gateway(mongo_uri: str, database_name: str) -> InGateway:
    return gateway_on(mongo_uri, database_name)
