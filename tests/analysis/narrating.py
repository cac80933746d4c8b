"""Insights to narratives, as the worker asks for them."""

import asyncio
from typing import Any

from gateway.analysis.narrative import Narrator


def narrate(narrator: Narrator, *insights: dict[str, Any]) -> list[dict[str, Any]]:
    """The narratives of these insights, one after the other, in one event loop."""

    async def go() -> list[dict[str, Any]]:
        try:
            return [await narrator.narrate(insight) for insight in insights]
        finally:
            await narrator.aclose()

    return asyncio.run(go())
