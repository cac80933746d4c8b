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
    "verify_payment": "60815ee720d1",
    "get_payment_status": "8f5764baf6c2",
    "refund_payment": "c09daddb58ae",
    "get_wallet_balance": "a86273aa9646",
    "wallet_transaction_history": "cf7571e547ff",
    "transfer_funds": "32d4b7862c14",
    "top_up_wallet": "d2a79d9331da",
    "detect_fraud_patterns": "d421f6690a06",
    "get_payment_metrics": "aa111feba1b2",
    "analyze_user_behavior": "26c167a18a12",
    "generate_revenue_analytics": "26942344a2c0",
    "get_dashboard_metrics": "957f0ed0c332",
    "generate_performance_report": "f4e5022905e1",
    "generate_custom_report": "19aa394953a1",
    "perform_health_check": "8139401c662b",
    "get_system_status": "1316432513cc",
    "get_active_alerts": "a51ed276fe11",
    "get_performance_metrics": "1313381a5345",
    "create_alert": "8831568418c8",
    "resolve_alert": "b7cd4baa0253",
    "record_performance_metric": "f71be561c089",
    "log_error": "9012617ddec3",
    "generate_audit_report": "3bae87221764",
    "validate_pci_compliance": "629afd01fab4",
    "get_audit_trail": "fc0c24770f14",
    "export_compliance_data": "21f21c3289f1",
    "get_subscription_analytics": "c0e8e13c11cc",
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
