"""A managed source as an operator sees it; nothing that would let someone in is part of it."""

from datetime import datetime
from typing import Literal

from gateway.encryption import Cipher
from gateway.errors import CannotDecrypt, InvalidSource
from gateway.ingress.providers.stored import Document, read_source, stored_terms
from gateway.ingress.providers.terms import Terms
from gateway.queries.reading import Answer
from gateway.settings import Settings


class SecretView(Answer):
    """One secret, by the id that the events it verified are stored with."""

    id: str
    valid_from: datetime
    valid_until: datetime | None
    """None: no end is set."""
    valid: bool


class SourceView(Answer):
    """One source. What is None is as the settings say for every source."""

    name: str
    path: str
    scheme: str
    state: Literal["open", "disabled", "closed"]
    """Closed: it should be open, and cannot be, for the `reason`."""
    reason: str | None
    origin: Literal["stored", "environment"]
    secrets: list[SecretView]
    past_s: int | None
    future_s: int | None
    body_bytes_max: int | None
    networks: list[str]
    rate: str | None
    types: list[str]
    url: str
    version: int
    """Of a source of the environment 0; a change says which version it is of, if it says one."""
    created_at: datetime | None
    changed_at: datetime | None
    changed_by: str | None


def view_of(document: Document, cipher: Cipher, settings: Settings, *, now: datetime) -> SourceView:
    """Total: also for a document that a later version, or a hand, has written."""
    name = str(document["_id"])
    state: Literal["open", "disabled", "closed"] = "open" if document.get("disabled_at") is None else "disabled"
    reason = None
    try:
        read_source(document, cipher, settings)
    except (CannotDecrypt, InvalidSource) as closed:
        state, reason = ("closed" if state == "open" else state), str(closed)
    try:
        terms = stored_terms(document).model_dump()
        secrets = [_secret(secret, now) for secret in document["secrets"]]
    except (InvalidSource, KeyError, TypeError, AttributeError):
        terms, secrets = Terms.model_construct(scheme="(unreadable)").model_dump(), []
    return SourceView(
        name=name,
        path=f"/webhooks/{name}",
        state=state,
        reason=reason,
        origin="stored" if document.get("version") else "environment",
        secrets=secrets,
        version=int(document.get("version", 0)),
        created_at=document.get("created_at"),
        changed_at=document.get("changed_at"),
        changed_by=document.get("changed_by"),
        **terms,
    )


def _secret(stored: Document, now: datetime) -> SecretView:
    begins, ends = stored["valid_from"], stored["valid_until"]
    valid = begins <= now and (ends is None or now < ends)
    return SecretView(id=stored["id"], valid_from=begins, valid_until=ends, valid=valid)
