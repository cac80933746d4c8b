"""Commands that prove: `gateway audit`, is what we stored true; `gateway reconcile`, is it what the provider says."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from gateway.audit.reconcile import Difference, Reconciliation, reconcile_export
from gateway.audit.report import Report
from gateway.audit.report import audit as run_audit
from gateway.audit.settlement import Amounts
from gateway.cli.options import DataDir
from gateway.encryption import open_cipher
from gateway.mongo.client import connect, reach
from gateway.mongo.history import history_kept
from gateway.monitoring.logs import configure_logs
from gateway.settings import Settings, load_settings

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output instead of a table.")]


def audit(
    acknowledged: Annotated[
        Path | None,
        typer.Option(
            help="Ids of events that senders were answered 2xx for, one a line: each must be stored.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Check every invariant of the ledger on what is stored. Exit code 1 when one is broken, with the first broken record."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", process="audit")
    report = asyncio.run(_audit(settings, acknowledged))
    if as_json:
        _print_json(report.to_document())
    else:
        _print_report(report)
    raise typer.Exit(code=0 if report.ok else 1)


def reconcile(
    source: Annotated[str, typer.Option(help="The source the export is of: stripe, razorpay, standard, payments.")],
    file: Annotated[
        Path, typer.Option(help="The export: CSV, a JSON list, or JSON lines.", exists=True, dir_okay=False)
    ],
    amounts: Annotated[
        Amounts,
        typer.Option(help="How amounts are written; auto: minor units in a provider's API JSON, decimals elsewhere."),
    ] = Amounts.AUTO,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Match a provider's settlement export against the ledger. Exit code 0 only when everything matches."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", process="reconcile")
    found = asyncio.run(_reconcile(settings, source, file, amounts))
    if as_json:
        _print_json(found.to_document())
    else:
        _print_reconciliation(found)
    raise typer.Exit(code=0 if found.ok else 1)


async def _audit(settings: Settings, acknowledged: Path | None) -> Report:
    async with reach(settings) as uri, connect(uri, settings) as client, history_kept(client, settings, uri):
        database = client[settings.mongo_database]
        told = _lines(acknowledged) if acknowledged else None
        return await run_audit(database, open_cipher(settings), acknowledged=told)


async def _reconcile(settings: Settings, source: str, file: Path, amounts: Amounts) -> Reconciliation:
    async with reach(settings) as uri, connect(uri, settings) as client, history_kept(client, settings, uri):
        return await reconcile_export(client[settings.mongo_database], source=source, file=file, amounts=amounts)


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        yield from (line.strip() for line in lines if line.strip())


def _print_report(report: Report) -> None:
    table = Table("", "invariant", "checked", "verdict", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for check in report.checks:
        verdict = f"[red]{check.broken} broken[/]" if check.broken else "[green]holds[/]"
        table.add_row(
            check.id, check.what, f"{check.checked:,}", verdict if check.broken or check.checked else "nothing"
        )
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    for check in report.checks:
        if check.first:
            console.print(f"{check.id} first broken: {check.first}", markup=False)
    if report.head:
        console.print(f"Sealed to seq {report.head.seq}; head {report.head.link}")
    console.print(f"{'Everything holds' if report.ok else 'Broken'}, checked in {report.seconds:.1f} s.")


def _print_reconciliation(found: Reconciliation) -> None:
    console = Console(soft_wrap=True, highlight=False)
    table = Table("", "count", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    table.add_row("matched", f"{found.matched:,}")
    for difference in found.differences:
        table.add_row(difference.what, f"{difference.count:,}")
    table.add_row("rows of other kinds (fees, …)", f"{found.other_rows:,}")
    console.print(table)
    for difference in found.differences:
        _print_examples(console, difference)
    period = f"{found.since.isoformat()} to {found.until.isoformat()}" if found.since and found.until else "no dates"
    console.print(
        f"{found.rows:,} rows of {found.source}, {period}: {'all match' if found.ok else 'they do not match'}."
    )


def _print_examples(console: Console, difference: Difference) -> None:
    for example in difference.examples:
        console.print(f"{difference.what}: {example}", markup=False)
    if difference.count > len(difference.examples):
        console.print(f"{difference.what}: … and {difference.count - len(difference.examples):,} more")


def _print_json(document: object) -> None:
    print(orjson.dumps(document, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2).decode())
