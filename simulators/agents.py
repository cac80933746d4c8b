"""How fast agents are answered: MCP calls per second and CPU per call, beside a bare Starlette route in the same run.

    python -m simulators.agents --json

A gateway of its own and a bare application, each in one web process with the same uvicorn, take turns under the same client,
so that whatever else the machine does hits both alike; the medians are told. CPU is the web process's alone, without MongoDB.
"""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, time
from typing import Annotated, Any, Final

import httpx2
import typer
from rich.console import Console
from rich.table import Table
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.settings import load_settings
from gateway.supervisor import Child, Supervisor, listen
from gateway.web import run_web
from simulators.load.server import Server, command, free_port, own_gateway, running
from simulators.signing import sign

WALLETS: Final = 20
SCOPES: Final = "payments:read,wallets:read,insights:read,ops:read"
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_HEADERS: Final = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind of request; medians over the rounds."""

    what: str
    calls_per_s: float
    cpu_ms_per_call: float
    answer_bytes: int


@app.command()
def measure(
    seconds: Annotated[float, typer.Option(min=0.2, max=60, help="Of each slice.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Slices of each kind, in turns.")] = 3,
    connections: Annotated[int, typer.Option(min=1, max=64, help="Calls under way at once.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure and tell."""
    os.environ.setdefault("RATE_LIMIT_API", "100000000/minute")
    with own_gateway(web=1) as gateway, bare() as beside:
        key = _key(gateway)
        _open_wallets(gateway)
        results = asyncio.run(_measure(gateway, beside, key, seconds=seconds, rounds=rounds, connections=connections))
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in results]))
        return
    table = Table("request", "calls/s", "CPU ms/call", "answer bytes")
    for each in results:
        table.add_row(each.what, f"{each.calls_per_s:,.0f}", f"{each.cpu_ms_per_call:.2f}", f"{each.answer_bytes:,}")
    Console().print(table)


@app.command(hidden=True)
def serve(port: Annotated[int, typer.Option()]) -> None:
    """The bare application under the gateway's own supervisor, until SIGTERM."""
    listener = listen("127.0.0.1", port)
    child_command = (sys.executable, "-m", "simulators.agents", "child", "--fd", str(listener.fileno()))
    children = [Child("bare-1", child_command, {}, pass_fds=(listener.fileno(),))]
    asyncio.run(Supervisor(children, listener=listener).run())


@app.command(hidden=True)
def child(fd: Annotated[int, typer.Option()]) -> None:
    """One web process, set up as the gateway's."""
    run_web(Starlette(routes=[Route("/mcp", _bare, methods=["POST"]), Route("/ready", _ready)]), load_settings(), fd)


async def _bare(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


async def _ready(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ready"})


@contextmanager
def bare() -> Iterator[Server]:
    """One route that reads its body and answers, gone afterwards."""
    with TemporaryDirectory(prefix="gateway-bare-") as directory:
        server = Server("127.0.0.1", free_port(), {})
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        arguments = ["simulators.agents", "serve", "--port", str(server.port)]
        with running(arguments, environment, server, Path(directory)) as process:
            yield Server(server.host, server.port, {}, pid=process.pid)


def _key(gateway: Server) -> str:
    naming = ["--name", "agents", "--scopes", SCOPES, "--data-dir", gateway.environment["DATA_DIR"]]
    printed = command(["gateway", "keys", "create", *naming], gateway.environment, gateway.environment["DATA_DIR"])
    return printed.strip().splitlines()[-1]


def _open_wallets(gateway: Server) -> None:
    """Something to be asked about: a payment between each wallet and the next, by signed webhooks."""
    with httpx2.Client(base_url=f"http://{gateway.authority}") as client:
        for number in range(WALLETS):
            fields = {"tx_id": f"tx-{number}", "amount": "10.00", "currency": "USD"}
            accounts = {"sender_account": f"payer{number}", "receiver_account": f"wallet{number}"}
            body = json.dumps(fields | accounts).encode()
            signed = sign("native", gateway.secrets["payments"], body, at=int(time()))
            headers = {"Content-Type": "application/json", "Prefer": "wait=10", **signed}
            client.post("/webhooks/payments", content=body, headers=headers).raise_for_status()


async def _measure(
    gateway: Server, beside: Server, key: str, *, seconds: float, rounds: int, connections: int
) -> list[Measured]:
    kinds: dict[str, tuple[Server, Mapping[str, Any]]] = {
        "bare Starlette route": (beside, _call("get_wallet_balance", wallet_id="wallet1")),
        "ping": (gateway, _message("ping")),
        "get_wallet_balance": (gateway, _call("get_wallet_balance", wallet_id="wallet1")),
        "get_payment_status": (gateway, _call("get_payment_status", payment_id="tx-1")),
        "get_payment_metrics": (gateway, _call("get_payment_metrics")),
        "tools/list": (gateway, _message("tools/list")),
    }
    slices: dict[str, list[Measured]] = {what: [] for what in kinds}
    async with _clients(key) as clients:
        for _ in range(rounds):
            for what, (server, message) in kinds.items():
                slices[what].append(await _slice(clients, what, server, message, seconds, connections))
    return [
        Measured(
            what,
            round(median(each.calls_per_s for each in found), 1),
            round(median(each.cpu_ms_per_call for each in found), 3),
            found[0].answer_bytes,
        )
        for what, found in slices.items()
    ]


@asynccontextmanager
async def _clients(key: str) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {**_HEADERS, "Authorization": f"Bearer {key}", "MCP-Protocol-Version": "2025-11-25"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as client:
        yield client


async def _slice(
    client: httpx2.AsyncClient, what: str, server: Server, message: Mapping[str, Any], seconds: float, connections: int
) -> Measured:
    """Raises `RuntimeError` for an answer that is not a good one: a refused call costs less."""
    url = f"http://{server.authority}/mcp"
    pid = _web_process(server)
    first = await client.post(url, json=message)
    if first.status_code != 200 or '"isError":true' in first.text or '"error"' in first.text:
        raise RuntimeError(f"{what}: {first.status_code} {first.text[:200]}")
    done = 0
    end = monotonic() + seconds

    async def call() -> None:
        nonlocal done
        while monotonic() < end:
            (await client.post(url, json=message)).raise_for_status()
            done += 1

    cpu, started = _cpu_s(pid), monotonic()
    await asyncio.gather(*(call() for _ in range(connections)))
    took, used = monotonic() - started, _cpu_s(pid) - cpu
    return Measured(what, done / took, used * 1_000 / done, len(first.content))


def _web_process(server: Server) -> int:
    """The child of the supervisor that answers: the one whose command names a web process."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    for pid in children:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"web" in words or b"child" in words:
            return int(pid)
    raise RuntimeError("no web process was found")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": secrets.token_hex(4), "method": method, "params": params}


def _call(name: str, **arguments: Any) -> dict[str, Any]:
    return _message("tools/call", name=name, arguments=arguments)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ("serve", "child", "measure"):
        sys.argv.insert(1, "measure")
    app()
