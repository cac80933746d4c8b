"""The tools that a deployment offers, made from the table and the toolsets' functions."""

from collections.abc import Mapping
from typing import Any, Final

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

from gateway.mcp_tools.asking import Around
from gateway.mcp_tools.caps import read_caps
from gateway.mcp_tools.compliance import Compliance
from gateway.mcp_tools.insights import Insights
from gateway.mcp_tools.moving import Moving
from gateway.mcp_tools.operations import Operations
from gateway.mcp_tools.payments import Payments
from gateway.mcp_tools.recording import Recording
from gateway.mcp_tools.reports import Reports
from gateway.mcp_tools.strict import StrictTool
from gateway.mcp_tools.subscriptions import Subscriptions
from gateway.mcp_tools.terms import Terms
from gateway.mcp_tools.wallets import Wallets

_READING: Final[Mapping[str, type[Any]]] = {
    "payments": Payments,
    "wallets": Wallets,
    "insights": Insights,
    "reports": Reports,
    "operations": Operations,
    "compliance": Compliance,
    "subscriptions": Subscriptions,
}


def build_tools(around: Around, offered: Mapping[str, Terms]) -> list[Tool]:
    """One tool per row of `offered`, in its order. Raises `CannotStart` for caps that cannot be read."""
    reading = {toolset: questions(around) for toolset, questions in _READING.items()}
    moving, recording = Moving(around, read_caps(around.settings)), Recording(around)
    tools: list[Tool] = []
    for name, terms in offered.items():
        writing: Any = moving if terms.confirmed else recording
        source = writing if terms.writes else reading[terms.toolset]
        tools.append(StrictTool.asking(getattr(source, name), _hints(terms)))
    return tools


def _hints(terms: Terms) -> ToolAnnotations:
    """Every tool may be called again: one that writes takes an idempotency key. None reaches anything outside."""
    return ToolAnnotations(
        read_only_hint=not terms.writes,
        destructive_hint=terms.destructive,
        idempotent_hint=True,
        open_world_hint=False,
    )
