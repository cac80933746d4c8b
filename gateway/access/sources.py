"""Who may post, managed while the gateway runs: sources added, changed, rotated, closed and opened again, each act on record.

A change replaces one document, and only in the version that was read: of two at the same moment one wins, the other is told.
A source of the environment is taken into the store by its first change, with its secrets.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from gateway.access.acts import note_act
from gateway.access.source_views import SourceView, view_of
from gateway.clock import Clock, system_clock, utc
from gateway.encryption import Cipher
from gateway.errors import CannotDecrypt, Conflict, InvalidSource, NotFound
from gateway.ingress.providers.schemes import SCHEMES, Scheme
from gateway.ingress.providers.sources import KEY_BYTES_MIN, Secret, Source, new_secret, open_sources, signing_key
from gateway.ingress.providers.stored import (
    SOURCES_MAX,
    Document,
    open_secret,
    read_source,
    sealed_secret,
    stored_terms,
)
from gateway.ingress.providers.terms import read_terms, source_name, terms_of
from gateway.queries.reading import answered_within
from gateway.settings import Settings

SECRET_LENGTH_MAX: Final = 4_096
SECRETS_VALID_MAX: Final = 8
"""Of one source at once; each costs every wrong delivery one more HMAC."""
SECRETS_ENDED_MAX: Final = 50
"""Whose ids and times are remembered."""
DAY_S: Final = 86_400
OVERLAP_S_MAX: Final = 90 * DAY_S
CHANGED_MEANWHILE: Final = "The source was changed by somebody else meanwhile; look at it, and try again."
GIVEN_BY_THE_PROVIDER: Final = frozenset({"stripe", "svix", "paddle", "cashfree", "square", "shopify", "adyen"})
"""Schemes whose secret the provider makes: a generated one would never sign anything."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, for the record: the operating system's user by "command", or a key by "api"."""

    by: str
    via: str


@dataclass(frozen=True, slots=True)
class Changed:
    """The source as it is now, and the secret that was generated, to be shown this once."""

    source: SourceView
    generated: str | None = None


