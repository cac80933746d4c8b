"""The raw bodies of events and incidents at rest: sealed once when the document is built, opened by who must read them.

    body        sealed bytes (gateway/encryption.py), bound to the event, or to the incident about it
    body_key    the id of the key they are sealed under

A body without `body_key` was stored before bodies were sealed and is plain. One without a body was removed because of its
age, and says when in `body_removed_at` (retention.py).
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from structlog import get_logger

from gateway.clock import pause
from gateway.encryption import REFRESH_S, Cipher
from gateway.errors import CannotDecrypt
from gateway.events.standing import BACK_TO_THE_QUEUE, awaiting

log = get_logger(__name__)

_KEY_MISSING: Final = "encryption_key:"
"""Before a key's id: what an event awaits that could not be read without it."""


def sealed_body(body: bytes, bound_to: str, cipher: Cipher) -> dict[str, Any]:
    """The two fields of a document that is about to be stored."""
    sealed = cipher.seal(body, bound_to)
    return {"body": sealed, "body_key": cipher.key_id}


def plain_body(document: Mapping[str, Any], bound_to: str, cipher: Cipher) -> bytes:
    """What was sent. Raises `CannotDecrypt`: the key is missing, the bytes were altered, or the body is not there any more."""
    body = document.get("body")
    if not isinstance(body, bytes):
        removed_at = document.get("body_removed_at")
        raise CannotDecrypt(f"The body was removed on {removed_at:%Y-%m-%d}." if removed_at else "There is no body.")
    key_id = document.get("body_key")
    return body if key_id is None else cipher.open(body, str(key_id), bound_to)


def of_incident(event_id: str) -> str:
    """What the body of an incident about this event is bound to."""
    return f"incident:{event_id}"


def missing_key(document: Mapping[str, Any], cipher: Cipher) -> str | None:
    """What an event that did not open awaits: its key. None: the key is there, so only a person can help."""
    key_id = document.get("body_key")
    return None if key_id is None or key_id in cipher.key_ids else f"{_KEY_MISSING}{key_id}"


async def release_opened(events: AsyncCollection[dict[str, Any]], cipher: Cipher) -> int:
    """Send back to the queue what was parked for a key that is there again; how many. Harmless whoever does it."""
    awaited = awaiting(f"{_KEY_MISSING}{key_id}" for key_id in cipher.key_ids)
    return (await events.update_many(awaited, BACK_TO_THE_QUEUE)).modified_count


async def retry_unread(events: AsyncCollection[dict[str, Any]], cipher: Cipher, stop: asyncio.Event) -> None:
    """Until `stop`: what could not be read without its key tries again as soon as the key is back."""
    while not stop.is_set():
        try:
            if released := await release_opened(events, cipher):
                log.info("events_released", count=released, reason="their encryption key is back")
        except PyMongoError as failed:
            log.warning("events_not_released", error=type(failed).__name__)
        await pause(stop, REFRESH_S)
