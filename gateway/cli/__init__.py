"""The commands. Each file holds the commands of one kind of person: who runs the gateway, who asks it, who tries it."""

import sys

import typer
from rich.console import Console

from gateway.cli import asking, auditing, demo, doctor, events, keys, serving, wallets
from gateway.errors import GatewayError

app = typer.Typer(
    name="gateway",
    help="Auto-Pay Gateway: proves payment webhooks, books them once, explains them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command()(serving.serve)
app.command()(serving.work)
app.command(hidden=True)(serving.web)
app.command()(doctor.doctor)
app.command()(demo.demo)
app.command()(asking.report)
app.command()(auditing.audit)
app.command()(auditing.reconcile)
app.command()(asking.mcp)
app.add_typer(keys.app, name="keys")
app.add_typer(events.app, name="events")
app.add_typer(wallets.app, name="wallets")


def main() -> None:
    """Run the command; an error of ours is a sentence on standard error and exit code 1, not a traceback."""
    try:
        app()
    except GatewayError as wrong:
        Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(str(wrong))
        sys.exit(1)
