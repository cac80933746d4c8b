"""`python -m simulators.crash`: exit 0 only when nothing was lost or doubled and the audit holds."""

import asyncio
import signal
from random import SystemRandom
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from simulators.crash.plan import plan_rounds
from simulators.crash.run import Outcome, Played, play
from simulators.load.server import ServerFailed

CANCEL_EVERY_S: Final = 1.0

Rounds = Annotated[int, typer.Option(min=1, max=10_000, help="Faults, one after the other; six kinds take turns.")]
Seed = Annotated[int | None, typer.Option(help="The same seed plays the same faults on the same events.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of the table.")]


def main(rounds: Rounds = 12, seed: Seed = None, as_json: AsJson = False) -> None:
    """Kill, pause and mislead a gateway of our own under traffic, and see whether anything was lost or booked twice."""
    chosen = SystemRandom().randrange(2**32) if seed is None else seed
    console = Console(stderr=True, quiet=as_json)
    try:
        outcome = _played(rounds, chosen, console)
    except ServerFailed as failed:
        Console(stderr=True).print(str(failed), style="red", markup=False, highlight=False)
        raise typer.Exit(2) from None
    except asyncio.CancelledError:
        raise typer.Exit(130) from None
    if as_json:
        print(orjson.dumps(outcome.as_json(), option=orjson.OPT_INDENT_2).decode())
    else:
        _print(outcome, Console())
    if outcome.kept:
        Console(stderr=True, soft_wrap=True).print(f"Logs, answers and data are kept in {outcome.kept}", style="yellow")
    raise typer.Exit(0 if outcome.holds else 1)


def _played(rounds: int, seed: int, console: Console) -> Outcome:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting a gateway", total=rounds)

        def show(played: Played) -> None:
            progress.update(task, advance=1, description=played.round.fault.name)
            progress.console.print(
                _line(played), style="green" if played.verdict.holds else "red", highlight=False, soft_wrap=True
            )

        async def until_signalled() -> Outcome:
            _cancel_on_signals()
            return await play(plan_rounds(rounds, seed=seed), seed=seed, on_round=show)

        return asyncio.run(until_signalled())


def _line(played: Played) -> str:
    fault, verdict = played.round.fault, played.verdict
    skew = f", clocks {fault.step_s:+.0f} s" if fault.step_s else ""
    recovered = "not reached" if played.recovery_s is None else f"recovered in {played.recovery_s:.1f} s"
    return (
        f"{played.round.number:>4}  {fault.name + skew:<48} {recovered:<20} "
        f"{verdict.acknowledged} acknowledged, {len(verdict.lost)} lost, {len(verdict.doubled)} doubled"
    )


def _print(outcome: Outcome, console: Console) -> None:
    numbers = outcome.as_json()
    table = Table(title=f"Crashes, seed {outcome.seed}", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name in ("rounds", "acknowledged", "applied", "lost", "doubled"):
        wrong = name in ("lost", "doubled") and numbers[name]
        table.add_row(name, str(numbers[name]), style="red" if wrong else None)
    table.add_row("longest recovery", f"{numbers['recovery_s_max']} s")
    table.add_row("audit", "holds" if numbers["audit"] else "does not hold", style=None if numbers["audit"] else "red")
    console.print(table)
    for problem in [*sorted(outcome.verdict.lost), *sorted(outcome.verdict.doubled), *numbers["problems"]]:
        console.print(problem, style="red", markup=False, highlight=False)


def _cancel_on_signals() -> None:
    """Ctrl-C and SIGTERM end the run and all it has started. Again and again, for the driver may lose a cancellation."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def cancel() -> None:
        task.cancel()
        loop.call_later(CANCEL_EVERY_S, cancel)

    for kind in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(kind, cancel)


if __name__ == "__main__":
    typer.run(main)
