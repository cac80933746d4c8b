"""The bounds of every question: how long it may take, which ids and pages it takes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pymongo
from pydantic import BaseModel, ConfigDict
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from gateway.errors import BadRequest, StoreUnavailable

Database = AsyncDatabase[dict[str, Any]]
Document = dict[str, Any]

READ_S_MAX: Final = 5.0
"""A question for a caller who waits. MongoDB stops working on it when the time is over (`maxTimeMS`)."""

ID_LENGTH_MAX: Final = 512
PAGE_MAX: Final = 100
_LABEL: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")


class Answer(BaseModel):
    """What an answer is made of: read-only, and only the fields it declares."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@contextmanager
def answered_within(seconds: float = READ_S_MAX) -> Iterator[None]:
    """Everything asked of MongoDB inside is over in this time. Raises `StoreUnavailable` when it is not."""
    try:
        with pymongo.timeout(seconds):
            yield
    except PyMongoError as failed:
        raise StoreUnavailable("The store did not answer in time; ask again in a moment.") from failed


def identifier(text: str) -> str:
    """The id, if it can be one. Raises `BadRequest`; control characters and lone surrogates are in no id we store."""
    if not 0 < len(text) <= ID_LENGTH_MAX or not text.isprintable():
        raise BadRequest(f"An id is 1 to {ID_LENGTH_MAX} printable characters.")
    return text


def page_size(limit: int) -> int:
    """The limit, if a page may be that long. Raises `BadRequest`."""
    if not 1 <= limit <= PAGE_MAX:
        raise BadRequest(f"limit is 1 to {PAGE_MAX}.")
    return limit


def label(text: object) -> str:
    """A name that a provider chose (an event's type), as far as it looks like a name; anything else is "(other)"."""
    return text if isinstance(text, str) and _LABEL.fullmatch(text) else "(other)"
