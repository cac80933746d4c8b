"""`python -m simulators.load`: exit 0 when every event that was sent was accepted, 1 when one was refused or lost."""

import os
import signal
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Annotated, Final, NoReturn
from urllib.parse import urlsplit

import orjson
import typer
from rich.console import Console

from simulators.load.backlog import BacklogStuck
from simulators.load.measure import Load, Measurement, Options
from simulators.load.presign import SECRET_SETTINGS
from simulators.load.report import print_table, report
from simulators.load.sender import SenderFailed
from simulators.load.server import Place, Server, ServerFailed, own_ceiling, own_gateway

API_KEY_VARIABLE: Final = "GATEWAY_API_KEY"
CONNECTIONS_PER_WEB: Final = 128
"""Enough to keep a web process at work while its writes are on their way to the disk: with 32, two of them and the database
spend more time waiting for each other's small writes, and the peak is that of the senders. Measured: 0.61 of the verify-only
server's rate with 64 connections for two web processes, 0.85 with 256."""
CONNECTIONS_MAX: Final = 2_000


class SourceName(StrEnum):
    """What `--source` may be."""

    PAYMENTS = "payments"
    STRIPE = "stripe"
    RAZORPAY = "razorpay"
    STANDARD = "standard"


Seconds = Annotated[float, typer.Option(min=0.5, max=3_600, help="How long to send.")]
Concurrency = Annotated[
    int | None,
    typer.Option(
        min=1, max=CONNECTIONS_MAX, help="Connections, one request at a time each; default: 128 for each web process."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of the table.")]
Ceiling = Annotated[bool, typer.Option("--ceiling", help="Also the same server without a database, and the ratio.")]
ApplyOnly = Annotated[
    bool, typer.Option("--apply-only", help="Build a backlog, then time its draining alone, without the analysis.")
]
Analysis = Annotated[
    bool, typer.Option("--with-analysis", help="With --apply-only, --hot and --flat: score the events as well.")
]
Hot = Annotated[
    bool, typer.Option("--hot", help="The apply stage with one hot pair of wallets and with many, in turns.")
]
Flat = Annotated[
    int | None,
    typer.Option(
        min=1, max=100_000_000, help="Store so many events, then time the apply stage beside an empty gateway's."
    ),
]
Restarted = Annotated[
    int | None,
    typer.Option(min=1, max=100_000_000, help="Store so many events, then stop and start, and kill and start."),
]
Crowded = Annotated[
    bool, typer.Option("--half-peak", help="Half the peak rate while a backlog is applied and reports are made.")
]
Reported = Annotated[bool, typer.Option("--reports", help="The peak beside reports and alone, in turns.")]
Typed = Annotated[
    bool,
    typer.Option("--typed", help="With --half-peak and --reports: reports as typed into a terminal, not the worker's."),
]
Url = Annotated[str | None, typer.Option(help="A running gateway, http://host:port; its secrets from the environment.")]
Rate = Annotated[float | None, typer.Option(min=0.1, max=100_000, help="Events per second; default: the peak.")]
Wallets = Annotated[int, typer.Option(min=2, max=1_000_000, help="Wallets that take part; 2 are a hot pair.")]
Web = Annotated[int, typer.Option(min=1, max=16, help="Web processes of the gateway that is started.")]
Source = Annotated[SourceName, typer.Option(help="Whose webhooks to send.")]


def main(
    seconds: Seconds = 10.0,
    concurrency: Concurrency = None,
    as_json: AsJson = False,
    ceiling: Ceiling = False,
    apply_only: ApplyOnly = False,
    with_analysis: Analysis = False,
    hot: Hot = False,
    flat: Flat = None,
    restart: Restarted = None,
    half_peak: Crowded = False,
    reports: Reported = False,
    typed: Typed = False,
    url: Url = None,
    rate: Rate = None,
    wallets: Wallets = 1_000,
    web: Web = 1,
    source: Source = SourceName.PAYMENTS,
) -> None:
    """Load a gateway with distinct, pre-signed events from a process of its own, and say what it did.

    Without --url a gateway with a private MongoDB is started and removed again; each of --ceiling, --apply-only, --hot,
    --flat, --restart, --half-peak and --reports needs that and stands alone.
    """
    if sum(map(bool, (url, ceiling, apply_only, hot, flat, restart, half_peak, reports))) > 1:
        raise typer.BadParameter(
            "--url, --ceiling, --apply-only, --hot, --flat, --restart, --half-peak, --reports exclude each other"
        )
    analyse = with_analysis or not (apply_only or hot or flat)
    connections = concurrency or min(CONNECTIONS_PER_WEB * web, CONNECTIONS_MAX)
    options = Options(seconds, connections, rate, wallets, source.value, web, analyse, typed)
    console = Console(stderr=True)
    try:
        with console.status("starting") as status:
            load = Load(options, status.update)
            if url:
                seen = _running(load, url, options)
            elif flat:
                seen = _flat(load, options, flat)
            elif restart:
                seen = _restarted(load, options, restart)
            elif reports:
                with own_gateway(web=options.web) as gateway:
                    seen = load.reported(gateway)
            else:
                seen = _own(load, options, ceiling=ceiling, apply_only=apply_only, hot=hot, half_peak=half_peak)
    except (ServerFailed, SenderFailed, BacklogStuck) as failure:
        console.print(str(failure), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    numbers = report(seen, options)
    if as_json:
        print(orjson.dumps(numbers, option=orjson.OPT_INDENT_2).decode())
    else:
        print_table(numbers, Console())
    raise typer.Exit(0 if seen.nothing_lost else 1)


def _flat(load: Load, options: Options, stored: int) -> Measurement:
    """Two gateways of our own: one that gets much to store, one that does not."""
    web, analyse = options.web, options.analyse
    with own_gateway(web=web, analyse=analyse) as full, own_gateway(web=web, analyse=analyse) as fresh:
        return load.flat(full, fresh, stored=stored)


def _restarted(load: Load, options: Options, stored: int) -> Measurement:
    """Gateways of our own, one after the other in one directory."""
    with TemporaryDirectory(prefix="gateway-load-") as directory:
        return load.restarted(Place(Path(directory), options.web, options.analyse), stored=stored)


def _own(load: Load, options: Options, *, ceiling: bool, apply_only: bool, hot: bool, half_peak: bool) -> Measurement:
    """Against a gateway of our own."""
    with own_gateway(web=options.web, analyse=options.analyse) as gateway:
        if hot:
            return load.hot(gateway)
        if half_peak:
            return load.crowded(gateway)
        if apply_only:
            return load.backlog(gateway)
        seen = load.whole(gateway)
        if ceiling:
            with own_ceiling(web=options.web) as reference:
                seen.comparison = load.compare(gateway, reference)
        return seen


def _running(load: Load, url: str, options: Options) -> Measurement:
    """Against the gateway at `url`, with the source's secret and an API key from the environment."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ServerFailed("--url must be http://host:port")
    setting = SECRET_SETTINGS[options.source]
    secret = os.environ.get(setting, "")
    if not secret:
        raise ServerFailed(f"{setting} is not set: the events are signed with the gateway's own secret")
    api_key = os.environ.get(API_KEY_VARIABLE)
    return load.whole(Server(parts.hostname, parts.port or 80, {options.source: secret}, api_key))


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends the command the way Ctrl-C does: whatever was started is stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    typer.run(main)
