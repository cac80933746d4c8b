"""The commands. Each file holds the commands of one kind of person: who runs the gateway, who asks it, who tries it.

Only the file of the command that is wanted is loaded: loading all takes three times as long as most commands run, and the
worker needs neither the protocol of agents nor the routes.
"""

import os
import sys
from importlib import import_module
from typing import Final, NoReturn

import typer
from pymongo.errors import PyMongoError
from rich.console import Console

from gateway.errors import GatewayError
from gateway.priority import lower

_COMMANDS: Final = {
    "serve": "serving.serve",
    "work": "working.work",
    "web": "web_process.web",
    "doctor": "doctor.doctor",
    "demo": "demo.demo",
    "report": "reporting.report",
    "audit": "auditing.audit",
    "reconcile": "auditing.reconcile",
    "mcp": "agents.mcp",
    "acts": "acts.acts",
    "keys": "keys.app",
    "insights": "insights.app",
    "events": "events.app",
    "refusals": "refusals.app",
    "requests": "requests.app",
    "sources": "sources.app",
    "wallets": "wallets.app",
    "model": "models.app",
}
"""Each command's file and function, or group of further commands."""
_HIDDEN: Final = frozenset({"web"})

NICENESS: Final = {"report": 15}
"""Of commands that are in no hurry and may run beside a gateway that is; set before their file is loaded, which takes as long
as a small report."""


def commands(*wanted: str) -> typer.Typer:
    """The command line with the commands of these names, or with all."""
    app = typer.Typer(
        name="gateway",
        help="Auto-Pay Gateway: proves payment webhooks, books them once, explains them.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,
    )
    app.callback()(lambda: None)  # a single command is still asked for by its name
    for name in wanted or _COMMANDS:
        file, _, function = _COMMANDS[name].partition(".")
        found = getattr(import_module(f"gateway.cli.{file}"), function)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name, hidden=name in _HIDDEN)(found)
    return app


def main() -> None:
    """Run the command; an error of ours is a sentence on standard error and exit code 1, not a traceback."""
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    if first in NICENESS:
        lower(os.getpid(), NICENESS[first])
    try:
        commands(*({first} & _COMMANDS.keys()))()
    except GatewayError as wrong:
        _say(str(wrong))
    except PyMongoError as failed:
        _say(f"MongoDB did not answer as it should ({type(failed).__name__}). Does it run, and is MONGO_URL right?")


def _say(sentence: str) -> NoReturn:
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(sentence)
    sys.exit(1)
