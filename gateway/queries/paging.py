"""Pages of what is ordered by its number in the ledger: the cursor that gets the next one."""

import base64
import binascii
import re
from typing import Final

from gateway.errors import BadRequest

_CURSOR: Final = re.compile(r"[A-Za-z0-9_-]{2,28}")
_SEQ: Final = re.compile(rb"[0-9]{1,18}")


def cursor_of(seq: int) -> str:
    """The cursor of a page that ends with this number."""
    return base64.urlsafe_b64encode(str(seq).encode()).decode().rstrip("=")


def seq_of(cursor: str) -> int:
    """Opaque to callers, checked by us: a cursor that we never gave is refused, not guessed at. Raises `BadRequest`."""
    try:
        if _CURSOR.fullmatch(cursor):
            decoded = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            if _SEQ.fullmatch(decoded):
                return int(decoded)
    except binascii.Error:
        pass
    raise BadRequest("This cursor was not given by the gateway; start again without one.")