class ManagedSources:
    """The collection `sources` over the environment's. Each method may raise `StoreUnavailable`."""

    def __init__(
        self, database: AsyncDatabase[Document], cipher: Cipher, settings: Settings, *, clock: Clock = system_clock
    ) -> None:
        """Raises `CannotStart` for an unsafe secret in the environment."""
        self._database = database
        self._cipher = cipher
        self._settings = settings
        self._environment = open_sources(settings)
        self._clock = clock

    async def all(self) -> list[SourceView]:
        """All sources by name: open, disabled, and those that cannot be opened with the reason."""
        with answered_within():
            stored = await self._database["sources"].find().limit(SOURCES_MAX).to_list()
        documents = {name: _adopted(source, self._cipher) for name, source in self._environment.items()}
        documents |= {str(document["_id"]): document for document in stored}
        return [self._view(documents[name]) for name in sorted(documents)]

    async def show(self, name: str) -> SourceView:
        """Raises `NotFound`."""
        return self._view(await self._standing(name))

    async def source(self, name: str) -> Source:
        """The source with its keys, to sign as its provider would. Raises `NotFound`, `CannotDecrypt`, `InvalidSource`."""
        return read_source(await self._standing(name), self._cipher, self._settings)

    async def add(self, name: str, terms: Mapping[str, Any], *, secret: str | None, actor: Actor) -> Changed:
        """A new source; without a secret one is generated. Raises `InvalidSource`, and `Conflict` for a name in use."""
        checked = read_terms(terms, self._settings).model_dump()
        document = {"_id": source_name(name), "version": 0, "terms": checked, "secrets": []}
        with answered_within():
            stored = await self._database["sources"].count_documents({}, limit=SOURCES_MAX)
        if name in self._environment or await self._found(name):
            raise Conflict("There is a source of this name already; rotate, change or enable it.")
        if stored == SOURCES_MAX:
            raise Conflict(f"There are {SOURCES_MAX} sources already.")
        generated = self._add_secret(document, secret, overlap_s=0)
        return Changed(await self._write(document, "source.add", checked, actor), generated)

    async def change(self, name: str, terms: Mapping[str, Any], *, actor: Actor, version: int | None = None) -> Changed:
        """Other terms; those that are not named stay. Raises `NotFound`, `InvalidSource`, `Conflict`."""
        document = await self._standing(name, version)
        standing = stored_terms(document)
        checked = read_terms({**standing.model_dump(), **terms}, self._settings).model_dump()
        if checked["scheme"] != standing.scheme:
            raise InvalidSource("scheme: a source keeps its scheme; add another source for another one.")
        document["terms"] = checked
        return Changed(await self._write(document, "source.change", {field: checked[field] for field in terms}, actor))

    async def rotate(
        self, name: str, *, secret: str | None, overlap_s: int, actor: Actor, version: int | None = None
    ) -> Changed:
        """A further secret; those of before verify for `overlap_s` more, or until their own end if that comes first.

        Raises `NotFound`, `InvalidSource`, `Conflict`.
        """
        if not 0 <= overlap_s <= OVERLAP_S_MAX:
            raise InvalidSource(f"overlap: 0 to {OVERLAP_S_MAX // DAY_S} days.")
        document = await self._standing(name, version)
        generated = self._add_secret(document, secret, overlap_s=overlap_s)
        details = {
            "secret_id": document["secrets"][-1]["id"],
            "overlap_s": overlap_s,
            "generated": generated is not None,
        }
        return Changed(await self._write(document, "source.rotate", details, actor), generated)

    async def disable(self, name: str, *, actor: Actor, version: int | None = None) -> Changed:
        """Close the door within seconds; what it let in stays. Again changes nothing. Raises `NotFound`, `Conflict`."""
        document = await self._standing(name, version)
        if document.get("disabled_at") is not None:
            return Changed(self._view(document))
        document["disabled_at"] = self._now()
        return Changed(await self._write(document, "source.disable", {}, actor))

    async def enable(self, name: str, *, actor: Actor, version: int | None = None) -> Changed:
        """Open it again. Raises `NotFound`, `Conflict`."""
        document = await self._standing(name, version)
        if document.pop("disabled_at", None) is None:
            return Changed(self._view(document))
        return Changed(await self._write(document, "source.enable", {}, actor))

    async def _found(self, name: str) -> Document | None:
        with answered_within():
            return await self._database["sources"].find_one({"_id": name})

    async def _standing(self, name: str, version: int | None = None) -> Document:
        """The document as it is stored, or as it would be adopted from the environment (version 0)."""
        found = await self._found(name)
        if found is None and name in self._environment:
            found = _adopted(self._environment[name], self._cipher)
        if found is None:
            raise NotFound("There is no source of this name; list them with: gateway sources list.")
        if version is not None and version != found["version"]:
            raise Conflict(CHANGED_MEANWHILE)
        return found

    def _add_secret(self, document: Document, text: str | None, *, overlap_s: int) -> str | None:
        """Put a secret behind the others, which get an end; the text, when it was generated."""
        scheme = SCHEMES[stored_terms(document).scheme]
        generated = None if text is not None else _generated(scheme)
        key = _strong_key(text if generated is None else generated, scheme)
        now = self._now()
        before = [_ending(secret, now + timedelta(seconds=overlap_s), now) for secret in document["secrets"]]
        valid = [secret for secret in before if "sealed" in secret]
        if len(valid) >= SECRETS_VALID_MAX:
            raise Conflict(
                f"{len(valid)} secrets verify already; wait until one has ended, or rotate without an overlap."
            )
        self._refuse_known(document["_id"], valid, key)
        secret_id = str(1 + max((int(secret["id"]) for secret in before), default=0))
        sealed = sealed_secret(document["_id"], Secret(secret_id, key), self._cipher, valid_from=now)
        ended = [secret for secret in before if "sealed" not in secret]
        document["secrets"] = [*ended[-SECRETS_ENDED_MAX:], *valid, sealed]
        return generated

    def _refuse_known(self, name: str, valid: list[Document], key: bytes) -> None:
        try:
            known = [open_secret(name, secret, self._cipher).key for secret in valid]
        except CannotDecrypt as missing:
            raise Conflict(f"{missing} Or rotate without an overlap, to do without the secrets of before.") from None
        if any(hmac.compare_digest(each, key) for each in known):
            raise InvalidSource("secret: the source has this one already.")

    async def _write(self, document: Document, act: str, details: Mapping[str, Any], actor: Actor) -> SourceView:
        """Store it as the next version of what was read, and put the act on record."""
        now, version = self._now(), document["version"]
        document |= {"version": version + 1, "changed_at": now, "changed_by": actor.by}
        document.setdefault("created_at", now)
        with answered_within():
            if version:
                done = await self._database["sources"].replace_one(
                    {"_id": document["_id"], "version": version}, document
                )
                if not done.matched_count:
                    raise Conflict(CHANGED_MEANWHILE)
            else:
                try:
                    await self._database["sources"].insert_one(document)
                except DuplicateKeyError:
                    raise Conflict(CHANGED_MEANWHILE) from None
            await note_act(
                self._database, act=act, subject=document["_id"], by=actor.by, via=actor.via, details=details, now=now
            )
        return self._view(document)

    def _view(self, document: Document) -> SourceView:
        return view_of(document, self._cipher, self._settings, now=self._now())

    def _now(self) -> datetime:
        return utc(self._clock())


