"""`gateway doctor`: what is configured, reachable and missing, in words that tell what to do."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import typer
from rich.console import Console
from rich.table import Table

from gateway.access.limits import Limits
from gateway.cli.options import DataDir
from gateway.cli.serving import check_settings, has_mongo_url
from gateway.errors import CannotStart, GatewayError
from gateway.ingress.providers.sources import open_sources
from gateway.mongo.binary import find_mongod
from gateway.mongo.client import connect, deployment_kind
from gateway.mongo.home import running_uri
from gateway.settings import Settings, load_settings


class Mark(Enum):
    OK = "[green]ok[/]"
    NOTE = "[yellow]note[/]"
    FAULT = "[red]fix[/]"


@dataclass(frozen=True, slots=True)
class Finding:
    mark: Mark
    what: str
    told: str


def doctor(data_dir: DataDir = None) -> None:
    """Check settings and surroundings. Exit code 1 when the gateway could not start."""
    settings = load_settings(data_dir=data_dir)
    findings = list(_findings(settings))
    table = Table("", "what", "", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.mark.value, finding.what, finding.told)
    Console().print(table)
    raise typer.Exit(code=1 if any(finding.mark is Mark.FAULT for finding in findings) else 0)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield from _sources(settings)
    yield from _limits(settings)
    yield from _mongodb(settings)
    yield _port(settings)
    yield _model(settings)


def _sources(settings: Settings) -> Iterator[Finding]:
    try:
        sources = open_sources(settings)
        check_settings(settings)
    except CannotStart as wrong:
        for problem in wrong.problems:
            yield Finding(Mark.FAULT, "sources", problem)
        return
    for name, setting in _SETTINGS.items():
        if name in sources:
            count = len(sources[name].secrets)
            told = f"open at POST /webhooks/{name}, {count} secret{'s' if count > 1 else ''}"
            yield Finding(Mark.OK, f"source {name}", told)
        else:
            yield Finding(Mark.NOTE, f"source {name}", f"closed: set {setting} to open it")


_SETTINGS = {
    "payments": "HMAC_SECRET_KEY",
    "stripe": "STRIPE_WEBHOOK_SECRET",
    "razorpay": "RAZORPAY_WEBHOOK_SECRET",
    "standard": "STANDARD_WEBHOOKS_SECRET",
}


def _limits(settings: Settings) -> Iterator[Finding]:
    try:
        Limits(settings)
    except CannotStart as wrong:
        for problem in wrong.problems:
            yield Finding(Mark.FAULT, "limits", problem)
        return
    shared = "shared by all" if settings.rate_limit_storage_url != "memory://" else "counted by each web process"
    yield Finding(
        Mark.OK, "limits", f"{settings.rate_limit_refused} refused callers, {settings.rate_limit_api} API, {shared}"
    )


def _mongodb(settings: Settings) -> Iterator[Finding]:
    if has_mongo_url(settings):
        assert settings.mongo_url
        yield asyncio.run(_reachable(settings.mongo_url.get_secret_value(), settings, "MONGO_URL"))
        return
    try:
        yield Finding(Mark.OK, "mongod", f"{find_mongod(settings)}")
    except CannotStart as wrong:
        yield Finding(Mark.FAULT, "mongod", str(wrong))
        return
    running = running_uri(settings.data_dir)
    if running:
        yield asyncio.run(_reachable(running, settings, f"the gateway running on {settings.data_dir}"))
    else:
        exists = "found" if settings.data_dir.exists() else "will be created"
        yield Finding(Mark.OK, "data", f"{settings.data_dir.resolve()} ({exists}); no gateway is running on it")


async def _reachable(uri: str, settings: Settings, of: str) -> Finding:
    try:
        async with connect(uri, settings) as client:
            kind = await deployment_kind(client)
    except CannotStart as wrong:
        return Finding(Mark.FAULT, "MongoDB", str(wrong))
    except GatewayError as wrong:
        return Finding(Mark.FAULT, "MongoDB", f"{of}: {wrong} Check the address, the credentials and the network.")
    return Finding(Mark.OK, "MongoDB", f"{of}: reachable, {kind}")


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        taken = probe.connect_ex((settings.host if settings.host != "0.0.0.0" else "127.0.0.1", settings.port)) == 0  # noqa: S104
    if taken:
        return Finding(
            Mark.NOTE, "port", f"{settings.host}:{settings.port} answers already: a gateway, or choose another PORT"
        )
    return Finding(Mark.OK, "port", f"{settings.host}:{settings.port} is free")


def _model(settings: Settings) -> Finding:
    if settings.gemini_api_key and settings.gemini_api_key.get_secret_value():
        told = f"{settings.gemini_model}, at most {settings.gemini_requests_per_minute} narratives a minute"
        return Finding(Mark.OK, "model", told)
    return Finding(
        Mark.NOTE, "model", "absent: insights come from the local scorer alone; set GEMINI_API_KEY for narratives"
    )
