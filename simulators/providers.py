"""Delivers a simulated day to a running gateway, as the providers would: signed, concurrent, repeated, retried.

    python -m simulators.providers --url http://127.0.0.1:8000 --count 500 --rate 100 --seed 7

Secrets come from the gateway's own environment variables (or `.env`); a source without one is skipped and said so.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from random import SystemRandom
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from simulators.delivering import Delivered, Summary, deliver
from simulators.http import is_listening
from simulators.sources import SOURCES, missing_secrets, secrets_by_source
from simulators.traffic import Send, plan_deliveries, simulate_day

__all__ = ["Delivered", "Summary", "deliver", "summary_table"]

_QUANTILES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def summary_table(summary: Summary, *, title: str = "Deliveries") -> Table:
    """The summary for a person."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    rate = summary.sent / summary.seconds if summary.seconds else 0.0
    table.add_row("sent", f"{summary.sent}  ({rate:.0f}/s)")
    table.add_row("accepted", str(summary.accepted), style="green")
    table.add_row("duplicates", str(summary.duplicates))
    for status, count in sorted(summary.refused.items()):
        table.add_row(f"refused with {status}", str(count), style="red")
    if summary.unreachable:
        table.add_row("unreachable", str(summary.unreachable), style="red")
    if summary.retries:
        table.add_row("retries", str(summary.retries), style="yellow")
    for source, count in sorted(summary.skipped.items()):
        table.add_row(f"skipped, no secret for {source}", str(count), style="yellow")
    quantiles = " · ".join(f"{name} {summary.latency_ms(share)}" for name, share in _QUANTILES)
    table.add_row("latency in ms", quantiles)
    return table


def main(
    url: Annotated[str, typer.Option(help="Where the gateway listens.")] = "http://127.0.0.1:8000",
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="Distinct events of the day.")] = 500,
    rate: Annotated[float, typer.Option(min=0, help="Postings a second; 0 is as fast as it goes.")] = 0,
    seed: Annotated[int | None, typer.Option(help="The same seed on the same day sends the same bytes.")] = None,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share of events that are sent twice.")] = 0.1,
    reorder: Annotated[float, typer.Option(min=0, max=1, help="Share of events that come out of order.")] = 0.2,
    sources: Annotated[str, typer.Option(help="Separated by commas.")] = ",".join(SOURCES),
    concurrency: Annotated[int, typer.Option(min=1, max=1_000)] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="Only JSON on standard output.")] = False,
) -> None:
    """Send a believable day of signed events to a running gateway."""
    console = Console(stderr=True)
    named = [name.strip() for name in sources.split(",") if name.strip()]
    unknown = [name for name in named if name not in SOURCES]
    if unknown or not named:
        raise typer.BadParameter(f"sources must be among {', '.join(SOURCES)}")
    secrets = secrets_by_source()
    for sentence in missing_secrets(named, secrets):
        console.print(sentence, style="yellow")
    if not any(name in secrets for name in named):
        console.print("Nothing to send: set the secrets that the gateway was started with.", style="red")
        raise typer.Exit(2)
    if not asyncio.run(is_listening(url)):
        console.print(f"Nobody listens at {url}. Start the gateway first: gateway serve", style="red")
        raise typer.Exit(2)
    chosen = SystemRandom().randrange(2**32) if seed is None else seed
    items = simulate_day(count, seed=chosen, sources=[name for name in named if name in secrets])
    plan = plan_deliveries(items, seed=chosen, duplicates=duplicates, reorder=reorder)
    summary = _deliver_with_progress(plan, url, secrets, rate or None, concurrency, console)
    if as_json:
        sys.stdout.write(orjson.dumps({"seed": chosen, **summary.as_json()}).decode() + "\n")
    else:
        Console().print(summary_table(summary, title=f"Deliveries, seed {chosen}"))
    raise typer.Exit(0 if summary.clean else 1)


def _deliver_with_progress(
    plan: Sequence[Send],
    url: str,
    secrets: Mapping[str, str],
    rate: float | None,
    concurrency: int,
    console: Console,
) -> Summary:
    columns = TextColumn("delivering"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("delivering", total=len(plan))
        run = deliver(
            plan,
            url=url,
            secrets=secrets,
            rate=rate,
            concurrency=concurrency,
            on_result=lambda _: progress.advance(task),
        )
        return asyncio.run(run)


if __name__ == "__main__":
    typer.run(main)
