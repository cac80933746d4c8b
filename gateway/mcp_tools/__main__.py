"""`python -m gateway.mcp_tools`: the tools over standard input and output, on the deployment that MONGO_URL names."""

import asyncio

from gateway.errors import CannotStart
from gateway.mcp_tools.stdio import serve_stdio
from gateway.mongo.client import connect
from gateway.settings import load_settings


async def main() -> None:
    """Serve until standard input ends."""
    settings = load_settings()
    if settings.mongo_url is None:
        raise CannotStart("MONGO_URL is not set; without it use: gateway mcp.")
    async with connect(settings.mongo_url.get_secret_value(), settings) as client:
        await serve_stdio(client[settings.mongo_database], settings)


if __name__ == "__main__":
    asyncio.run(main())
