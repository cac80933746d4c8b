"""`python -m simulators.load`: exit 0 when every event that was sent was accepted, 1 when one was refused or lost."""

import os
import signal
from contextlib import ExitStack
from enum import StrEnum
from types import FrameType
from typing import Annotated, Final, NoReturn
from urllib.parse import urlsplit

import orjson
import typer
from rich.console import Console

from simulators.load.backlog import BacklogStuck
from simulators.load.measure import Announce, Load, Measurement, Options
from simulators.load.presign import SECRET_SETTINGS
from simulators.load.report import print_table, report
from simulators.load.sender import SenderFailed
from simulators.load.server import Server, ServerFailed, own_ceiling, own_gateway

API_KEY_VARIABLE: Final = "GATEWAY_API_KEY"


class SourceName(StrEnum):
    """What `--source` may be."""

    PAYMENTS = "payments"
    STRIPE = "stripe"
    RAZORPAY = "razorpay"
    STANDARD = "standard"


Seconds = Annotated[float, typer.Option(min=0.5, max=3_600, help="How long to send.")]
Concurrency = Annotated[int, typer.Option(min=1, max=2_000, help="Connections, one request at a time each.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of the table.")]
Ceiling = Annotated[bool, typer.Option("--ceiling", help="Also the same server without a database, and the ratio.")]
Url = Annotated[str | None, typer.Option(help="A running gateway, http://host:port; its secrets from the environment.")]
Rate = Annotated[float | None, typer.Option(min=0.1, max=100_000, help="Events per second; default: the peak.")]
Wallets = Annotated[int, typer.Option(min=2, max=1_000_000, help="Wallets that take part; 2 are a hot pair.")]
Web = Annotated[int, typer.Option(min=1, max=16, help="Web processes of the gateway that is started.")]
Source = Annotated[SourceName, typer.Option(help="Whose webhooks to send.")]


def main(
    seconds: Seconds = 10.0,
    concurrency: Concurrency = 64,
    as_json: AsJson = False,
    ceiling: Ceiling = False,
    url: Url = None,
    rate: Rate = None,
    wallets: Wallets = 1_000,
    web: Web = 1,
    source: Source = SourceName.PAYMENTS,
) -> None:
    """Load a gateway with distinct, pre-signed events from a process of its own, and say what it did.

    Without --url a gateway with a private MongoDB is started and removed again.
    """
    signal.signal(signal.SIGTERM, _stop)
    options = Options(seconds, concurrency, rate, wallets, source.value, web)
    console = Console(stderr=True)
    try:
        with console.status("starting") as status:
            seen = _measured(options, url, with_ceiling=ceiling, announce=status.update)
    except (ServerFailed, SenderFailed, BacklogStuck) as failure:
        console.print(str(failure), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    numbers = report(seen, options)
    if as_json:
        print(orjson.dumps(numbers, option=orjson.OPT_INDENT_2).decode())
    else:
        print_table(numbers, Console())
    raise typer.Exit(0 if seen.nothing_lost else 1)


def _measured(options: Options, url: str | None, *, with_ceiling: bool, announce: Announce) -> Measurement:
    with ExitStack() as servers:
        announce("starting")
        gateway = _running(url, options.source) if url else servers.enter_context(own_gateway(web=options.web))
        ceiling = servers.enter_context(own_ceiling(web=options.web)) if with_ceiling else None
        return Load(options, announce).run(gateway, ceiling)


def _running(url: str, source: str) -> Server:
    """The gateway at `url`, with the source's secret and an API key from the environment."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ServerFailed("--url must be http://host:port")
    setting = SECRET_SETTINGS[source]
    secret = os.environ.get(setting, "")
    if not secret:
        raise ServerFailed(f"{setting} is not set: the events of {source} are signed with the gateway's own secret")
    return Server(parts.hostname, parts.port or 80, {source: secret}, os.environ.get(API_KEY_VARIABLE))


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends the command the way Ctrl-C does: whatever was started is stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    typer.run(main)
