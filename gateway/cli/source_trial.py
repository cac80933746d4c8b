"""`gateway sources test`: the way through a source, tried with a signed event that moves nothing."""

import secrets
from typing import Annotated, Final

import httpx2
import typer
from rich.console import Console

from gateway.cli.options import DataDir
from gateway.cli.source_options import Name, with_sources
from gateway.clock import system_clock
from gateway.errors import InvalidSource
from gateway.ingress.providers.sources import Secret, Source
from gateway.ingress.sign import sign
from gateway.ingress.trial import trial_body

ANSWER_S_MAX: Final = 15.0


def try_source(
    name: Name,
    url: Annotated[str, typer.Option(help="Where the gateway listens.")] = "http://127.0.0.1:8000",
    data_dir: DataDir = None,
) -> None:
    """Sign a test event with the newest secret and post it. It is stored and ignored. Exit code 0 when it was let in."""
    source = with_sources(data_dir, lambda sources: sources.source(name))
    console = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        answer = _posted(source, url)
    except httpx2.HTTPError as failed:
        console.print(f"No gateway answered at {url}: {type(failed).__name__}. Give its address with --url.")
        raise typer.Exit(code=1) from None
    console.print(_sentence(source, answer))
    raise typer.Exit(code=0 if answer.is_success else 1)


def _posted(source: Source, url: str) -> httpx2.Response:
    now = system_clock()
    trial_id = f"gateway-test-{secrets.token_hex(8)}"
    key = _newest(source, now).key
    body = trial_body(source.scheme, trial_id)
    headers, body = sign(source.scheme, key, body, at=now, message_id=trial_id, url=source.url)
    path = f"{url.rstrip('/')}/webhooks/{source.name}"
    headers = {"Content-Type": "application/json", "Prefer": "wait=5", **headers}
    return httpx2.post(path, content=body, headers=headers, timeout=ANSWER_S_MAX)


def _newest(source: Source, now: float) -> Secret:
    valid = [secret for secret in source.secrets if secret.valid_from <= now < secret.valid_until]
    if not valid:
        raise InvalidSource(f"{source.name} has no secret that is valid now; rotate it.")
    return max(valid, key=lambda secret: secret.valid_from)


def _sentence(source: Source, answer: httpx2.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        told = {}
    if answer.is_success:
        outcome = f", {told['outcome']} ({told.get('reason', '')})" if "outcome" in told else ""
        return f"Let in: {answer.status_code}, stored as {told.get('event_id', '?')}{outcome}."
    said = f"{told.get('reason', '')}: {told.get('detail', '')}" if isinstance(told, dict) else ""
    hint = " Its networks may not hold this machine's address." if answer.status_code == 403 and source.networks else ""
    return f"Refused: {answer.status_code} {said}{hint}"
