"""`gateway keys`: who may ask, and what."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from gateway.access.acts import note_act
from gateway.access.keys import Database, create_key, disable_key, key_id_of, known_scopes, list_keys
from gateway.cli import keys_rotate
from gateway.cli.options import DataDir, operator, tables
from gateway.clock import system_clock, utc
from gateway.mongo.client import connect, reach
from gateway.monitoring.logs import configure_logs
from gateway.settings import load_settings

app = typer.Typer(help="API keys: create, list, disable; and the keys of what is kept at rest.", no_args_is_help=True)
app.command("rotate-encryption")(keys_rotate.rotate_encryption)
Answer = TypeVar("Answer")


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Who holds the key; shown in lists and logs.")],
    scopes: Annotated[str, typer.Option(help="Comma-separated, e.g. payments:read,wallets:read,insights:read.")],
    data_dir: DataDir = None,
) -> None:
    """Create a key. It is shown once, alone on the last line, and only its hash is stored."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    key = with_database(data_dir, lambda database: _create(database, name, wanted))
    Console(stderr=True, highlight=False, markup=False).print(
        f"Key for {name} with {', '.join(wanted)}; keep it, it is not shown again:"
    )
    print(key)


@app.command("list")
def list_(data_dir: DataDir = None) -> None:
    """List the keys, without their texts."""
    table = Table(Column("id", no_wrap=True), "name", "scopes", "created", "disabled")
    for key in with_database(data_dir, list_keys):
        disabled = f"{key.disabled_at:%Y-%m-%d %H:%M}" if key.disabled_at else ""
        created = f"{key.created_at:%Y-%m-%d %H:%M}"
        table.add_row(key.key_id, escape(key.name), ", ".join(key.scopes), created, disabled)
    tables().print(table)


@app.command()
def disable(
    key_id: Annotated[str, typer.Argument(help="The id, as `gateway keys list` shows it.")], data_dir: DataDir = None
) -> None:
    """Disable a key; it opens nothing a few seconds later."""
    with_database(data_dir, lambda database: _disable(database, key_id))
    Console(highlight=False, markup=False).print(f"{key_id} is disabled.")


async def _create(database: Database, name: str, scopes: list[str]) -> str:
    now = utc(system_clock())
    key = await create_key(database, name=name, scopes=scopes, now=now)
    details = {"name": name, "scopes": list(known_scopes(scopes))}
    subject = str(key_id_of(key))
    await note_act(database, act="key.create", subject=subject, by=operator(), via="command", details=details, now=now)
    return key


async def _disable(database: Database, key_id: str) -> None:
    now = utc(system_clock())
    await disable_key(database, key_id, now=now)
    await note_act(database, act="key.disable", subject=key_id, by=operator(), via="command", details={}, now=now)


def with_database(data_dir: DataDir, ask: Callable[[Database], Awaitable[Answer]]) -> Answer:
    """The answer of the store that the settings name, running or started for the moment."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", process="keys")

    async def run() -> Answer:
        async with reach(settings) as uri, connect(uri, settings) as client:
            return await ask(client[settings.mongo_database])

    return asyncio.run(run())
