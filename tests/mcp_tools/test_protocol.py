"""Every message against the official schema, in both eras; every tool with whatever arguments: no crash, no leak."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from mcp.shared.exceptions import MCPError
from mcp_types.methods import validate_server_result
from running_gateway import SECRETS
from served import InGateway, Served
from test_every_tool import ASKED
from test_fingerprint import tools
from test_over_http import ALL, READING, bearer, text_of
from working_gateway import YES, Run, asking_agent, capture, working

ERAS = ("2025-11-25", "2026-07-28")
MESSAGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tools/list", {}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "wallets://alice"}),
    ("prompts/list", {}),
    ("prompts/get", {"name": "daily_review", "arguments": {"period": "day"}}),
    (
        "completion/complete",
        {"ref": {"type": "ref/resource", "uri": "wallets://{id}"}, "argument": {"name": "id", "value": "a"}},
    ),
    *(("tools/call", {"name": name, "arguments": ASKED.get(name, {})}) for name in READING),
)


async def _results(served: Served, era: str) -> list[tuple[str, dict[str, Any]]]:
    """The result of every message, as it stands on the wire."""
    headers = {
        "Authorization": await bearer(served, *ALL),
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": era,
    }
    modern = {
        "io.modelcontextprotocol/protocolVersion": era,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }
    first: tuple[str, dict[str, Any]] = (
        ("server/discover", {})
        if era == ERAS[1]
        else (
            "initialize",
            {"protocolVersion": era, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
        )
    )
    found = []
    async with httpx2.AsyncClient(base_url=served.url, headers=headers) as client:
        for number, (method, params) in enumerate((first, *MESSAGES)):
            asked = params | ({"_meta": modern} if era == ERAS[1] else {})
            named = {"Mcp-Method": method}
            if (name := params.get("name") or params.get("uri")) is not None:
                named["Mcp-Name"] = name
            body = {"jsonrpc": "2.0", "id": number, "method": method, "params": asked}
            answer = await client.post("/mcp", json=body, headers=named if era == ERAS[1] else {})
            assert answer.status_code == 200, (method, answer.text)
            data = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
            message = json.loads(data[-1] if data else answer.text)
            assert (message["jsonrpc"], message["id"]) == ("2.0", number)
            found.append((method, message["result"]))
    return found


@pytest.mark.parametrize("era", ERAS)
def test_every_result_is_what_the_official_schema_says(in_gateway: InGateway, era: str) -> None:
    """The SDK's surface models are generated from it; each tool's answer also fits the schema that the tool tells of itself."""

    async def work(served: Served) -> list[tuple[str, dict[str, Any]]]:
        return await _results(served, era)

    results = in_gateway(work)
    for method, result in results:
        validate_server_result(method, era, result)
    listed = {
        tool["name"]: tool for tool in next(result for method, result in results if method == "tools/list")["tools"]
    }
    for tool in listed.values():
        Draft202012Validator.check_schema(tool["inputSchema"])
        Draft202012Validator.check_schema(tool["outputSchema"])
    calls = [result for method, result in results if method == "tools/call"]
    for name, result in zip(READING, calls, strict=True):
        assert not result.get("isError"), (name, result)
        Draft202012Validator(listed[name]["outputSchema"]).validate(result["structuredContent"])


PLAUSIBLE: dict[str, list[Any]] = {
    "payment_id": ["pay_1", "razorpay:payment:pay_1", "nobody", "a" * 512],
    "wallet_id": ["alice", "INR:alice", "nobody"],
    "wallet": ["alice", "bob"],
    "from_wallet": ["alice", "suspense:razorpay", "bob"],
    "to_wallet": ["bob", "alice"],
    "period": ["day", "week", "2026-11-01..2027-11-01", "2020-01-01..2020-01-02", "9999-12-31..9999-12-31"],
    "amount": ["1.00", "0.001", "9999999999999999", "0"],
    "currency": ["INR", "USD", "XXX", "JPY"],
    "idempotency_key": ["first-key-1", "second-key"],
    "cursor": ["MQ", "1795255200000.6744dd2a0000000000000000", "1795255200000.alr_1", "999999999999999.x", ""],
    "kind": ["transactions", "acts", "audits", "refusals"],
    "sections": [["totals", "revenue"], ["subscriptions", "risk"], [], ["nothing"]],
    "limit": [1, 100, 0, 101],
    "include_untrusted": [True, False],
    "alert_id": ["alr_1", "alr_none"],
    "breakdown": ["day", "month"],
    "value": [1, 1e308, -0.0],
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=60),
    st.sampled_from(["$where", "{{7*7}}", "../../etc/passwd", "\x00", "\u202e", "'; drop", "𝟙𝟚", "{", "[1]"]),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
PROPERTIES = {tool.name: sorted(tool.parameters["properties"]) for tool in tools()}


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A tool with arguments of which most are plausible and some are anything."""
    name = draw(st.sampled_from(sorted(PROPERTIES)))
    arguments = {
        field: draw(st.sampled_from(PLAUSIBLE[field]) if field in PLAUSIBLE and draw(st.integers(0, 3)) else ODD)
        for field in PROPERTIES[name]
        if draw(st.integers(0, 4))
    }
    if not draw(st.integers(0, 9)):
        arguments[draw(st.text(max_size=10))] = draw(ODD)
    return name, arguments


