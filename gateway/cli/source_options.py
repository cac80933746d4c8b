"""What the commands about sources have in common: reading secrets and times from an operator, and reaching what is stored."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeVar

import typer

from gateway.access.sources import Actor, ManagedSources
from gateway.cli.options import DataDir, operator
from gateway.clock import system_clock, utc
from gateway.encryption import open_cipher
from gateway.errors import InvalidSource
from gateway.mongo.client import connect, reach
from gateway.mongo.known_keys import register_keys
from gateway.monitoring.logs import configure_logs
from gateway.settings import load_settings

Answer = TypeVar("Answer")

SECRET_CHARS_MAX: Final = 8_192
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Name = Annotated[str, typer.Argument(help="The source's name, the last part of /webhooks/NAME.")]
SecretText = Annotated[
    str | None,
    typer.Option(
        "--secret", help="The secret itself. Others may see it: it stays in the shell's history and process lists."
    ),
]
SecretStdin = Annotated[bool, typer.Option("--secret-stdin", help="Read the secret from standard input, one line.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a secret, and show it this once.")]
Past = Annotated[int | None, typer.Option(help="Seconds a signed time may lie in the past.")]
Future = Annotated[int | None, typer.Option(help="Seconds a signed time may lie in the future.")]
BodyBytesMax = Annotated[int | None, typer.Option(help="Bytes of one webhook, at most BODY_BYTES_MAX.")]
Network = Annotated[
    list[str] | None,
    typer.Option(
        help="Address or block that deliveries come from, besides a good signature; several times for several."
    ),
]
Rate = Annotated[
    str | None, typer.Option(help="Verified webhooks, such as 600/minute, instead of RATE_LIMIT_WEBHOOKS.")
]
EventType = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        help="Event types it is for, such as payment.*; the others are stored and ignored. Several times for several.",
    ),
]
Url = Annotated[str | None, typer.Option(help="The address the provider posts to, where the scheme signs it (square).")]


def with_sources(data_dir: DataDir, ask: Callable[[ManagedSources], Awaitable[Answer]]) -> Answer:
    """The answer of the store that the settings name, running or started for the moment."""
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", process="sources")

    async def run() -> Answer:
        async with reach(settings) as uri, connect(uri, settings) as client:
            database = client[settings.mongo_database]
            cipher = open_cipher(settings)
            await register_keys(database, cipher, now=utc(system_clock()))
            return await ask(ManagedSources(database, cipher, settings))

    return asyncio.run(run())


def me() -> Actor:
    return Actor(by=operator(), via="command")


def asked_secret(secret: str | None, *, stdin: bool, generate: bool) -> str | None:
    """The secret, asked for without showing it where no option gives it; None: one is to be generated.

    Raises `InvalidSource`.
    """
    if (secret is not None) + stdin + generate > 1:
        raise InvalidSource("secret: choose one of --generate, --secret-stdin and --secret.")
    if generate:
        return None
    if secret is not None:
        return secret
    if stdin:
        return sys.stdin.readline(SECRET_CHARS_MAX).strip()
    if not sys.stdin.isatty():
        raise InvalidSource("secret: nobody is here to type it; use --secret-stdin or --generate.")
    return str(typer.prompt("Secret", hide_input=True, err=True))


def seconds(text: str) -> int:
    """Of "90s", "30m", "24h" or "7d". Raises `InvalidSource`."""
    found = re.fullmatch(r"([0-9]{1,7})([smhd])", text)
    if not found:
        raise InvalidSource(f"{text[:20]!a} is no time; write a number and s, m, h or d, such as 24h.")
    return int(found[1]) * _SECONDS[found[2]]


def given(**terms: Any) -> dict[str, Any]:
    """The terms that an option names."""
    return {field: value for field, value in terms.items() if value is not None}
