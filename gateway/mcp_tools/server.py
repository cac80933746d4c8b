"""The tools as a server of the official SDK, for whichever transport."""

from collections.abc import Callable
from typing import Any, Final

from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.caching import CacheHint
from mcp.server.mcpserver import MCPServer

from gateway import __version__
from gateway.clock import Clock, system_clock
from gateway.mcp_tools.scopes import Caller, ScopedTools
from gateway.mcp_tools.tools import read_only_tools
from gateway.queries.reading import Database

TOOLS_FRESH_MS: Final = 300_000
"""How long a client may keep the list of tools: it only changes with the key's scopes or a new version."""

INSTRUCTIONS: Final = (
    "Read-only view of a payment-webhook gateway: what was received, what it did to wallets, how risky it looked. "
    "Amounts come in minor units and as decimal text; never add amounts of different currencies."
)


def build_mcp(
    database: Callable[[], Database],
    caller: Callable[[], Caller],
    *,
    clock: Clock = system_clock,
    auth: AuthSettings | None = None,
    token_verifier: TokenVerifier | None = None,
) -> MCPServer[Any]:
    """The server. `caller` tells, inside a request, who makes it; `auth` and `token_verifier` go together, for HTTP.

    Nobody may subscribe: nothing here changes in a way that is announced, and a held stream costs a connection.
    """
    return MCPServer(
        name="auto-pay-gateway",
        title="Auto-Pay Gateway",
        version=__version__,
        instructions=INSTRUCTIONS,
        tools=read_only_tools(database, clock),
        middleware=[ScopedTools(caller)],
        cache_hints={"tools/list": CacheHint(ttl_ms=TOOLS_FRESH_MS, scope="private")},
        subscriptions=False,
        auth=auth,
        token_verifier=token_verifier,
        log_level="WARNING",
    )
