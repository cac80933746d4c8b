"""The sealed chain: every batch binds its transactions to all before them, so no record changes unnoticed.

    link = sha256(the link before ‖ canonical(transaction)),   the first one after 32 zero bytes

A seal holds the links of a batch with the ids of its transactions: an edited, removed or inserted record is then named
itself, not only the place from which nothing fits any more. It is written in the transaction that books the batch, so
nothing is ever stored unsealed, and the lease that admits one writer keeps the chain from forking.

The chain proves that nothing was changed since to whoever kept a link of it elsewhere: every audit reports the head.
Somebody who can rewrite the whole database can also rewrite the whole chain.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
from bson import Binary

GENESIS: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """What the next transaction follows: its number, and the link before it."""

    next_seq: int
    link: bytes = GENESIS


@dataclass(slots=True)
class Seal:
    """The seal of one batch, growing by a transaction at a time."""

    before: ChainEnd
    ids: list[str] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)

    def add(self, transaction: Mapping[str, Any]) -> None:
        """The document as it will be stored, in the order of `seq`."""
        self.ids.append(transaction["_id"])
        self.links.append(link_of(self._link, transaction))

    @property
    def end(self) -> ChainEnd:
        return ChainEnd(self.before.next_seq + len(self.ids), self._link)

    @property
    def _link(self) -> bytes:
        return self.links[-1] if self.links else self.before.link

    def documents(self, now: datetime) -> Sequence[dict[str, Any]]:
        """The one to be stored, named by its first number; none for a batch that booked nothing."""
        if not self.ids:
            return ()
        return (
            {
                "_id": self.before.next_seq,
                "last_seq": self.end.next_seq - 1,
                "previous": Binary(self.before.link),
                "link": Binary(self.end.link),
                "links": Binary(b"".join(self.links)),
                "ids": self.ids,
                "sealed_at": now,
            },
        )


def link_of(previous: bytes, transaction: Mapping[str, Any]) -> bytes:
    """The same for the same content, whatever its order: names sorted, times as RFC 3339."""
    canonical = orjson.dumps(transaction, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    return hashlib.sha256(previous + canonical).digest()
