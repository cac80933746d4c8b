"""The straight way in: a POST to an open source goes to the webhook endpoint at once, everything else through Starlette.

Starlette's layers and its router cost a tenth of each webhook and decide nothing there: the endpoint answers every refusal
itself. What is not exactly such a request takes the usual way, where the same endpoint stands as a route.
"""

from collections.abc import Collection
from contextlib import suppress
from typing import Any, Final

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.problem import problem_response

WEBHOOKS: Final = "/webhooks/"


class StraightToWebhooks(Starlette):
    """Starlette; but `endpoint` is handed a webhook for one of `sources` as its route would hand it on."""

    def __init__(self, endpoint: ASGIApp, sources: Collection[str], **assembled: Any) -> None:
        super().__init__(**assembled)
        self._endpoint = endpoint
        self._sources = sources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and not scope.get("root_path"):
            path = scope["path"]
            if path.startswith(WEBHOOKS) and (source := path[len(WEBHOOKS) :]) in self._sources:
                scope["path_params"] = {"source": source}
                await self._receive_webhook(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    async def _receive_webhook(self, scope: Scope, receive: Receive, send: Send) -> None:
        """With the outermost net, as Starlette has it: a bug is answered, and raised again so that the server logs it."""
        try:
            await self._endpoint(scope, receive, send)
        except Exception:
            with suppress(RuntimeError):  # the server's, where an answer has begun: there is no second one
                await problem_response(GatewayError())(scope, receive, send)
            raise
