"""In front of the SDK's endpoint: who is asking, how often, and does the key reach the tool.

The SDK's own refusals lack the `scope=` that tells a client which key to ask for, and a tool beyond the key's scopes would
be a JSON-RPC error inside a 200; here it is the 403 with a challenge that the MCP authorization page asks for.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access.door import Door, bearer_key, challenge
from gateway.errors import GatewayError, ScopeMissing, SlowBody, TooLarge, WrongMethod
from gateway.mcp_tools.resources import SCOPE_OF_SCHEME
from gateway.mcp_tools.terms import Terms, scopes_of
from gateway.problem import problem_response

BODY_BYTES_MAX: Final = 262_144
"""Of one JSON-RPC message; the largest that a tool of ours takes is a hundredth of it."""


class Gate:
    """An ASGI application around another one."""

    def __init__(
        self, app: ASGIApp, door: Door, body_timeout_s: float, metadata_url: str, offered: Mapping[str, Terms]
    ) -> None:
        self._app = app
        self._door = door
        self._body_timeout_s = body_timeout_s
        self._metadata_url = metadata_url
        self._scope_of_tool = {name: terms.scope for name, terms in offered.items()}
        self._every_scope = " ".join(scopes_of(offered))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Only POST: a stateless server has no stream to GET and no session to DELETE (the transport allows the 405)."""
        challenged = self._every_scope
        try:
            if scope["method"] != "POST":
                raise WrongMethod("POST JSON-RPC messages here.")
            address = scope["client"][0] if scope.get("client") else ""
            key = bearer_key(Headers(scope=scope))
            principal = await self._door.identify(key, address=address, group="api")
            messages = await _body(receive, self._body_timeout_s)
            needed = self._scope_needed(messages)
            if needed is not None and needed not in principal.scopes:
                challenged = needed
                raise ScopeMissing(f"This key lacks the scope {needed}.")
        except GatewayError as error:
            headers = challenge(error, scope=challenged, resource_metadata=self._metadata_url)
            if isinstance(error, WrongMethod):
                headers["Allow"] = "POST"
            await problem_response(error, headers)(scope, receive, send)
            return
        await self._app(_trimmed(scope), _replayed(messages, receive), send)

    def _scope_needed(self, messages: list[Message]) -> str | None:
        """The scope of the tool or resource that is asked for; None for every other message, which the SDK judges."""
        try:
            call: Any = orjson.loads(b"".join(message.get("body", b"") for message in messages))
        except orjson.JSONDecodeError:
            return None
        parameters = call.get("params") if isinstance(call, Mapping) else None
        if not isinstance(parameters, Mapping):
            return None
        name, uri = parameters.get("name"), parameters.get("uri")
        if call.get("method") == "tools/call" and isinstance(name, str):
            return self._scope_of_tool.get(name)
        if call.get("method") == "resources/read" and isinstance(uri, str):
            return SCOPE_OF_SCHEME.get(uri.partition(":")[0])
        return None


async def _body(receive: Receive, timeout_s: float) -> list[Message]:
    """The request's messages up to the end of the body. Raises `TooLarge`, `SlowBody`."""
    messages: list[Message] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while not messages or messages[-1].get("more_body"):
                messages.append(await receive())
                size += len(messages[-1].get("body", b""))
                if size > BODY_BYTES_MAX:
                    raise TooLarge(f"A message is at most {BODY_BYTES_MAX} bytes.")
    except TimeoutError:
        raise SlowBody("The body did not arrive in time.") from None
    return messages


def _trimmed(scope: Scope) -> Scope:
    """Header values without the blanks around them: they are no part of the value (RFC 9110, 5.5), and the parser leaves those
    behind it."""
    return {**scope, "headers": [(name, value.strip(b" \t")) for name, value in scope["headers"]]}


def _replayed(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def replay() -> Message:
        for message in waiting:
            return message
        return await receive()

    return replay
