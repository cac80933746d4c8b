"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Where the private MongoDB keeps its files. [env: DATA_DIR; default: gateway-data]"
    ),
]
