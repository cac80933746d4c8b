"""`gateway doctor`: what is configured, reachable and missing, in words that tell what to do."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.access.limits import Limits
from gateway.access.source_views import SourceView
from gateway.access.sources import ManagedSources, environment_views
from gateway.cli.options import DataDir
from gateway.cli.start_checks import NO_SOURCE, check_settings, has_mongo_url
from gateway.clock import system_clock, utc
from gateway.encryption import open_cipher
from gateway.errors import CannotStart, GatewayError
from gateway.mongo.binary import find_mongod
from gateway.mongo.client import connect, deployment_kind, reach
from gateway.mongo.home import Home, running_uri
from gateway.mongo.known_keys import check_keys
from gateway.queries.reading import answered_within
from gateway.runtime import OPTIMISED, is_plainly_compiled, python_version
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
    """Check settings, surroundings and sources. Exit code 1 when something is to be fixed."""
    settings = load_settings(data_dir=data_dir)
    findings = list(_findings(settings))
    table = Table("", "what", "", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.mark.value, escape(finding.what), escape(finding.told))
    Console().print(table)
    raise typer.Exit(code=1 if any(finding.mark is Mark.FAULT for finding in findings) else 0)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _python()
    yield from _settings(settings)
    yield from _limits(settings)
    yield from _mongodb(settings)
    yield from _sources(settings)
    yield _port(settings)
    yield _model(settings)


def _python() -> Finding:
    if not is_plainly_compiled():
        return Finding(Mark.OK, "Python", python_version())
    advice = (
        "everything takes about a sixth longer. A distribution's Python or the official image is quicker; with pyenv, set "
        f"PYTHON_CONFIGURE_OPTS='{OPTIMISED} --with-lto' before pyenv install"
    )
    return Finding(Mark.NOTE, "Python", f"{python_version()}: {advice}")


def _settings(settings: Settings) -> Iterator[Finding]:
    for check in (check_settings, open_cipher):
        try:
            check(settings)
        except CannotStart as wrong:
            for problem in wrong.problems:
                yield Finding(Mark.FAULT, "settings", problem)


def _sources(settings: Settings) -> Iterator[Finding]:
    """Those of the environment and those that are stored; the ones with a setting also when they are closed."""
    try:
        sources = asyncio.run(_listed(settings))
    except GatewayError as wrong:
        yield Finding(Mark.FAULT, "sources", f"What is stored of them cannot be read: {wrong}")
        return
    if not any(source.state == "open" for source in sources):
        yield Finding(Mark.FAULT, "sources", NO_SOURCE)
    for source in sources:
        yield _told(source)
    for name, setting in _SETTINGS.items():
        if name not in {source.name for source in sources}:
            yield Finding(Mark.NOTE, f"source {name}", f"closed: set {setting} to open it")


async def _listed(settings: Settings) -> list[SourceView]:
    """Starts a private mongod for the moment, but only where there is something stored to read."""
    cipher = open_cipher(settings)
    if not has_mongo_url(settings) and Home(settings.data_dir).load() is None:
        return environment_views(settings, cipher, now=utc(system_clock()))
    async with reach(settings) as uri, connect(uri, settings) as client:
        database = client[settings.mongo_database]
        with answered_within():
            await check_keys(database, cipher)
        return await ManagedSources(database, cipher, settings).all()


def _told(source: SourceView) -> Finding:
    what = f"source {source.name}"
    if source.state == "closed":
        return Finding(Mark.FAULT, what, f"closed: {source.reason}")
    if source.state == "disabled":
        return Finding(Mark.NOTE, what, f"disabled; gateway sources enable {source.name} opens it")
    count = sum(secret.valid for secret in source.secrets)
    return Finding(
        Mark.OK, what, f"open at POST {source.path}, {count} secret{'' if count == 1 else 's'}, {source.scheme}"
    )


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
    place = f"{settings.host}:{settings.port}"
    try:
        socket.create_connection((_ANY.get(settings.host, settings.host), settings.port), timeout=0.5).close()
    except (socket.gaierror, UnicodeError):
        return Finding(Mark.FAULT, "port", f"HOST: {settings.host} is no address of this machine, nor a name of one")
    except OSError:
        return Finding(Mark.OK, "port", f"{place} is free")
    return Finding(Mark.NOTE, "port", f"{place} answers already: a gateway, or choose another PORT")


_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not listened on


def _model(settings: Settings) -> Finding:
    if settings.gemini_api_key and settings.gemini_api_key.get_secret_value():
        told = f"{settings.gemini_model}, at most {settings.gemini_requests_per_minute} narratives a minute"
        return Finding(Mark.OK, "model", told)
    return Finding(
        Mark.NOTE, "model", "absent: insights come from the local scorer alone; set GEMINI_API_KEY for narratives"
    )