def environment_views(settings: Settings, cipher: Cipher, *, now: datetime) -> list[SourceView]:
    """The sources where nothing is stored. Raises `CannotStart` for an unsafe secret."""
    sources = open_sources(settings).values()
    return [view_of(_adopted(source, cipher), cipher, settings, now=now) for source in sources]


def _adopted(source: Source, cipher: Cipher) -> Document:
    """A source of the environment as it would be stored, in version 0: not yet."""
    begin = datetime.fromtimestamp(0, UTC)
    secrets = [sealed_secret(source.name, secret, cipher, valid_from=begin) for secret in source.secrets]
    return {"_id": source.name, "version": 0, "terms": terms_of(source).model_dump(), "secrets": secrets}


def _generated(scheme: Scheme) -> str:
    if scheme.name in GIVEN_BY_THE_PROVIDER:
        raise InvalidSource(f"secret: {scheme.name} makes the secret itself; copy it from there.")
    return new_secret(scheme.key_form)


def _strong_key(text: str | None, scheme: Scheme) -> bytes:
    """The key of a secret as it was pasted. Raises `InvalidSource`, without a piece of it."""
    pasted = (text or "").strip()
    if len(pasted) > SECRET_LENGTH_MAX:
        raise InvalidSource(f"secret: it has more than {SECRET_LENGTH_MAX} characters; that is none.")
    try:
        key = signing_key(pasted, scheme.key_form)
    except ValueError as wrong:
        raise InvalidSource(f"secret: it {wrong}; copy it again from the provider.") from None
    if len(key) < KEY_BYTES_MIN:
        raise InvalidSource(f"secret: it is {len(key)} bytes of key, at least {KEY_BYTES_MIN} are needed.")
    return key


def _ending(secret: Document, ends: datetime, now: datetime) -> Document:
    """The secret with an end, no later than the one it has; once that is over, only its id and times are kept."""
    until = ends if secret["valid_until"] is None else min(secret["valid_until"], ends)
    kept = {"id": secret["id"], "valid_from": secret["valid_from"], "valid_until": until}
    return kept if until <= now else {**secret, **kept}
