"""`gateway refusals`: what was refused at the door, by whom, and the spikes in it."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.keys import with_database
from gateway.cli.options import DataDir
from gateway.clock import system_clock, utc
from gateway.queries.reading import PAGE_MAX
from gateway.queries.refusals import RefusalFilter, SecurityInsight, find_refusals
from gateway.queries.refusals import security as find_spikes

app = typer.Typer(help="What was refused at the door, and the spikes in it.", no_args_is_help=True)

PIPED_WIDTH = 200
"""Characters of a line where there is no terminal to fit: nothing is cut off for a program that reads it."""

Limit = Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="At most this many, newest first.")]


@app.command("list")
def list_(
    source: Annotated[str | None, typer.Option(help="Of this source, e.g. stripe.")] = None,
    reason: Annotated[str | None, typer.Option(help="The answer's reason, e.g. signature, stale, conflict.")] = None,
    check: Annotated[str | None, typer.Option(help="The check that failed, e.g. signature_wrong.")] = None,
    network: Annotated[str | None, typer.Option(help="From this address or network, e.g. 192.0.2.0/24.")] = None,
    since: Annotated[str | None, typer.Option(help="From this moment on, ISO, UTC: 2026-11-21T10:00.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this moment, not included.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    limit: Limit = 20,
    data_dir: DataDir = None,
) -> None:
    """List refused deliveries: evidence, never a body or a header."""
    wanted = RefusalFilter(source=source, reason=reason, check=check, network=network, since=since, until=until)
    found = with_database(data_dir, lambda database: find_refusals(database, wanted, limit=limit, cursor=cursor))
    table = Table("at (UTC)", "source", "reason", "check", "status", "from", "body", "headers", "sha256 of the body")
    for column in table.columns:
        column.no_wrap = True
    for row in found.refusals:
        table.add_row(
            f"{row.at:%Y-%m-%d %H:%M:%S}",
            row.source,
            row.reason,
            row.check or "",
            str(row.status),
            row.remote or "",
            str(row.body_bytes if row.body_bytes is not None else ""),
            str(row.headers_bytes if row.headers_bytes is not None else ""),
            (row.body_sha256 or "")[:16],
        )
    terminal = Console(highlight=False, markup=False)
    console = Console(highlight=False, markup=False, width=None if terminal.is_terminal else PIPED_WIDTH)
    console.print(table)
    kept = f"Kept since {found.kept_since:%Y-%m-%d %H:%M} UTC." if found.kept_since else "Nothing was refused yet."
    console.print(kept + (f" More: --cursor {found.next_cursor}" if found.next_cursor else ""))


@app.command()
def spikes(
    days: Annotated[int, typer.Option(min=1, max=365, help="Of the last so many days.")] = 7,
    limit: Limit = 20,
    data_dir: DataDir = None,
) -> None:
    """Show the spikes of refusals: forgeries, replays, conflicts, and what to do about them."""
    now = utc(system_clock())
    found = with_database(
        data_dir,
        lambda database: find_spikes(database, since=now - timedelta(days=days), until=now, limit=limit),
    )
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for insight in found.insights:
        console.print(_told(insight))
    console.print(f"{len(found.insights)} in {days} days; {found.lasting} last now.")


def _told(insight: SecurityInsight) -> str:
    ended = f"over at {insight.ended_at:%H:%M} UTC" if insight.ended_at else "lasts"
    networks = ", ".join(f"{network.name} ({network.count})" for network in insight.networks) or "not known"
    checks = ", ".join(f"{check.name} ({check.count})" for check in insight.checks) or "not known"
    return (
        f"{insight.since:%Y-%m-%d %H:%M} UTC  {insight.severity}  {insight.kind} at {insight.source}, {ended}\n"
        f"  {insight.summary}\n"
        f"  From {networks}; failed {checks} (of {insight.rows} rows).\n"
        f"  {insight.recommendation}\n"
    )
