"""The tools as an agent meets them: the official client, streamable HTTP, a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from seeded_store import TRANSFER_EVENT
from served import InGateway, Served

from gateway.mcp_tools.terms import TERMS

Mode = Literal["auto", "legacy"]
ALL = sorted({terms.scope for terms in TERMS.values() if not terms.writes})
READING = [name for name, terms in TERMS.items() if not terms.writes]
DISCOVER = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@asynccontextmanager
async def agent(served: Served, *scopes: str, mode: Mode = "auto") -> AsyncIterator[Client]:
    """A client with a key for these scopes; "auto" speaks 2026-07-28, "legacy" the handshake of 2025."""
    key = await served.key(*scopes)
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http:
        transport = streamable_http_client(f"{served.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


async def post(served: Served, body: Any, **headers: str) -> httpx2.Response:
    """A bare POST as a foreign client would send it."""
    accepting = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    async with httpx2.AsyncClient(base_url=served.url, follow_redirects=False) as client:
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return await client.post("/mcp", headers=accepting | headers, **content)


async def bearer(served: Served, *scopes: str) -> str:
    return f"Bearer {await served.key(*scopes)}"


def text_of(result: CallToolResult) -> str:
    return "".join(getattr(block, "text", "") for block in result.content)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_every_tool_is_listed_read_only_and_typed(in_gateway: InGateway, mode: Mode) -> None:
    """With the schema of what it takes and of what it answers, in either era of the protocol."""

    async def work(served: Served) -> Any:
        async with agent(served, *ALL, mode=mode) as client:
            return (await client.list_tools()).tools

    tools = in_gateway(work)
    assert [tool.name for tool in tools] == READING
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert tool.output_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_every_tool_answers_from_what_is_stored(in_gateway: InGateway, mode: Mode) -> None:
    """The client checks each answer against the tool's output schema."""

    async def work(served: Served) -> dict[str, Any]:
        async with agent(served, *ALL, mode=mode) as client:
            await client.list_tools()
            calls = {
                "get_payment_status": {"payment_id": "pi_1"},
                "get_wallet_balance": {"wallet_id": "USD:alice"},
                "wallet_transaction_history": {"wallet_id": "alice", "currency": "USD", "limit": 1},
                "detect_fraud_patterns": {"period": "day", "wallet_id": "alice"},
                "get_payment_metrics": {},
            }
            results = {name: await client.call_tool(name, arguments) for name, arguments in calls.items()}
            assert [name for name, result in results.items() if result.is_error] == []
            return {name: result.structured_content for name, result in results.items()}

    answers = in_gateway(work)
    assert answers["get_payment_status"]["state"] == "PARTIALLY_REFUNDED"
    assert answers["get_wallet_balance"]["balances"][0]["available"] == "60.00"
    assert answers["wallet_transaction_history"]["entries"][0]["amount"] == "-30.50"
    assert answers["wallet_transaction_history"]["next_cursor"] is not None
    assert answers["detect_fraud_patterns"]["riskiest"][0]["event_id"] == TRANSFER_EVENT
    assert answers["get_payment_metrics"]["events"] == 7
    assert "SECRET-FREE-TEXT" not in str(answers)
    assert "previous instructions" not in str(answers)


UNANSWERABLE = (
    ("get_payment_status", {"payment_id": "pi_unknown"}, "No payment, refund, transfer or event"),
    ("get_payment_status", {"payment_id": "same"}, "Ask for one of: razorpay:payment:same"),
    ("get_payment_status", {"payment_id": "\u202e"}, "printable"),
    ("get_wallet_balance", {"wallet_id": "nobody"}, "No wallet with this id"),
    ("wallet_transaction_history", {"wallet_id": "nobody"}, "No wallet with this id"),
    ("wallet_transaction_history", {"wallet_id": "alice", "cursor": "zzzz"}, "start again without one"),
    ("detect_fraud_patterns", {"wallet_id": "nobody"}, "No wallet with this id"),
    ("detect_fraud_patterns", {"period": "yesterday"}, "2026-11-01..2026-12-01"),
    ("get_payment_metrics", {"period": "2020-01-01..2026-01-01"}, "366 days"),
)


