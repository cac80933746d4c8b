"""The links of the sealed chain, computed anew from what is stored (see gateway/ledger/chain.py for what they mean).

    link = sha256(the link before ‖ canonical(transaction)),   the first one after 32 zero bytes

Written apart from the writer's, as everything here: a mistake in one of the two shows as a chain that does not verify.
"""

import hashlib
from typing import Final

import orjson

from gateway.audit.records import Document

GENESIS: Final = bytes(32)
LINK_BYTES: Final = 32


def canonical(transaction: Document) -> bytes:
    """The same bytes for the same content: JSON with sorted names, times as RFC 3339; what JSON has no word for as its repr."""
    return orjson.dumps(transaction, default=repr, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def link_of(previous: bytes, transaction: Document) -> bytes:
    return hashlib.sha256(previous + canonical(transaction)).digest()
