"""The tools over standard input and output, as an agent's host starts them."""

import asyncio
import os
import sys
from typing import Any, Literal

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult
from seeded_store import seed

from gateway.mcp_tools.terms import TERMS
from gateway.mongo import connect
from gateway.settings import Settings


@pytest.fixture
def command(mongo_uri: str, database_name: str) -> StdioServerParameters:
    """The server's command on the seeded store."""

    async def fill() -> None:
        async with connect(mongo_uri, Settings(_env_file=None, mongo_timeout_ms=20_000)) as client:
            await seed(client[database_name])

    asyncio.run(fill())
    environment = {**os.environ, "MONGO_URL": mongo_uri, "MONGO_DATABASE": database_name}
    return StdioServerParameters(command=sys.executable, args=["-m", "gateway.mcp_tools"], env=environment)


def test_whoever_can_start_it_may_ask_everything(command: StdioServerParameters) -> None:
    """All tools, no key, answers as over HTTP."""

    async def main() -> Any:
        async with Client(command) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            unknown = await client.call_tool("get_wallet_balance", {"wallet_id": "nobody"})
            known = await client.call_tool("get_wallet_balance", {"wallet_id": "USD:alice"})
            return names, unknown, known.structured_content

    names, unknown, known = asyncio.run(main())
    assert names == [name for name, terms in TERMS.items() if not terms.writes]
    assert unknown.is_error
    assert known["balances"][0]["balance"] == "69.50"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_over_stdio_a_person_is_asked_in_either_era(
    command: StdioServerParameters, mode: Literal["auto", "legacy"]
) -> None:
    """There is a stream to ask on; who cannot ask is refused, and without caps a yes moves nothing."""
    enabled = StdioServerParameters(
        command=command.command, args=command.args, env={**(command.env or {}), "MCP_WRITE_TOOLS": "wallets"}
    )
    asked = {
        "from_wallet": "alice",
        "to_wallet": "bob",
        "amount": "1.00",
        "currency": "USD",
        "idempotency_key": "by-stdio",
    }

    async def yes(_context: Any, params: Any) -> ElicitResult:
        assert "transfer 1.00 USD" in params.message
        return ElicitResult(action="accept", content={"confirm": True})

    async def main() -> str:
        async with Client(enabled, mode=mode, elicitation_callback=yes) as client:
            result = await client.call_tool("transfer_funds", asked)
        async with Client(enabled, mode=mode) as client:
            with pytest.raises(MCPError):
                await client.call_tool("transfer_funds", asked)
        return "".join(getattr(block, "text", "") for block in result.content)

    assert "Agents may not move USD" in asyncio.run(main())


def test_standard_output_carries_only_the_protocol(command: StdioServerParameters) -> None:
    """Every line is a JSON-RPC message, also for a message that is none, and the process ends with its input."""

    async def main() -> tuple[bytes, int | None]:
        process = await asyncio.create_subprocess_exec(
            command.command,
            *command.args,
            env=command.env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        handshake = (
            b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",'
            b'"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
        )
        call = (
            b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"get_wallet_balance",'
            b'"arguments":{"wallet_id":"USD:alice"}}}\n'
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(handshake + b"this is not JSON\n" + call)
        lines = [await asyncio.wait_for(process.stdout.readline(), 20) for _ in range(2)]
        process.stdin.close()
        rest = await asyncio.wait_for(process.stdout.read(), 20)
        return b"".join(lines) + rest, await asyncio.wait_for(process.wait(), 20)

    output, status = asyncio.run(main())
    assert status == 0
    for line in output.splitlines():
        assert line.startswith(b'{"jsonrpc":"2.0"')
