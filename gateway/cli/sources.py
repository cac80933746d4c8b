"""`gateway sources`: the doors for webhooks. Whatever changes here is so in every process within seconds, without a restart."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from gateway.access.source_views import SecretView, SourceView
from gateway.access.sources import Changed
from gateway.cli import source_trial, sources_verify
from gateway.cli.options import DataDir, tables
from gateway.cli.source_options import (
    BodyBytesMax,
    EventType,
    Future,
    Generate,
    Name,
    Network,
    Past,
    Rate,
    SecretStdin,
    SecretText,
    Url,
    asked_secret,
    given,
    me,
    seconds,
    with_sources,
)
from gateway.ingress.providers.terms import Terms

app = typer.Typer(help="Sources: the doors for webhooks, and why a delivery is refused.", no_args_is_help=True)
app.command("verify")(sources_verify.verify_command)
app.command("test")(source_trial.try_source)


@app.command()
def add(
    name: Name,
    scheme: Annotated[str, typer.Option(help="How it signs: native, stripe, razorpay, standard-webhooks, …")],
    secret: SecretText = None,
    secret_stdin: SecretStdin = False,
    generate: Generate = False,
    past: Past = None,
    future: Future = None,
    body_bytes_max: BodyBytesMax = None,
    network: Network = None,
    rate: Rate = None,
    event_type: EventType = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Open a door at POST /webhooks/NAME. Its secret is asked for, unless an option says where it comes from."""
    terms = given(
        scheme=scheme,
        past_s=past,
        future_s=future,
        body_bytes_max=body_bytes_max,
        networks=network,
        rate=rate,
        types=event_type,
        url=url,
    )
    text = asked_secret(secret, stdin=secret_stdin, generate=generate)
    changed = with_sources(data_dir, lambda sources: sources.add(name, terms, secret=text, actor=me()))
    _tell(changed, f"{name} opens at POST {changed.source.path} within seconds.")


@app.command()
def change(
    name: Name,
    past: Past = None,
    future: Future = None,
    body_bytes_max: BodyBytesMax = None,
    network: Network = None,
    rate: Rate = None,
    event_type: EventType = None,
    url: Url = None,
    reset: Annotated[
        list[str] | None, typer.Option(help="A term to be as for every source again: networks, types, rate, past_s, …")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Change what is asked of a source beyond its signature; what no option names stays."""
    defaults: dict[str, Any] = Terms(scheme="native").model_dump()
    terms = {term: defaults.get(term) for term in reset or ()} | given(
        past_s=past,
        future_s=future,
        body_bytes_max=body_bytes_max,
        networks=network,
        rate=rate,
        types=event_type,
        url=url,
    )
    changed = with_sources(data_dir, lambda sources: sources.change(name, terms, actor=me()))
    _tell(changed, f"{name} is changed within seconds.")


@app.command()
def rotate(
    name: Name,
    overlap: Annotated[
        str, typer.Option(help="How long the secrets of before still verify: 90s, 30m, 24h, 7d.")
    ] = "24h",
    secret: SecretText = None,
    secret_stdin: SecretStdin = False,
    generate: Generate = False,
    data_dir: DataDir = None,
) -> None:
    """Give a source a further secret. Both verify during the overlap, and each event says which one did."""
    overlap_s = seconds(overlap)
    text = asked_secret(secret, stdin=secret_stdin, generate=generate)
    changed = with_sources(data_dir, lambda sources: sources.rotate(name, secret=text, overlap_s=overlap_s, actor=me()))
    _tell(changed, f"{name} has secret {changed.source.secrets[-1].id}; those of before verify for {overlap} more.")


@app.command()
def disable(name: Name, data_dir: DataDir = None) -> None:
    """Close a door within seconds. What it let in stays as it is."""
    changed = with_sources(data_dir, lambda sources: sources.disable(name, actor=me()))
    _tell(changed, f"{name} is disabled.")


@app.command()
def enable(name: Name, data_dir: DataDir = None) -> None:
    """Open a disabled door again."""
    changed = with_sources(data_dir, lambda sources: sources.enable(name, actor=me()))
    _tell(changed, f"{name} is open again.")


@app.command("list")
def list_(data_dir: DataDir = None) -> None:
    """List the sources, without their secrets."""
    table = Table(Column("name", no_wrap=True), "scheme", "state", "secrets", "networks", "rate", "types")
    for source in with_sources(data_dir, lambda sources: sources.all()):
        valid = ", ".join(secret.id for secret in source.secrets if secret.valid)
        told = (source.state if source.reason is None else f"{source.state}: {source.reason}", valid)
        terms = (", ".join(source.networks) or "any", source.rate or "", ", ".join(source.types) or "all")
        table.add_row(*map(escape, (source.name, source.scheme, *told, *terms)))
    tables().print(table)


@app.command()
def show(name: Name, data_dir: DataDir = None) -> None:
    """Show one source: its terms, and when each of its secrets verifies."""
    source = with_sources(data_dir, lambda sources: sources.show(name))
    table = Table("", "", box=None, show_header=False, pad_edge=False)
    for field, value in source.model_dump(exclude={"secrets"}).items():
        if value is not None and value != [] and value != "":
            table.add_row(field, escape(", ".join(value) if isinstance(value, list) else str(value)))
    for secret in source.secrets:
        table.add_row(f"secret {secret.id}", _told(secret))
    Console(highlight=False).print(table)


def _told(secret: SecretView) -> str:
    ends = "without an end" if secret.valid_until is None else f"until {secret.valid_until:%Y-%m-%d %H:%M:%S} UTC"
    begins = f"from {secret.valid_from:%Y-%m-%d %H:%M:%S} " if secret.valid_from.timestamp() > 0 else ""
    return f"{begins}{ends}{'' if secret.valid else ' (over)'}"


def _tell(changed: Changed, sentence: str) -> None:
    """The sentence, and a generated secret alone on the last line of standard output."""
    source: SourceView = changed.source
    beside = Console(stderr=changed.generated is not None, highlight=False, soft_wrap=True, markup=False)
    beside.print(sentence)
    if source.reason is not None:
        beside.print(f"It stays closed: {source.reason}")
    if changed.generated is not None:
        beside.print("Its secret, for the sender; keep it, it is not shown again:")
        print(changed.generated)
