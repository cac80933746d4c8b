"""`gateway report`, beside a running gateway and without one."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from gateway.cli.options import DataDir
from gateway.clock import system_clock, utc
from gateway.mongo.client import connect, reach
from gateway.mongo.giving_way import giving_way
from gateway.monitoring.logs import configure_logs
from gateway.queries.period import period as read_period
from gateway.settings import Settings, load_settings
from reports.generate import generate

NICENESS: Final = 10
"""A report is not in a hurry, and may be made beside a gateway that is."""


def report(
    period: Annotated[
        str, typer.Option(help="day, week, month, or FROM..TO with ISO dates (UTC, TO excluded).")
    ] = "day",
    out: Annotated[Path, typer.Option(help="Folder for the HTML and JSON files.")] = Path("report-out"),
    data_dir: DataDir = None,
) -> None:
    """Write a report of what is stored: totals per currency, outcomes, refusals, the riskiest events."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", process="report")
    html, json = asyncio.run(_report(settings, period, out))
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"HTML  {html}")
    console.print(f"JSON  {json}")


async def _report(settings: Settings, period: str, out: Path) -> tuple[Path, Path]:
    now = utc(system_clock())
    asked = read_period(period, now)
    async with (
        reach(settings) as uri,
        connect(uri, settings) as client,
        giving_way(client, settings, niceness=NICENESS),
    ):
        written = await generate(
            client[settings.mongo_database], since=asked.since, until=asked.until, out=out, now=now
        )
    return written.html, written.json
