"""The tools over standard input and output, for an agent that starts the gateway's command itself."""

from typing import Final

from gateway.access.keys import SCOPES
from gateway.clock import Clock, system_clock
from gateway.encryption import open_cipher
from gateway.mcp_tools.asking import Around, Caller
from gateway.mcp_tools.server import build_mcp
from gateway.queries.reading import Database
from gateway.settings import Settings

LOCAL: Final = Caller(key_id="stdio", scopes=frozenset(SCOPES) - {"admin"})
"""Whoever can start the command reaches the database anyway: a key would protect nothing."""


async def serve_stdio(database: Database, settings: Settings, *, clock: Clock = system_clock) -> None:
    """Serve until standard input ends. Meanwhile only the protocol reaches standard output: the SDK points the
    descriptor at standard error, so logs and stray prints go there. Raises `CannotStart`."""
    around = Around(lambda: database, lambda: LOCAL, settings, open_cipher(settings), clock)
    await build_mcp(around).run_stdio_async()