@contextmanager
def _agent(mongo_uri: str, database_name: str) -> Iterator[Any]:
    """A call into a gateway that stays up: `call(name, arguments)`."""
    enabled = {"mcp_write_tools": "payments,wallets,operations", "rate_limit_api": "100000/minute"}
    caps = {"mcp_cap_per_call": '{"INR": "1000"}', "mcp_cap_per_day": '{"INR": "1000"}'}
    with start_blocking_portal() as portal:
        gateway = working(mongo_uri, database_name, **enabled, **caps)
        with portal.wrap_async_context_manager(gateway) as served:
            portal.call(capture, served, "pay_1", 100_00, "alice")
            portal.call(capture, served, "pay_2", 100_00, "bob")
            with portal.wrap_async_context_manager(asking_agent(served, answers=YES)) as client:
                yield lambda name, arguments: portal.call(client.call_tool, name, arguments)


def test_whatever_the_arguments_no_tool_crashes_or_leaks(mongo_uri: str, database_name: str) -> None:
    """A crash is the one error without a reason; what must never be told are keys, secrets, paths and tracebacks."""
    never = [*SECRETS.values(), os.environ["ENCRYPTION_KEY"], mongo_uri, "Traceback", "site-packages", "pymongo"]

    with _agent(mongo_uri, database_name) as call:

        @settings(max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
        @given(calls())
        def ask(asked: tuple[str, dict[str, Any]]) -> None:
            name, arguments = asked
            try:
                result = call(name, arguments)
            except MCPError as refused:
                told = str(refused)
            else:
                told = text_of(result)
                assert told != f"Error executing tool {name}", arguments
                assert result.is_error or result.structured_content is not None
            assert not [secret for secret in never if secret in told]

        ask()


def test_a_call_under_way_twice_is_done_once(in_working_gateway: Run) -> None:
    """The same request and key at the same moment: one transfer."""

    async def work(served: Served) -> None:
        await capture(served, "pay_1", 100_00, "alice")
        await capture(served, "pay_2", 10_00, "bob")
        asked = {
            "from_wallet": "alice",
            "to_wallet": "bob",
            "amount": "5.00",
            "currency": "INR",
            "idempotency_key": "at-once-1",
        }
        async with asking_agent(served, answers=YES) as client:
            done = await asyncio.gather(*(client.call_tool("transfer_funds", asked) for _ in range(4)))
        assert len({(result.structured_content or {})["event_id"] for result in done}) == 1
        found = await served.database.wallets.find_one({"_id": "INR:alice"})
        assert found is not None
        assert found["balance_minor"] == 9_500

    caps = {"mcp_cap_per_call": '{"INR": "5"}', "mcp_cap_per_day": '{"INR": "5"}'}
    in_working_gateway(work, mcp_write_tools="wallets", **caps)
