"""`python -m simulators.report_scale`: how long a month's report takes, and how much memory, as the month grows.

    python -m simulators.report_scale --events 100000          # and twice as many
    python -m simulators.report_scale --events 1000000

Each month is booked into a private MongoDB of its own, then reported by `gateway report` in a process of its own, in all five
formats and with the month before beside it. Nothing is kept. Exit code 1 when twice the events took more than 2.5 times as long.
"""

import asyncio
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from gateway.encryption import open_cipher
from gateway.mongo import PrivateMongod, connect
from gateway.schema import prepare
from gateway.settings import Settings
from simulators.booked_days import book_days

FIRST: Final = datetime(2026, 10, 1, tzinfo=UTC)
DAYS: Final = 31
GROWTH_MAX: Final = 2.5
"""Twice the events: twice the time, and what the machine's other work adds."""


def main(
    events: Annotated[int, typer.Option(min=1_000, max=5_000_000, help="Of the smaller month.")] = 100_000,
) -> None:
    """Measure two months, the second with twice the events."""
    console = Console()
    measured = [asyncio.run(_measure(count, console)) for count in (events, 2 * events)]
    table = Table(title="A month's report", box=None, pad_edge=False)
    for heading in ("bookings", "seconds", "µs a booking", "MB of memory"):
        table.add_column(heading, justify="right")
    for bookings, seconds, megabytes in measured:
        table.add_row(f"{bookings:,}", f"{seconds:.1f}", f"{seconds / bookings * 1e6:.0f}", f"{megabytes:.0f}")
    console.print(table)
    growth = measured[1][1] / measured[0][1]
    console.print(f"Twice the bookings took {growth:.2f} times as long.")
    raise typer.Exit(0 if growth <= GROWTH_MAX else 1)


async def _measure(events: int, console: Console) -> tuple[int, float, float]:
    """Bookings, seconds and megabytes of one month."""
    with TemporaryDirectory(prefix="report-scale-") as directory:
        settings = Settings(_env_file=None, mongo_url=None, data_dir=Path(directory), mongo_timeout_ms=60_000)
        mongod = PrivateMongod(settings)
        uri = await mongod.start()
        try:
            async with connect(uri, settings) as client:
                database = client[settings.mongo_database]
                await prepare(database, open_cipher(settings))
                with console.status(f"booking {events:,} events"):
                    bookings = await book_days(
                        database, first=FIRST, days=DAYS, events_per_day=events // DAYS, wallets=max(100, events // 100)
                    )
            with console.status(f"reporting {bookings:,} bookings"):
                return bookings, *await asyncio.to_thread(_report, uri, directory)
        finally:
            await mongod.stop()


def _report(uri: str, directory: str) -> tuple[float, float]:
    """Seconds from the command to its end, and the largest resident memory of its process."""
    began = time.monotonic()
    words = ["--period", "2026-10", "--compare", "--out", str(Path(directory, "out"))]
    with Path(directory, "report.log").open("w+") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "gateway", "report", *words],
            env={**os.environ, "MONGO_URL": uri, "DATA_DIR": directory},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            log.seek(0)
            raise SystemExit(f"the report failed: {log.read().strip()[-500:]}")
    return time.monotonic() - began, used.ru_maxrss / 1_024


if __name__ == "__main__":
    typer.run(main)
