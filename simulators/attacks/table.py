"""The results of a run of attacks, for a person."""

from collections.abc import Iterable

from rich.table import Table

from simulators.attacks.attack import Result

_VERDICT = {True: "[green]held[/]", False: "[bold red]WRONG[/]", None: "[yellow]not tried[/]"}


def results_table(results: Iterable[Result], *, title: str = "Attacks") -> Table:
    """One row per attack: attack, what it tries, expected, got, verdict; a line between the groups."""
    table = Table(title=title, title_justify="left")
    table.add_column("attack", style="bold")
    table.add_column("tries", style="dim")
    table.add_column("expected", justify="right", no_wrap=True)
    table.add_column("got", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    group = None
    for result in results:
        if group not in (None, result.group):
            table.add_section()
        group = result.group
        table.add_row(result.name, result.tries, result.expected, result.got, _VERDICT[result.held])
    return table
