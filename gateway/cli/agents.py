"""`gateway mcp`: the MCP tools for an agent on this machine, beside a running gateway and without one."""

import asyncio

from gateway.cli.options import DataDir
from gateway.mcp_tools.stdio import serve_stdio
from gateway.mongo.client import connect, reach
from gateway.monitoring.logs import configure_logs
from gateway.settings import Settings, load_settings


def mcp(data_dir: DataDir = None) -> None:
    """Serve the MCP tools on standard input and output, for an agent on this machine."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", process="mcp")
    asyncio.run(_mcp(settings))


async def _mcp(settings: Settings) -> None:
    async with reach(settings) as uri, connect(uri, settings) as client:
        await serve_stdio(client[settings.mongo_database], settings)
