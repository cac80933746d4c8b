"""`gateway keys`: who may ask, and what."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from gateway.access.keys import Database, create_key, disable_key, list_keys
from gateway.cli.options import DataDir
from gateway.clock import system_clock, utc
from gateway.mongo.client import connect, reach
from gateway.monitoring.logs import configure_logs
from gateway.settings import load_settings

app = typer.Typer(help="API keys: create, list, disable.", no_args_is_help=True)
Answer = TypeVar("Answer")


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Who holds the key; shown in lists and logs.")],
    scopes: Annotated[str, typer.Option(help="Comma-separated, e.g. payments:read,wallets:read,insights:read.")],
    data_dir: DataDir = None,
) -> None:
    """Create a key. It is shown once, alone on the last line, and only its hash is stored."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    key = with_database(data_dir, lambda db: create_key(db, name=name, scopes=wanted, now=utc(system_clock())))
    Console(stderr=True, highlight=False).print(
        f"Key for {name} with {', '.join(wanted)}; keep it, it is not shown again:"
    )
    print(key)


@app.command("list")
def list_(data_dir: DataDir = None) -> None:
    """List the keys, without their texts."""
    table = Table("id", "name", "scopes", "created", "disabled")
    for key in with_database(data_dir, list_keys):
        disabled = f"{key.disabled_at:%Y-%m-%d %H:%M}" if key.disabled_at else ""
        table.add_row(key.key_id, key.name, ", ".join(key.scopes), f"{key.created_at:%Y-%m-%d %H:%M}", disabled)
    Console().print(table)


@app.command()
def disable(
    key_id: Annotated[str, typer.Argument(help="The id, as `gateway keys list` shows it.")], data_dir: DataDir = None
) -> None:
    """Disable a key; it opens nothing a few seconds later."""
    with_database(data_dir, lambda db: disable_key(db, key_id, now=utc(system_clock())))
    Console(highlight=False).print(f"{key_id} is disabled.")


def with_database(data_dir: DataDir, ask: Callable[[Database], Awaitable[Answer]]) -> Answer:
    """The answer of the store that the settings name, running or started for the moment."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", process="keys")

    async def run() -> Answer:
        async with reach(settings) as uri, connect(uri, settings) as client:
            return await ask(client[settings.mongo_database])

    return asyncio.run(run())
