"""The straight way in gives the answers of the usual one."""

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.ingress.straight import StraightToWebhooks
from gateway.problem import exception_handlers


class Endpoint:
    """Echoes what it was called with; `fails_after` so many messages of its answer."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.fails_after = fails_after
        self.routed: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.routed.append("router" in scope)
        messages: list[Any] = []

        async def keep(message: Any) -> None:
            messages.append(message)

        await Response(f"{scope['method']} {scope['path_params']}")(scope, receive, keep)
        for number, message in enumerate(messages):
            if number == self.fails_after:
                break
            await send(message)
        if self.fails_after is not None:
            raise ZeroDivisionError


def ask(app: ASGIApp, method: str, path: str, **more: Any) -> tuple[list[Any], str | None]:
    """What is sent, and what is raised. As the server's, `send` lets nobody begin a second answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        if sent and message["type"] == "http.response.start":
            raise RuntimeError
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", **more}
    try:
        asyncio.run(app(scope, receive, send))
    except Exception as raised:
        return sent, type(raised).__name__
    return sent, None


def both_ways(endpoint: Endpoint) -> tuple[Starlette, Starlette]:
    assembled: Any = {"routes": [Route("/webhooks/{source}", endpoint)], "exception_handlers": exception_handlers()}
    straight, usual = StraightToWebhooks(endpoint, {"stripe", "a-b"}, **assembled), Starlette(**assembled)
    straight.router.redirect_slashes = usual.router.redirect_slashes = False
    return straight, usual


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD", "OPTIONS", "post"])
@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/stripe",
        "/webhooks/a-b",
        "/webhooks/nobody",
        "/webhooks/",
        "/webhooks",
        "/webhooks/stripe/",
        "/webhooks/stripe\n",
        "//webhooks/stripe",
        "/webhooks//stripe",
        "/webhooks/../webhooks/stripe",
        "/Webhooks/stripe",
        "/webhooks/STRIPE",
        "",
        "*",
    ],
)
@pytest.mark.parametrize("root_path", ["", "/webhooks", "/at"])
def test_every_request_gets_the_same_answer(method: str, path: str, root_path: str) -> None:
    """Whatever method, whatever path, wherever the application is mounted."""
    straight, usual = both_ways(Endpoint())
    assert ask(straight, method, path, root_path=root_path) == ask(usual, method, path, root_path=root_path)


@pytest.mark.parametrize("fails_after", [0, 1, 2])
def test_a_bug_is_answered_and_raised(fails_after: int) -> None:
    """500 as a problem document while nothing was sent; never a second answer; and the server gets it to log it."""
    straight, usual = both_ways(Endpoint(fails_after))
    sent, raised = ask(straight, "POST", "/webhooks/stripe")
    assert (sent, raised) == ask(usual, "POST", "/webhooks/stripe")
    assert (sent[0]["status"], raised) == (500 if fails_after == 0 else 200, "ZeroDivisionError")


def test_only_open_sources_are_let_straight_in() -> None:
    """The way is a shorter one: Starlette is not asked for them, and for all others it is."""
    endpoint = Endpoint()
    straight, _ = both_ways(endpoint)
    for method, path in (("POST", "/webhooks/stripe"), ("POST", "/webhooks/nobody"), ("GET", "/webhooks/stripe")):
        ask(straight, method, path)
    assert endpoint.routed == [False, True, True]
