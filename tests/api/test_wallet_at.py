"""`GET /wallets/{id}?at=` over real HTTP: what a wallet held at a past moment."""

from typing import Any

import httpx2
import pytest
from served import InGateway, Served


async def ask(served: Served, path: str) -> tuple[int, Any]:
    headers = {"X-API-Key": await served.key("wallets:read")}
    async with httpx2.AsyncClient(base_url=served.url) as client:
        response = await client.get(path, headers=headers)
    return response.status_code, response.json()


def test_a_past_moment_is_answered_in_every_currency_that_was_there(in_gateway: InGateway) -> None:
    """Before the transfer of 30.50 that came ten minutes before noon."""

    async def work(served: Served) -> None:
        status, found = await ask(served, "/wallets/alice?at=2026-11-21T11:45:00Z")
        assert status == 200
        assert [(each["currency"], each["balance"]) for each in found["balances"]] == [("USD", "100.00")]

    in_gateway(work)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("at=2026-11-21T11:00:00Z", 404),
        ("at=2026-11-21T17:15:00%2B05:30", 200),
        ("at=2026-11-21T11:45:00", 400),
        ("at=", 400),
        ("at=yesterday", 400),
        ("at=%FF", 400),
        ("at=" + "9" * 1_000, 400),
        ("at=2026-11-21T11:45:00Z&at=2026-11-21T11:45:00Z", 400),
        ("when=2026-11-21T11:45:00Z", 400),
    ],
)
def test_a_moment_is_a_time_with_its_zone(in_gateway: InGateway, query: str, status: int) -> None:
    """Anything else is refused with a sentence; a wallet that had not moved by then is not there."""

    async def work(served: Served) -> None:
        assert (await ask(served, f"/wallets/USD:alice?{query}"))[0] == status

    in_gateway(work)
