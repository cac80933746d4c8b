"""The sealed chain: behind the writer, each transaction is bound to all before it, so no record changes unnoticed.

    link = sha256(the link before ‖ canonical(transaction)),   the first one after 32 zero bytes

A seal holds the links of a block of transactions, with their ids: an edited, removed or inserted record is then named itself,
not only the place from which nothing fits any more. Seals have the first sequence number as `_id`, so of two sealers one
writes a block and the other finds it written: the chain cannot fork, and a crash leaves a block whole or absent.

The chain proves that nothing was changed since it was sealed, to whoever kept a link of it elsewhere: every audit reports
the head. Somebody who can rewrite the whole database can also rewrite the whole chain.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import orjson
from bson import Binary
from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from structlog import get_logger

from gateway.audit.reading import Database
from gateway.audit.records import Document
from gateway.clock import Clock, system_clock, utc

log = get_logger(__name__)

GENESIS: Final = bytes(32)
LINK_BYTES: Final = 32
BLOCK_MAX: Final = 500
"""Transactions of one seal: some 10 ms of work between two turns of the event loop, and a document of some 40 kB."""
SEAL_EVERY_S: Final = 2.0
"""How long transactions gather while fewer than a block of them wait."""
RETRY_S_MAX: Final = 30.0


def canonical(transaction: Document) -> bytes:
    """The same bytes for the same content: JSON with sorted names, times as RFC 3339; what JSON has no word for as its repr."""
    return orjson.dumps(transaction, default=repr, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def link_of(previous: bytes, transaction: Document) -> bytes:
    return hashlib.sha256(previous + canonical(transaction)).digest()


def links_of(previous: bytes, transactions: Sequence[Document]) -> list[bytes]:
    """The link of each, in order."""
    links = []
    for transaction in transactions:
        previous = link_of(previous, transaction)
        links.append(previous)
    return links


async def seal(database: Database, stop: asyncio.Event, *, clock: Clock = system_clock) -> None:
    """Seal what the writer has committed, until `stop` is set. MongoDB may go away meanwhile."""
    retry_s = SEAL_EVERY_S
    while not stop.is_set():
        pause_s = SEAL_EVERY_S
        try:
            if await seal_block(database, clock=clock) == BLOCK_MAX:
                pause_s = 0
            retry_s = SEAL_EVERY_S
        except ChainGap as gap:
            log.error("not_sealed", reason=str(gap))
            pause_s = RETRY_S_MAX
        except PyMongoError as failed:
            log.warning("not_sealed", error=type(failed).__name__, retry_s=retry_s)
            pause_s, retry_s = retry_s, min(retry_s * 2, RETRY_S_MAX)
        await _pause(stop, pause_s)


class ChainGap(Exception):
    """The transactions behind the last seal do not follow it: sealing them would hide that one is missing."""


async def seal_block(database: Database, *, clock: Clock = system_clock) -> int:
    """Seal the next block and answer how many transactions it holds; 0 when none wait. Raises `ChainGap`."""
    seals = database["seals"].with_options(
        write_concern=WriteConcern(w="majority", j=True), read_concern=ReadConcern("majority")
    )
    last = await seals.find_one({}, {"last_seq": 1, "link": 1}, sort=[("_id", -1)])
    first_seq, previous = (last["last_seq"] + 1, bytes(last["link"])) if last else (1, GENESIS)
    transactions = database["transactions"].with_options(read_concern=ReadConcern("majority"))
    block = await transactions.find({"seq": {"$gte": first_seq}}).sort("seq", 1).limit(BLOCK_MAX).to_list()
    if not block:
        return 0
    if [transaction["seq"] for transaction in block] != list(range(first_seq, first_seq + len(block))):
        raise ChainGap(f"seq {first_seq} to {first_seq + len(block) - 1} are not all there; run `gateway audit`")
    links = links_of(previous, block)
    document = {
        "_id": first_seq,
        "last_seq": first_seq + len(block) - 1,
        "previous": Binary(previous),
        "link": Binary(links[-1]),
        "links": Binary(b"".join(links)),
        "ids": [transaction["_id"] for transaction in block],
        "sealed_at": utc(clock()),
    }
    with suppress(DuplicateKeyError):  # another sealer was faster; the next block follows whatever it wrote
        await seals.insert_one(document)
    return len(block)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
