"""`gateway sources verify`: why a captured delivery is let in or refused, without a gateway or a database."""

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from gateway.clock import system_clock
from gateway.ingress.delivery import Delivery
from gateway.ingress.diagnose import diagnose
from gateway.ingress.providers import SCHEMES
from gateway.ingress.providers.sources import window_of
from gateway.settings import load_settings

BODY_BYTES_MAX: Final = 16_000_000
"""As much as a gateway may be set to accept."""
UNIX_S_MAX: Final = 253_402_300_799


def verify_command(
    body_file: Annotated[
        str, typer.Argument(metavar="BODY_FILE", help="The raw body as it was sent; - is standard input.")
    ],
    scheme: Annotated[str, typer.Option(help=f"How it is signed: {', '.join(SCHEMES)}.")],
    secret: Annotated[
        list[str] | None, typer.Option(help="The source's secret; may be repeated. Asked for when left out.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="A header of the delivery; pass them all.")
    ] = None,
    url: Annotated[str, typer.Option(help="The address the provider posts to, where it signs that (square).")] = "",
    at: Annotated[
        float | None, typer.Option(min=0, max=UNIX_S_MAX, help="Unix seconds of its arrival; default: now.")
    ] = None,
) -> None:
    """Say whether a captured delivery would be let in and by which secret, or which check refuses it and what to do.

    The exit code is 0 for let in, 1 for refused. The window is the one of MAX_WEBHOOK_AGE_SECONDS and
    MAX_WEBHOOK_FUTURE_SECONDS.
    """
    if scheme not in SCHEMES:
        raise typer.BadParameter(f"must be one of {', '.join(SCHEMES)}", param_hint="--scheme")
    headers = [_header(written) for written in header or []]
    body = _body(body_file)
    received_at = system_clock() if at is None else at
    delivery = Delivery("captured", headers, body, received_at, "")
    found = diagnose(delivery, SCHEMES[scheme], secret or _asked(), url=url, window=window_of(load_settings()))
    errors = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    for sentence in found.warnings:
        errors.print(sentence)
    console = Console(soft_wrap=True, markup=False, highlight=False)
    console.print("verified" if found.check is None else f"refused: {found.check}")
    for sentence in found.told:
        console.print(sentence)
    if found.check is not None:
        raise typer.Exit(1)


def _header(written: str) -> tuple[bytes, bytes]:
    name, colon, value = written.partition(":")
    if not colon or not name.strip():
        raise typer.BadParameter("must be 'Name: value'", param_hint="--header")
    return os.fsencode(name.strip().lower()), os.fsencode(value.strip())  # as it was typed, whatever bytes


def _body(body_file: str) -> bytes:
    try:
        if body_file == "-":
            body = sys.stdin.buffer.read(BODY_BYTES_MAX + 1)
        else:
            with Path(body_file).open("rb") as file:
                body = file.read(BODY_BYTES_MAX + 1)
    except OSError as wrong:
        raise typer.BadParameter(f"cannot be read: {wrong.strerror}", param_hint="BODY_FILE") from None
    if len(body) > BODY_BYTES_MAX:
        raise typer.BadParameter(f"has more than {BODY_BYTES_MAX} bytes", param_hint="BODY_FILE")
    return body


def _asked() -> list[str]:
    """The secret from the terminal, not shown; so it need not stand in the shell's history."""
    try:
        with Path("/dev/tty").open():
            return [getpass.getpass("Secret: ")]
    except (OSError, EOFError):
        raise typer.BadParameter("is needed where there is no terminal to ask on", param_hint="--secret") from None
