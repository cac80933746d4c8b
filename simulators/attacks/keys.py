"""Attacks on what programs and agents read: every door but /health and /ready needs a key."""

from typing import Final

from simulators.attacks.attack import Attack, Target
from simulators.http import Header, Reply

_MCP: Final = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'


def keyless(name: str, tries: str, path: str, *headers: Header) -> Attack:
    """A read with `headers` where a key should be."""

    async def send(target: Target) -> Reply:
        return await target.request("GET", path, list(headers))

    return Attack("keys", name, tries, (401,), send, ())


async def _mcp(target: Target) -> Reply:
    framing = [("Content-Type", "application/json"), ("Content-Length", str(len(_MCP)))]
    return await target.request("POST", "/mcp", [*framing, ("Accept", "application/json, text/event-stream")], _MCP)


_GUESS: Final = "apg_" + "0" * 12 + "_" + "A" * 43

KEY_ATTACKS: Final = (
    keyless("wallet without a key", "anybody's balance", "/wallets/alice"),
    keyless("transaction without a key", "anybody's payment", "/transaction/tx_1"),
    keyless("metrics without a key", "how much passes through", "/metrics"),
    keyless("unknown key", "a well-formed key nobody made", "/wallets/alice", ("X-API-Key", _GUESS)),
    keyless("unknown bearer", "the same as a bearer", "/wallets/alice", ("Authorization", f"Bearer {_GUESS}")),
    keyless("empty key", "a header without a value", "/wallets/alice", ("X-API-Key", "")),
    keyless("non-ASCII key", "bytes above 127", "/wallets/alice", ("X-API-Key", "apg_\xe9_\xe9")),
    keyless("huge key", "8 KB", "/wallets/alice", ("X-API-Key", "apg_" + "A" * 8_000)),
    keyless("operator as a key", "NoSQL injection", "/wallets/alice", ("X-API-Key", '{"$ne": null}')),
    keyless("key in the query", "would end in every log", f"/wallets/alice?api_key={_GUESS}"),
    keyless("query operator in the path", "NoSQL injection", "/transaction/%7B%22$gt%22:%22%22%7D"),
    Attack("keys", "MCP without a key", "an agent from nowhere", (401,), _mcp, ()),
)
