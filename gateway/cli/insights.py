"""`gateway insights`: what is told of wallets and of the business, computing the days that are over, measuring the forecast."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Column, Table

from gateway.cli.forecasting import bench, own_series, read_series
from gateway.cli.keys import with_database
from gateway.cli.options import DataDir, tables
from gateway.clock import system_clock, utc
from gateway.errors import BadRequest
from gateway.pipeline.period_insights import compute_next_day
from gateway.queries.insights import Insight, find_insights
from gateway.queries.insights import insight as find_insight
from gateway.queries.reading import PAGE_MAX, Database
from gateway.settings import load_settings

app = typer.Typer(help="Insights of wallets, the business, events and security.", no_args_is_help=True)


@app.command("list")
def list_(
    level: Annotated[str, typer.Option(help="business, wallet, event or security.")] = "business",
    subject: Annotated[str | None, typer.Option(help="E.g. USD:alice for a wallet, stripe for security.")] = None,
    period: Annotated[str | None, typer.Option(help="day, week or month.")] = None,
    since: Annotated[str | None, typer.Option(help="From this day on: 2026-11-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this day, not included.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="At most this many, newest first.")] = 20,
    data_dir: DataDir = None,
) -> None:
    """List insights, newest first: what is in them, and what the model wrote."""
    asked = {"level": level, "subject": subject, "period": period, "since": since, "until": until}
    wanted = {name: text for name, text in asked.items() if text is not None}
    found = with_database(data_dir, lambda database: find_insights(database, wanted, limit=limit, cursor=cursor))
    table = Table(Column("id", no_wrap=True), "begins (UTC)", "rests on", "finds", "narrative")
    for each in found.insights:
        events = f"{each.rests_on.get('events') or 0} events"
        narrative = each.headline or each.narrative_reason or each.narrative_status
        table.add_row(each.id, f"{each.since:%Y-%m-%d %H:%M}", events, in_short(each), narrative)
    tables().print(table)
    if found.next_cursor:
        Console(highlight=False, soft_wrap=True).print(f"More: --cursor {found.next_cursor}")


@app.command()
def show(
    insight_id: Annotated[str, typer.Argument(help="Its id, as `gateway insights list` prints it.")],
    data_dir: DataDir = None,
) -> None:
    """Print one insight as JSON: its findings and what they rest on."""
    found = with_database(data_dir, lambda database: find_insight(database, insight_id))
    typer.echo(orjson.dumps(found.model_dump(), option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2).decode())


@app.command()
def compute(
    day: Annotated[
        str | None, typer.Option(help="Up to this day, 2026-11-20; default: everything that is over.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Compute what is due now instead of waiting for the worker. What is computed already stays as it is."""
    try:
        last = date.fromisoformat(day) if day else None
    except ValueError:
        raise BadRequest("day is a date, such as 2026-11-20.") from None
    now = utc(system_clock())
    if last and datetime(last.year, last.month, last.day, tzinfo=UTC).date() >= now.date():
        raise BadRequest("A day is computed once it is over (UTC).")
    narrate = bool(load_settings(data_dir=data_dir).gemini_api_key)

    async def due(database: Database) -> list[date]:
        days = []
        while done := await compute_next_day(database, now=now, narrate=narrate, last=last):
            days.append(done)
        return days

    days = with_database(data_dir, due)
    told = (
        f"{len(days)} days computed, {days[0]} to {days[-1]}."
        if days
        else "Nothing is due: every day that is over is computed."
    )
    Console(highlight=False).print(told)


@app.command("bench")
def bench_(
    file: Annotated[
        Path | None,
        typer.Option(
            "--data", help="CSV: a header, then a day a row: the day, and a value a series. Default: made-up series."
        ),
    ] = None,
    days: Annotated[int, typer.Option(help="Days that are held back and forecast.")] = 56,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Measure the forecast: its error beside "as a week ago", how often its bands hold, and its time."""
    found = bench(read_series(file) if file else list(own_series()), days_ahead=days)
    if as_json:
        typer.echo(orjson.dumps(found.to_document()).decode())
        return
    typer.echo(
        f"{found.series} series{'' if file else ' (made up)'}, {found.days_ahead} days ahead: MASE {found.mase} (as a week ago "
        f"{found.naive_mase}), bands of 90 % held {100 * found.coverage:.1f} %, {found.ms_per_series} ms a series."
    )


def in_short(found: Insight) -> str:
    """The findings in a line."""
    findings: dict[str, Any] = found.findings
    if found.level == "event":
        return f"{findings['level']} {findings.get('score')}"
    if found.level == "security":
        return str(findings.get("summary"))
    if found.level == "wallet":
        change = findings.get("change")
        return (
            f"{change['payments']} payments, {change['amount']}" if change else f"{findings.get('payments')} payments"
        )
    captured = [
        f"{row['captured_count']} for {row['captured']} {row['currency']}" for row in findings["figures"]["currencies"]
    ]
    unusual = [f"{each['what']} {each['subject']} {each['direction']} usual" for each in findings["unusual"]]
    return "; ".join([*captured, *unusual]) or "nothing was captured"
