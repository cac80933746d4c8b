"""`gateway events`: what an operator does about single events."""

from typing import Annotated

import typer
from rich.console import Console

from gateway.access.keys import Database
from gateway.cli.keys import with_database
from gateway.cli.options import DataDir
from gateway.errors import NotFound
from gateway.events.store import send_back

app = typer.Typer(help="Stored events: send a parked one back to the worker.", no_args_is_help=True)


@app.callback()
def events() -> None:
    """Commands on stored events."""


@app.command()
def retry(
    event_id: Annotated[str, typer.Argument(help="The event, as a 202 or /monitoring/errors named it.")],
    data_dir: DataDir = None,
) -> None:
    """Let the worker try a parked event again, once what held it was mended. What it did already is not done twice."""
    if not with_database(data_dir, lambda database: _retry(database, event_id)):
        raise NotFound(f"{event_id} is not parked; GET /events/{event_id} says what became of it.")
    Console(highlight=False).print(f"{event_id} waits for the worker again.")


async def _retry(database: Database, event_id: str) -> bool:
    return await send_back(database["events"], event_id)
