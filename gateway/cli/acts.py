"""`gateway acts`: who did what to the gateway, by command or over the API."""

from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.table import Column, Table

from gateway.access.acts import list_acts
from gateway.cli.keys import with_database
from gateway.cli.options import DataDir, tables


def acts(
    act: Annotated[str | None, typer.Option(help="A name such as event.replay, or its first part: event.")] = None,
    subject: Annotated[str | None, typer.Option(help="What it was done to: an event's id, a source's name, …")] = None,
    limit: Annotated[int, typer.Option(help="How many, at most.")] = 50,
    data_dir: DataDir = None,
) -> None:
    """List what people and programs changed, or read of what is confidential, the latest first."""
    found = with_database(data_dir, lambda database: list_acts(database, act=act, subject=subject, limit=limit))
    table = Table("at (UTC)", "act", Column("subject", no_wrap=True), "by", "via", "details", box=None, pad_edge=False)
    for each in found:
        details = orjson.dumps(each.details, default=str).decode() if each.details else ""
        told = (each.act, each.subject, each.by, each.via, details)
        table.add_row(f"{each.at:%Y-%m-%d %H:%M:%S}", *map(escape, told))
    tables().print(table)
