"""python -m simulators.attacks: every attack on a running gateway; exit 1 if one was answered otherwise."""

import asyncio
import sys
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from simulators.attacks import ATTACKS, Result, attack, results_table
from simulators.http import is_listening
from simulators.sources import SOURCES, missing_secrets, secrets_by_source


def main(
    url: Annotated[str, typer.Option(help="Where the gateway listens.")] = "http://127.0.0.1:8000",
    body_bytes_max: Annotated[int, typer.Option(help="The gateway's BODY_BYTES_MAX.")] = 262_144,
    as_json: Annotated[bool, typer.Option("--json", help="Only JSON on standard output.")] = False,
) -> None:
    """Attack a running gateway in many named ways and print what each got."""
    console = Console(stderr=True)
    if not asyncio.run(is_listening(url)):
        console.print(f"Nobody listens at {url}. Start the gateway first: gateway serve", style="red")
        raise typer.Exit(2)
    secrets = secrets_by_source()
    for sentence in missing_secrets(list(SOURCES), secrets):
        console.print(sentence, style="yellow")
    results = _attack_with_progress(url, secrets, body_bytes_max, console)
    wrong = [result for result in results if result.held is False]
    if as_json:
        told = {"attacks": len(results), "wrong": len(wrong), "results": [result.as_json() for result in results]}
        sys.stdout.write(orjson.dumps(told).decode() + "\n")
    else:
        held = sum(result.held is True for result in results)
        Console().print(results_table(results, title=f"Attacks: {held} held, {len(wrong)} answered otherwise"))
    if any(result.got == "429" for result in wrong):
        console.print("The gateway limits this address for longer than a minute; try again later.", style="yellow")
    raise typer.Exit(1 if wrong else 0)


def _attack_with_progress(url: str, secrets: dict[str, str], body_bytes_max: int, console: Console) -> list[Result]:
    columns = TextColumn("attacking (a limit of a minute is waited for)"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("attacking", total=len(ATTACKS) + 1)
        run = attack(url, secrets, lambda _: progress.advance(task), body_bytes_max=body_bytes_max)
        return asyncio.run(run)


if __name__ == "__main__":
    typer.run(main)
