"""The demo's course: a real `gateway serve`, real HTTP from the simulators, answers over the API and MCP as anyone gets them."""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Final

import httpx2
import typer
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from gateway.access.keys import SCOPES, create_key
from gateway.cli.demo import screens
from gateway.clock import system_clock, utc
from gateway.encryption import open_cipher
from gateway.mongo.client import connect, reach
from gateway.monitoring.logs import configure_logs
from gateway.settings import Settings
from reports.asked import Asked
from reports.generate import Wishes, generate
from reports.period import read_period
from simulators.attacks import ATTACKS, Result, attack
from simulators.delivering import Summary, deliver
from simulators.load.server import Server, ServerFailed, generated_secrets, running
from simulators.sources import SOURCES
from simulators.traffic import Item, expected_balances, plan_deliveries, simulate_day

Balances = dict[tuple[str, str], int]

DUPLICATES: Final = 0.15
REORDERED: Final = 0.2
CONCURRENCY: Final = 16
SETTLE_TIMEOUT_S: Final = 60.0


def demo(
    once: Annotated[bool, typer.Option("--once", help="End when everything was shown; else keep serving.")] = False,
    events: Annotated[int, typer.Option(min=20, max=100_000, help="Distinct events of the day.")] = 400,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same day.")] = None,
    port: Annotated[int, typer.Option(help="Port of the demo's gateway; 0 takes a free one.")] = 0,
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path("gateway-data/demo"),
) -> None:
    """See it work: start a gateway, send it a day of payments and an attack, and show what it made of them."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C does, it stops what was started
    configure_logs("ERROR", process="demo")
    console = Console()
    story = _Story(console, seed if seed is not None else secrets.randbelow(10**6), events, port, data_dir.resolve())
    try:
        good = story.tell(once=once)
    except ServerFailed as failed:
        Console(stderr=True, markup=False).print(f"The demo's gateway did not run: {failed}")
        raise typer.Exit(1) from None
    raise typer.Exit(0 if good else 1)


class _Story:
    def __init__(self, console: Console, seed: int, events: int, port: int, data_dir: Path) -> None:
        self._console = console
        self._seed = seed
        self._events = events
        self._data_dir = data_dir
        self._settings = Settings(_env_file=None, mongo_url=None, data_dir=data_dir)
        self._server = Server("127.0.0.1", port or _free_port(), generated_secrets())
        self._url = f"http://{self._server.authority}"

    def tell(self, *, once: bool) -> bool:
        """The whole demo; true when the books came out as expected and every attack was held off."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        command = ["gateway", "serve", "--port", str(self._server.port), "--data-dir", str(self._data_dir)]
        screens.opening(self._console, self._url, self._data_dir)
        with running(command, self._environment(), self._server, self._data_dir):
            good = asyncio.run(self._course())
            if not once:
                self._keep_serving()
        return good

    async def _course(self) -> bool:
        key = await self._new_key()
        items = simulate_day(self._events, seed=self._seed)
        before = await self._balances()
        with self._progress() as progress:
            summary = await self._send_day(items, progress)
            await self._settled(key, progress)
            after_day = await self._balances()
            results = await self._send_attack(progress)
            await self._settled(key, progress)
        after_attack = await self._balances()
        expected = expected_balances(items)
        moved = {wallet: after_day.get(wallet, 0) - before.get(wallet, 0) for wallet in expected}
        shifted = {wallet for wallet in expected if after_attack.get(wallet, 0) != after_day.get(wallet, 0)}
        patterns, metrics = await self._ask_as_an_agent(key)
        report = await self._report()

        screens.traffic(self._console, summary, metrics)
        screens.attacks(self._console, results)
        screens.wallets(self._console, before, after_day, expected, moved == expected, shifted)
        screens.insights(self._console, patterns)
        screens.onward(self._console, self._url, key, self._data_dir, report)
        return (
            summary.clean and moved == expected and not shifted and all(result.held is not False for result in results)
        )

    async def _send_day(self, items: Sequence[Item], progress: Progress) -> Summary:
        plan = plan_deliveries(items, seed=self._seed, duplicates=DUPLICATES, reorder=REORDERED)
        task = progress.add_task("a day of payments, some events twice, some out of order", total=len(plan))
        return await deliver(
            plan,
            url=self._url,
            secrets=self._server.secrets,
            concurrency=CONCURRENCY,
            on_result=lambda _: progress.advance(task),
        )

    async def _send_attack(self, progress: Progress) -> list[Result]:
        task = progress.add_task(
            "an attacker at the door", total=len(ATTACKS) + 1
        )  # and what their answers tell together
        return await attack(self._url, self._server.secrets, lambda _: progress.advance(task))

    async def _settled(self, key: str, progress: Progress) -> None:
        """Wait until nothing waits in the queue."""
        task = progress.add_task("the worker books and scores what was accepted", total=None)
        give_up_at = monotonic() + SETTLE_TIMEOUT_S
        async with httpx2.AsyncClient(base_url=self._url, headers={"X-API-Key": key}) as client:
            while (await client.get("/monitoring/health")).json()["backlog"]:
                if monotonic() > give_up_at:
                    raise ServerFailed(f"events still wait after {SETTLE_TIMEOUT_S:.0f} s")
                await asyncio.sleep(0.1)
        progress.update(task, total=1, completed=1)

    async def _new_key(self) -> str:
        async with reach(self._settings) as uri, connect(uri, self._settings) as client:
            database = client[self._settings.mongo_database]
            return await create_key(database, name="demo", scopes=SCOPES, now=utc(system_clock()))

    async def _balances(self) -> Balances:
        """Net minor units of every wallet: its balance less what its owner owes."""
        async with reach(self._settings) as uri, connect(uri, self._settings) as client:
            wallets = client[self._settings.mongo_database]["wallets"].find({})
            return {
                (wallet["owner"], wallet["currency"]): wallet["balance_minor"] - wallet["receivable_minor"]
                async for wallet in wallets
            }

    async def _ask_as_an_agent(self, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What an agent reads over MCP: the risky events and the totals of the day."""
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http,
            Client(streamable_http_client(f"{self._url}/mcp", http_client=http)) as agent,
        ):
            patterns = await agent.call_tool("detect_fraud_patterns", {"period": "day", "limit": 6})
            metrics = await agent.call_tool("get_payment_metrics", {"period": "day"})
        return patterns.structured_content or {}, metrics.structured_content or {}

    async def _report(self) -> Path:
        now = utc(system_clock())
        async with reach(self._settings) as uri, connect(uri, self._settings) as client:
            asked = Asked(read_period("day", now, self._settings.report_timezone))
            wishes = Wishes(open_cipher(self._settings))
            database = client[self._settings.mongo_database]
            return (await generate(database, asked, wishes, now=now, out=self._data_dir / "report")).html

    def _keep_serving(self) -> None:
        screens.serving(self._console, self._url)
        try:
            asyncio.run(asyncio.Event().wait())
        except KeyboardInterrupt:
            self._console.print("\nStopping.")

    def _progress(self) -> Progress:
        columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn()
        return Progress(*columns, console=self._console)

    def _environment(self) -> dict[str, str]:
        """The secrets of this run, for the gateway and in a file for who wants to go on sending."""
        settings = {SOURCES[name].setting: secret for name, secret in self._server.secrets.items()}
        _write_private(self._data_dir / "secrets.env", "".join(f"{name}={value}\n" for name, value in settings.items()))
        own = {
            name: value
            for name, value in os.environ.items()
            if name not in {"MONGO_URL", "DATA_DIR", "WORKERS", "HOST"}
        }
        limits = {"RATE_LIMIT_REFUSED": "6000/minute", "RATE_LIMIT_MONITORING": "6000/minute"}
        return {**own, **settings, **limits, "LOG_LEVEL": "INFO"}


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
