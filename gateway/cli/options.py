"""Options that several commands share, and who runs them."""

import os
import pwd
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Where the private MongoDB keeps its files. [env: DATA_DIR; default: gateway-data]"
    ),
]

_WIDTH: Final = 220
"""Of a table that goes into a file or a pipe, so that no id is broken."""


def tables() -> Console:
    """Where tables are printed: as wide as the terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def operator() -> str:
    """The operating system's name for who runs the command, not what the environment says; an account without a name is
    its number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
