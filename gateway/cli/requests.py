"""`gateway requests`: what agents ask a person to do at a provider."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from gateway.access.requests import Ending, close_request, list_requests
from gateway.cli.keys import with_database
from gateway.cli.options import DataDir, operator, tables
from gateway.clock import system_clock, utc

app = typer.Typer(help="Refunds and deposits that agents ask for.", no_args_is_help=True)


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    limit: Annotated[int, typer.Option(help="How many, at most.")] = 50,
    data_dir: DataDir = None,
) -> None:
    """List what agents ask for, the latest first. Nothing has moved for any of them."""
    found = with_database(data_dir, lambda database: list_requests(database, only_pending=not every, limit=limit))
    table = Table(
        "at (UTC)", Column("request", no_wrap=True), "kind", "status", "amount", "wallet", "payment", "agent's key"
    )
    for each in found:
        told = (each.request_id, each.kind, each.status, f"{each.amount} {each.currency}")
        about = (each.wallet or "", each.payment or "", each.by)
        table.add_row(f"{each.at:%Y-%m-%d %H:%M:%S}", *map(escape, (*told, *about)))
    tables().print(table)


@app.command()
def close(
    request_id: Annotated[str, typer.Argument(help="As `gateway requests list` shows it.")],
    ending: Annotated[Ending, typer.Argument(help="done: it was done at the provider; refused: it will not be.")],
    data_dir: DataDir = None,
) -> None:
    """Close a request. This moves no money: the provider's webhook does. Who closed it is kept."""
    by, now = operator(), utc(system_clock())
    closed = with_database(data_dir, lambda database: close_request(database, request_id, ending, by=by, now=now))
    Console(highlight=False, markup=False).print(f"{closed.request_id} is {closed.status}, by {by}.")
