"""The table of the tools: each with its toolset, the scope it needs, and what it tells a client about itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.errors import CannotStart
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Terms:
    """`writes`: registered only where MCP_WRITE_TOOLS names it. `confirmed`: a person is asked before it runs."""

    toolset: str
    scope: str
    writes: bool = False
    destructive: bool = False
    confirmed: bool = False


TERMS: Final[Mapping[str, Terms]] = MappingProxyType(
    {
        "verify_payment": Terms("payments", "payments:read"),
        "get_payment_status": Terms("payments", "payments:read"),
        "refund_payment": Terms("payments", "refunds:write", writes=True, destructive=True, confirmed=True),
        "get_wallet_balance": Terms("wallets", "wallets:read"),
        "wallet_transaction_history": Terms("wallets", "wallets:read"),
        "transfer_funds": Terms("wallets", "wallets:write", writes=True, destructive=True, confirmed=True),
        "top_up_wallet": Terms("wallets", "wallets:write", writes=True, destructive=True, confirmed=True),
        "detect_fraud_patterns": Terms("insights", "insights:read"),
        "get_payment_metrics": Terms("insights", "insights:read"),
        "analyze_user_behavior": Terms("insights", "insights:read"),
        "generate_revenue_analytics": Terms("insights", "insights:read"),
        "get_dashboard_metrics": Terms("insights", "insights:read"),
        "generate_performance_report": Terms("reports", "reports:read"),
        "generate_custom_report": Terms("reports", "reports:read"),
        "perform_health_check": Terms("operations", "ops:read"),
        "get_system_status": Terms("operations", "ops:read"),
        "get_active_alerts": Terms("operations", "ops:read"),
        "get_performance_metrics": Terms("operations", "ops:read"),
        "create_alert": Terms("operations", "ops:write", writes=True),
        "resolve_alert": Terms("operations", "ops:write", writes=True),
        "record_performance_metric": Terms("operations", "ops:write", writes=True),
        "log_error": Terms("operations", "ops:write", writes=True),
        "generate_audit_report": Terms("compliance", "audit:read"),
        "validate_pci_compliance": Terms("compliance", "audit:read"),
        "get_audit_trail": Terms("compliance", "audit:read"),
        "export_compliance_data": Terms("compliance", "audit:export"),
        "get_subscription_analytics": Terms("subscriptions", "insights:read"),
    }
)
TOOLSETS: Final = tuple(dict.fromkeys(terms.toolset for terms in TERMS.values()))


def offered(settings: Settings) -> Mapping[str, Terms]:
    """The tools of this deployment: the toolsets of MCP_TOOLSETS (empty: all), reading only, and of the others those that
    MCP_WRITE_TOOLS names by tool or toolset. Raises `CannotStart` for a name there is not."""
    toolsets = _names(settings.mcp_toolsets)
    writes = _names(settings.mcp_write_tools)
    writing = {name for name, terms in TERMS.items() if terms.writes}
    problems = [
        f"MCP_TOOLSETS: there is no toolset {name!r}; there are: {', '.join(TOOLSETS)}."
        for name in toolsets
        if name not in TOOLSETS
    ]
    known = writing | {TERMS[name].toolset for name in writing}
    problems += [
        f"MCP_WRITE_TOOLS: {name!r} writes nothing; there are: {', '.join(sorted(known))}."
        for name in writes
        if name not in known
    ]
    if problems:
        raise CannotStart(*problems)
    return {
        name: terms
        for name, terms in TERMS.items()
        if (not toolsets or terms.toolset in toolsets)
        and (not terms.writes or name in writes or terms.toolset in writes)
    }


def scopes_of(tools: Mapping[str, Terms]) -> list[str]:
    """Every scope that some tool of these needs."""
    return sorted({terms.scope for terms in tools.values()})


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