def test_what_cannot_be_answered_is_an_error_that_says_what_to_do(in_gateway: InGateway) -> None:
    """Never an empty success: an agent would report it as a fact."""

    async def work(served: Served) -> None:
        async with agent(served, *ALL) as client:
            for name, arguments, told in UNANSWERABLE:
                result = await client.call_tool(name, arguments)
                assert (name, arguments, result.is_error) == (name, arguments, True)
                assert told in text_of(result)

    in_gateway(work)


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "wallet_id: Field required"),
    ({"wallet_id": {"secret": "CANARY"}}, "wallet_id: "),
    ({"wallet_id": "CANARY" * 100}, "at most 512"),
    ({"wallet_id": "alice", "limit": "CANARY"}, "limit: "),
    ({"wallet_id": "alice", "limit": 101}, "limit: "),
    ({"wallet_id": "alice", "currency": "CANARY"}, "currency: "),
    ({"wallet_id": "alice", "CANARY": 1}, "an argument that the tool does not have"),
)


def test_wrong_arguments_are_explained_without_repeating_them(in_gateway: InGateway) -> None:
    """What was sent may be a secret or an instruction, and the answer goes into a prompt."""

    async def work(served: Served) -> None:
        async with agent(served, *ALL) as client:
            for arguments, told in WRONG:
                result = await client.call_tool("wallet_transaction_history", arguments)
                assert (arguments, result.is_error) == (arguments, True)
                assert told in text_of(result)
                assert "CANARY" not in text_of(result)

    in_gateway(work)


def test_an_unknown_tool_is_invalid_params(in_gateway: InGateway) -> None:
    """−32602, as the specification says, and its name is not repeated."""

    async def work(served: Served) -> None:
        async with agent(served, *ALL) as client:
            with pytest.raises(MCPError) as refused:
                await client.call_tool("transfer_funds_CANARY", {})
        assert refused.value.code == -32602
        assert "CANARY" not in str(refused.value)

    in_gateway(work)


def test_a_key_sees_only_the_tools_of_its_scopes(in_gateway: InGateway) -> None:
    """And a key for other things sees none."""

    async def work(served: Served) -> list[list[str]]:
        seen = []
        for scopes in (["wallets:read"], ["payments:read", "reports:read"], ["events:read"]):
            async with agent(served, *scopes) as client:
                seen.append([tool.name for tool in (await client.list_tools()).tools])
        return seen

    assert in_gateway(work) == [
        ["get_wallet_balance", "wallet_transaction_history"],
        ["verify_payment", "get_payment_status", "generate_performance_report", "generate_custom_report"],
        [],
    ]


def test_calling_a_tool_beyond_the_scopes_is_403_with_the_scope_to_ask_for(in_gateway: InGateway) -> None:
    """The challenge of the MCP authorization page."""

    async def work(served: Served) -> httpx2.Response:
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_wallet_balance"}}
        return await post(served, call, Authorization=await bearer(served, "payments:read"))

    response = in_gateway(work)
    assert (response.status_code, response.json()["reason"]) == (403, "scope_missing")
    assert 'error="insufficient_scope", scope="wallets:read"' in response.headers["www-authenticate"]


def test_without_a_good_key_it_is_401_and_the_challenge_leads_to_the_metadata(in_gateway: InGateway) -> None:
    """RFC 9728: the client reads there which scopes exist. X-API-Key is not a bearer key."""

    async def work(served: Served) -> None:
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"X-API-Key": await served.key(*ALL)}):
            response = await post(served, DISCOVER, **headers)
            assert (response.status_code, response.json()["reason"]) == (401, "unauthorized")
            assert f'scope="{" ".join(ALL)}"' in response.headers["www-authenticate"]
            assert "/.well-known/oauth-protected-resource/mcp" in response.headers["www-authenticate"]
        async with httpx2.AsyncClient(base_url=served.url) as client:
            metadata = (await client.get("/.well-known/oauth-protected-resource/mcp")).json()
        assert (metadata["scopes_supported"], metadata["resource"]) == (ALL, "https://pay.example.com/mcp")

    in_gateway(work, public_url="https://pay.example.com/")


