"""The inventory of what answers: every route of the application, each closed without a key but for those named here."""

import re

import httpx2
from served import InGateway, Served
from starlette.routing import Route

from gateway.app import build_app
from gateway.settings import Settings

OPEN = {("GET", "/health"), ("GET", "/ready"), ("GET", "/.well-known/oauth-protected-resource/mcp")}
"""For load balancers, and where a client of MCP reads what key it needs (RFC 9728)."""
PROVEN_BY_SIGNATURE = {"/webhooks/{source}"}


def _requests(mongo_uri: str) -> set[tuple[str, str]]:
    """Method and path of every route, with something in its parameters."""
    found = set()
    for route in build_app(Settings(_env_file=None), mongo_uri).routes:
        assert isinstance(route, Route)
        if route.path not in PROVEN_BY_SIGNATURE:
            methods = (route.methods or {"POST"}) - {"HEAD", "OPTIONS"}
            found |= {(method, re.sub(r"\{\w+(:path)?\}", "x", route.path)) for method in methods}
    return found


def test_every_route_but_the_named_ones_is_closed_without_a_key(in_gateway: InGateway, mongo_uri: str) -> None:
    """401, whatever the method; what is open tells nothing but that it lives."""

    async def work(served: Served) -> None:
        known = _requests(mongo_uri)
        assert known >= OPEN
        assert len(known) > 20
        async with httpx2.AsyncClient(base_url=served.url) as client:
            for method, path in sorted(known):
                response = await client.request(method, path, headers={"Accept": "application/json, text/event-stream"})
                expected = 200 if (method, path) in OPEN else 401
                assert (method, path, response.status_code) == (method, path, expected)
                if expected == 401:
                    assert "www-authenticate" in response.headers

    in_gateway(work, rate_limit_refused="1000/minute")
