"""Pages of what is ordered by time, newest first: the cursor that gets the next one."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from bson.errors import InvalidId

from gateway.errors import BadRequest
from gateway.queries.reading import Document

_CURSOR: Final = re.compile(r"([0-9]{1,15})\.([A-Za-z0-9_-]{1,64})")


def timed_cursor(document: Document) -> str:
    """The cursor of a page that ends with this document; its `_id` breaks ties within a millisecond."""
    return f"{round(document['at'].timestamp() * 1_000)}.{document['_id']}"


def older_than(cursor: str, read_id: Callable[[str], Any]) -> Document:
    """The condition on what comes after the cursor's page. Raises `BadRequest` for a cursor that we never gave."""
    found = _CURSOR.fullmatch(cursor)
    try:
        if found:
            at, document_id = datetime.fromtimestamp(int(found[1]) / 1_000, UTC), read_id(found[2])
            return {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": document_id}}]}
    except (ValueError, OverflowError, OSError, InvalidId):
        pass
    raise BadRequest("This cursor was not given by the gateway; start again without one.")
