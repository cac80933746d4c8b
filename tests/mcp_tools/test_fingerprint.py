"""What agents are told the tools are: a change of a name, scope, hint, description or schema is seen in a review."""

import hashlib
import json
from typing import Any

from booked_store import CIPHER

from gateway.mcp_tools.asking import Around, Caller
from gateway.mcp_tools.terms import TERMS, TOOLSETS, offered
from gateway.mcp_tools.tools import build_tools
from gateway.settings import Settings


def tools() -> list[Any]:
    settings = Settings(_env_file=None, mcp_write_tools="payments,wallets,operations")
    around = Around(lambda: None, lambda: Caller("none", frozenset()), settings, CIPHER, lambda: 0.0)  # type: ignore[arg-type, return-value]
    return build_tools(around, offered(settings))


def fingerprint(tool: Any) -> str:
    told = {
        "scope": TERMS[tool.name].scope,
        "hints": tool.annotations.model_dump(),
        "description": tool.description,
        "takes": tool.parameters,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


FINGERPRINTS = {
    "verify_payment": "e61653f03313",
    "get_payment_status": "93fc888de4b9",
    "refund_payment": "ce1bcb15b6f4",
    "get_wallet_balance": "8a6044b69166",
    "wallet_transaction_history": "07f24dc3558a",
    "transfer_funds": "6a766f2499a4",
    "top_up_wallet": "0778f7d31b7f",
    "detect_fraud_patterns": "27b595168b7b",
    "get_payment_metrics": "ddd4011ff33c",
    "analyze_user_behavior": "c53e48959909",
    "generate_revenue_analytics": "5dac73536463",
    "get_dashboard_metrics": "97d04bf6495e",
    "generate_performance_report": "d1607662c4fe",
    "generate_custom_report": "091bcb053967",
    "perform_health_check": "b2dc22ad1c20",
    "get_system_status": "5344e0e6176d",
    "get_active_alerts": "40a71e03f97c",
    "get_performance_metrics": "de33aa5116f0",
    "create_alert": "5f73f2afe314",
    "resolve_alert": "5acfe5f9db3d",
    "record_performance_metric": "c8b3bd85acd8",
    "log_error": "9c1b50481f00",
    "generate_audit_report": "c7224c38fe1c",
    "validate_pci_compliance": "da6bcc9bfba1",
    "get_audit_trail": "341c51468b0e",
    "export_compliance_data": "2a932b281781",
    "get_subscription_analytics": "f71f66925494",
}


def test_the_tools_are_those_that_were_reviewed() -> None:
    """After a change that is meant, put the new values here."""
    assert {tool.name: fingerprint(tool) for tool in tools()} == FINGERPRINTS


def test_every_toolset_and_tool_is_described_and_bounded() -> None:
    """Each argument has a description or a closed set of values, each text a bound; no tool takes a URL."""
    assert {TERMS[tool.name].toolset for tool in tools()} == set(TOOLSETS)
    for tool in tools():
        assert 20 < len(tool.description) < 400, tool.name
        for name, schema in tool.parameters["properties"].items():
            choices = schema.get("anyOf", [schema])
            texts = [choice for choice in choices if choice.get("type") == "string" and "enum" not in choice]
            assert all("maxLength" in text or "pattern" in text for text in texts), (tool.name, name)
            assert "description" in schema, (tool.name, name)
            assert "url" not in name.lower()


def test_money_never_moves_without_a_key_and_a_person() -> None:
    """Every destructive tool is confirmed and takes an idempotency key; nothing that only reads takes one."""
    for tool in tools():
        terms = TERMS[tool.name]
        assert ("idempotency_key" in tool.parameters.get("required", [])) == terms.writes
        assert bool(tool.resolved_params) == terms.confirmed == terms.destructive
        assert terms.scope.endswith(":write") == terms.writes
