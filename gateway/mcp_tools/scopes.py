"""Which tools a caller sees and may call: a list without them and a refused call, whatever the transport."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import structlog
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from gateway.mcp_tools.tools import SCOPE_OF_TOOL

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking over MCP."""

    key_id: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class ScopedTools:
    """Middleware of the SDK's server: filters the list, refuses the call, and logs each call with who made it."""

    caller: Callable[[], Caller]

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method == "tools/list":
            return _only(await call_next(ctx), self.caller().scopes)
        if ctx.method == "tools/call":
            return await self._call(ctx, call_next)
        return await call_next(ctx)

    async def _call(self, context: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """An unknown tool and one beyond the caller's scopes are the same to the caller (JSON-RPC −32602)."""
        caller, name = self.caller(), (context.params or {}).get("name")
        if not isinstance(name, str) or SCOPE_OF_TOOL.get(name) not in caller.scopes:
            raise MCPError(
                code=INVALID_PARAMS, message="There is no such tool for this key; tools/list names those there are."
            )
        started = monotonic()
        result = await call_next(context)
        failed = isinstance(result, dict) and result.get("isError") is True
        log.info(
            "mcp.call", tool=name, key_id=caller.key_id, failed=failed, ms=round((monotonic() - started) * 1_000, 1)
        )
        return result


def _only(listed: HandlerResult, scopes: frozenset[str]) -> HandlerResult:
    assert isinstance(listed, dict), "a result is in its wire form when it passes the middleware"
    tools = [tool for tool in listed["tools"] if SCOPE_OF_TOOL[tool["name"]] in scopes]
    return {**listed, "tools": tools}
