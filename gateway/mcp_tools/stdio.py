"""The tools over standard input and output, for an agent that starts the gateway's command itself."""

from typing import Final

from gateway.clock import Clock, system_clock
from gateway.mcp_tools.scopes import Caller
from gateway.mcp_tools.server import build_mcp
from gateway.mcp_tools.tools import SCOPE_OF_TOOL
from gateway.queries.reading import Database

LOCAL: Final = Caller(key_id="stdio", scopes=frozenset(SCOPE_OF_TOOL.values()))
"""Whoever can start the command reaches the database anyway: a key would protect nothing."""


async def serve_stdio(database: Database, *, clock: Clock = system_clock) -> None:
    """Serve until standard input ends. Meanwhile only the protocol reaches standard output: the SDK points the
    descriptor at standard error, so logs and stray prints go there."""
    server = build_mcp(lambda: database, lambda: LOCAL, clock=clock)
    await server.run_stdio_async()
