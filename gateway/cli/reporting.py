"""`gateway report`: make a report now, or tell the worker to make one every day, week or month."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.cli import NICENESS
from gateway.cli.options import DataDir
from gateway.clock import system_clock, utc
from gateway.encryption import open_cipher
from gateway.errors import BadRequest
from gateway.mongo.client import connect, reach
from gateway.mongo.giving_way import giving_way
from gateway.monitoring.logs import configure_logs
from gateway.settings import Settings, load_settings
from reports.asked import Asked
from reports.formats import ALL, Format
from reports.generate import Wishes, Written, generate
from reports.narrative.model import model_writer
from reports.period import PERIOD_HELP, read_period
from reports.plan import Every, Plan, next_due, read_time, remove_plan, store_plan
from reports.sections.settlement import Settlement, read_settlement


class Regularly(StrEnum):
    """What `--every` may be."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    NEVER = "never"


def report(
    period: Annotated[str, typer.Option(help=PERIOD_HELP)] = "day",
    compare: Annotated[bool, typer.Option("--compare", help="Beside the period before.")] = False,
    source: Annotated[str | None, typer.Option(help="Only what came through this source.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only this currency, such as USD.")] = None,
    wallet: Annotated[str | None, typer.Option(help="Only the wallets of this owner.")] = None,
    settlement: Annotated[
        str | None, typer.Option(metavar="SOURCE=FILE", help="Also compare a provider's settlement export.")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="html, pdf, xlsx, csv and json, separated by commas, or all.")
    ] = "all",
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("report-out"),
    anew: Annotated[
        bool, typer.Option("--anew", help="Compute a closed period again, though its report is kept.")
    ] = False,
    every: Annotated[
        Regularly | None, typer.Option(help="Let the worker make a report of each; never: no more.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="With --every: when, as 06:00 in REPORT_TIMEZONE.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write a report for finance staff: in words, tables, pictures; as HTML, PDF, XLSX, CSV and JSON."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", process="report")
    if every is not None:
        asyncio.run(_plan(settings, every, at))
        return
    if at is not None:
        raise BadRequest("--at goes with --every: gateway report --every day --at 06:00.")
    now = utc(system_clock())
    asked = Asked(read_period(period, now, settings.report_timezone), source, currency, wallet, compare)
    wanted, file = read_formats(formats), read_settlement(settlement) if settlement else None
    written = asyncio.run(_report(settings, asked, wanted, file, out, anew=anew))
    _say(written)


def read_formats(text: str) -> tuple[Format, ...]:
    """The files that are wanted. Raises `BadRequest`."""
    if text == "all":
        return ALL
    try:
        return tuple(Format(name.strip().lower()) for name in text.split(","))
    except ValueError:
        raise BadRequest(
            f"{text[:60]!r} is no format: html, pdf, xlsx, csv, json, several with commas, or all."
        ) from None


async def _report(
    settings: Settings, asked: Asked, formats: tuple[Format, ...], file: Settlement | None, out: Path, *, anew: bool
) -> Written:
    wishes = Wishes(open_cipher(settings), model_writer(settings), file, anew)
    console = Console(stderr=True)
    columns = TextColumn("{task.description:<30}"), BarColumn(bar_width=32), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=None)

        def on_step(what: str, of: int) -> None:
            progress.update(task, description=what, total=of, advance=1)

        async with (
            reach(settings) as uri,
            connect(uri, settings) as client,
            giving_way(client, settings, niceness=NICENESS["report"]),
        ):
            database = client[settings.mongo_database]
            return await generate(
                database, asked, wishes, now=utc(system_clock()), out=out, formats=formats, on_step=on_step
            )


def _say(written: Written) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for each, path in written.files.items():
        console.print(f"{each.value.upper():<5} {path}")
    report = written.report
    bad_rows = [
        row for row in report.by_key["settlement"].records() if row["result"] == "Bad row" and row["rows"]
    ] if "settlement" in report.by_key else []  # fmt: skip
    for row in bad_rows:
        first = next(each for each in report.by_key["settlement_differences"].records() if each["result"] == "Bad row")
        console.print(
            f"{row['rows']} of the settlement file's rows cannot be read; the first is line {first['line']}: "
            f"{first['why']}. Correct it and make the report again; the other rows were compared."
        )
    for check in report.checks:
        if not check.holds:
            console.print(f"Do not sign this off. {check.words}")
    if not report.by_key["by_source"].rows:
        console.print(f"Nothing was booked in this period, {report.period.words}; the report says so.")


async def _plan(settings: Settings, every: Regularly, at: str | None) -> None:
    async with reach(settings) as uri, connect(uri, settings) as client:
        database = client[settings.mongo_database]
        if every is Regularly.NEVER:
            await remove_plan(database)
            print("No report is made regularly any more.")
            return
        plan = Plan(Every(every.value), read_time(at or settings.report_at), settings.report_timezone)
        now = utc(system_clock())
        await store_plan(database, plan, now=now)
    due = next_due(plan, now)
    print(
        f"The worker makes a report of each {every.value} at {plan.at:%H:%M} ({plan.zone}), next on {due:%Y-%m-%d %H:%M} UTC,"
    )
    print(
        f"into {settings.report_directory}; index.html there lists them. Files are kept {settings.report_kept_days} days."
    )
