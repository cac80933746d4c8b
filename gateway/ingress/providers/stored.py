"""The sources that operators manage while the gateway runs: how they are stored, and how every process follows them.

    sources: _id (the name), version, terms (see `terms`), secrets, created_at, changed_at, changed_by, disabled_at?
    secrets: id, valid_from, valid_until (None: no end), and until they are over: sealed (the key's bytes), sealed_with

What is stored under a name wins over the environment, also when it is disabled or cannot be opened: then the door is closed.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import pymongo
from bson.errors import BSONError
from pydantic import ValidationError
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from structlog import get_logger

from gateway.clock import pause
from gateway.encryption import Cipher
from gateway.errors import CannotDecrypt, CannotStart, InvalidSource, StoreUnavailable
from gateway.ingress.providers.sources import Secret, Source, open_sources
from gateway.ingress.providers.terms import Terms, source_of
from gateway.settings import Settings

log = get_logger(__name__)

SOURCES_MAX: Final = 1_000
"""Stored at once; adding another is refused."""
REFRESH_S: Final = 2.0
REFRESH_S_MAX: Final = 5.0
"""One look at the store; a slower one is given up, and what was known last stays open."""
NOT_OURS: Final = "It is stored in a way that this version does not read."

Document = dict[str, Any]


class OpenSources(Mapping[str, Source]):
    """The doors that are open now. Empty until the first `refresh`; a look-up is one in a plain dict."""

    def __init__(self, database: AsyncDatabase[Document], cipher: Cipher, settings: Settings) -> None:
        """Raises `CannotStart` for an unsafe secret in the environment."""
        self._stored = database["sources"].with_options(read_concern=ReadConcern("majority"))
        self._cipher = cipher
        self._settings = settings
        self._environment = open_sources(settings)
        self._open: dict[str, Source] = {}
        self._read: dict[str, tuple[int, Source]] = {}
        self._closed: dict[str, str] = {}

    def __getitem__(self, name: str) -> Source:
        return self._open[name]

    def __contains__(self, name: object) -> bool:
        return name in self._open

    def __iter__(self) -> Iterator[str]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)

    async def refresh(self) -> None:
        """Take up what is stored now. Raises `StoreUnavailable`; then everything stays as it was."""
        try:
            with pymongo.timeout(REFRESH_S_MAX):
                documents = await self._stored.find().limit(SOURCES_MAX).to_list()
        except (PyMongoError, BSONError) as failed:
            raise StoreUnavailable("The stored sources could not be read.") from failed
        opened = dict(self._environment)
        closed: dict[str, str] = {}
        for document in documents:
            name = str(document["_id"])
            opened.pop(name, None)
            if document.get("disabled_at") is not None:
                continue
            try:
                opened[name] = self._source(name, document)
            except (CannotDecrypt, InvalidSource) as unreadable:
                closed[name] = str(unreadable)
        self._tell(opened, closed)
        self._open, self._closed = opened, closed

    async def follow(self, stop: asyncio.Event, *, failed: Callable[[], None]) -> None:
        """Refresh until `stop` is set; `failed` is called whenever it did not work."""
        while not stop.is_set():
            await pause(stop, REFRESH_S)
            if stop.is_set():
                return
            try:
                await self.refresh()
            except Exception as failure:  # if this ended, the doors would stay as they are until the next restart
                failed()
                log.warning("sources.not_refreshed", error=type(failure).__name__, effect="those known last stay open")

    def _source(self, name: str, document: Document) -> Source:
        """Opened once per version: unsealing costs more than looking."""
        known = self._read.get(name)
        if known is None or known[0] != document.get("version"):
            known = self._read[name] = (
                int(document.get("version", 0)),
                read_source(document, self._cipher, self._settings),
            )
        return known[1]

    def _tell(self, opened: Mapping[str, Source], closed: Mapping[str, str]) -> None:
        for name, why in closed.items():
            if self._closed.get(name) != why:
                log.error("source.closed", source=name, why=why)
        if opened != self._open:
            log.info("sources.open", sources=sorted(opened))


def read_source(document: Document, cipher: Cipher, settings: Settings) -> Source:
    """The door that the document describes, newest secret first. Raises `CannotDecrypt` and `InvalidSource`."""
    name = str(document["_id"])
    terms = stored_terms(document)
    try:
        sealed = [secret for secret in document["secrets"] if "sealed" in secret]
        secrets = tuple(open_secret(name, secret, cipher) for secret in reversed(sealed))
    except (KeyError, TypeError, AttributeError):
        raise InvalidSource(NOT_OURS) from None
    except CannotStart as unreadable:  # the key file, asked again for a key we lack, cannot be read
        raise CannotDecrypt(str(unreadable)) from None
    return source_of(name, terms, secrets, settings)


def stored_terms(document: Document) -> Terms:
    """Raises `InvalidSource`: a hand or another version wrote it."""
    try:
        return Terms.model_validate(document["terms"])
    except (ValidationError, KeyError):
        raise InvalidSource(NOT_OURS) from None


def sealed_secret(name: str, secret: Secret, cipher: Cipher, *, valid_from: datetime) -> Document:
    """How a secret without an end is stored: it opens only as this secret of this source."""
    return {
        "id": secret.id,
        "valid_from": valid_from,
        "valid_until": None,
        "sealed": cipher.seal(secret.key, _bound_to(name, secret.id)),
        "sealed_with": cipher.key_id,
    }


def open_secret(name: str, stored: Document, cipher: Cipher) -> Secret:
    """Raises `CannotDecrypt`."""
    until = stored["valid_until"]
    return Secret(
        id=stored["id"],
        key=cipher.open(stored["sealed"], stored["sealed_with"], _bound_to(name, stored["id"])),
        valid_from=stored["valid_from"].timestamp(),
        valid_until=math.inf if until is None else until.timestamp(),
    )


async def reseal_sources(database: AsyncDatabase[Document], cipher: Cipher) -> int:
    """Seal with the present key what other keys sealed; how many sources still wait, since they were changed meanwhile or their
    key is missing. Run it again until none does."""
    waiting = 0
    other = {"$elemMatch": {"sealed": {"$exists": True}, "sealed_with": {"$ne": cipher.key_id}}}
    for document in await database["sources"].find({"secrets": other}).to_list():
        name = document["_id"]
        try:
            secrets = [_resealed(name, secret, cipher) for secret in document["secrets"]]
        except CannotDecrypt as missing:
            log.error("source.not_resealed", source=name, why=str(missing))
            waiting += 1
            continue
        as_read = {"_id": name, "version": document["version"]}
        done = await database["sources"].update_one(as_read, {"$set": {"secrets": secrets}, "$inc": {"version": 1}})
        waiting += done.matched_count == 0
    return waiting


def _resealed(name: str, secret: Document, cipher: Cipher) -> Document:
    if "sealed" not in secret or secret["sealed_with"] == cipher.key_id:
        return secret
    key = cipher.open(secret["sealed"], secret["sealed_with"], _bound_to(name, secret["id"]))
    return {**secret, "sealed": cipher.seal(key, _bound_to(name, secret["id"])), "sealed_with": cipher.key_id}


def _bound_to(name: str, secret_id: str) -> str:
    return f"source:{name}:{secret_id}"