def test_a_post_to_exactly_mcp_is_answered_without_a_redirect(in_gateway: InGateway) -> None:
    """A redirect would drop the body or the key in some clients."""

    async def work(served: Served) -> httpx2.Response:
        return await post(served, DISCOVER, Authorization=await bearer(served, *ALL))

    assert in_gateway(work).status_code == 200


def test_other_methods_are_refused_so_that_no_stream_is_held(in_gateway: InGateway) -> None:
    """405 with Allow, with and without a key."""

    async def work(served: Served) -> None:
        async with httpx2.AsyncClient(base_url=served.url) as client:
            for method in ("GET", "DELETE", "PUT"):
                response = await client.request(method, "/mcp", headers={"Accept": "text/event-stream"})
                assert (response.status_code, response.headers["allow"]) == (405, "POST")

    in_gateway(work)


HOSTS = (
    ("127.0.0.1:9", 200),
    ("localhost:8000", 200),
    ("localhost", 200),
    ("pay.example.com", 200),
    ("attacker.example.com", 421),
    ("localhost.attacker.example.com", 421),
)


def test_only_our_own_names_are_served(in_gateway: InGateway) -> None:
    """DNS rebinding: a page in a browser on this machine reaches us under its own name."""

    async def work(served: Served) -> None:
        key = await bearer(served, *ALL)
        for host, status in HOSTS:
            response = await post(served, DISCOVER, Authorization=key, Host=host)
            assert (host, response.status_code) == (host, status)

    in_gateway(work, public_url="https://pay.example.com")


def test_a_foreign_origin_is_refused(in_gateway: InGateway) -> None:
    """A browser always says where its page comes from."""

    async def work(served: Served) -> httpx2.Response:
        key = await bearer(served, *ALL)
        return await post(served, DISCOVER, Authorization=key, Origin="https://attacker.example.com")

    assert in_gateway(work).status_code == 403


ODD_BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b"[" * 10_000,
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": 5}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_wallet_balance", "arguments": 1}}',
    b'{"jsonrpc": "2.0", "id": {}, "method": "tools/list"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "no/such"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_wallet_balance", '
    b'"arguments": {"wallet_id": "\\ud800"}}}',
)


def test_whatever_is_posted_the_server_answers_below_500(in_gateway: InGateway) -> None:
    """In either era of the protocol."""

    async def work(served: Served) -> None:
        key = await bearer(served, *ALL)
        for body in ODD_BODIES:
            for version in ("2025-06-18", "2026-07-28", "1999-01-01"):
                response = await post(served, body, Authorization=key, **{"MCP-Protocol-Version": version})
                assert (body, version, response.status_code < 500) == (body, version, True)

    in_gateway(work)


def test_a_body_that_does_not_arrive_is_not_waited_for(in_gateway: InGateway) -> None:
    """408, so that a key holder cannot keep connections busy."""

    async def work(served: Served) -> bytes:
        key = await bearer(served, *ALL)
        port = served.url.rpartition(":")[2]
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\nContent-Length: 10\r\n\r\n"
        writer.write(head.encode())
        status = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        return status

    assert b" 408 " in in_gateway(work, body_timeout_s=0.2)


def test_a_body_beyond_the_bound_is_refused(in_gateway: InGateway) -> None:
    """413, after no more than the bound was read."""

    async def work(served: Served) -> httpx2.Response:
        return await post(served, b" " * 300_000, Authorization=await bearer(served, *ALL))

    assert in_gateway(work).status_code == 413


def test_calls_are_limited_by_key(in_gateway: InGateway) -> None:
    """The same number that the REST API counts."""

    async def work(served: Served) -> list[int]:
        key = await bearer(served, *ALL)
        return [(await post(served, DISCOVER, Authorization=key)).status_code for _ in range(3)]

    assert in_gateway(work, rate_limit_api="2/minute") == [200, 200, 429]
