"""What a batch writes, as the database commands of one transaction: encoded before it begins, so that it waits for nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from bson import decode, encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from gateway.unhurried import unhurried

Item = TypeVar("Item")
Document = dict[str, Any]
Encoded = Mapping[str, Any]
"""A document, or its BSON."""

REPLACED_AT_ONCE: Final = 100
"""Documents that one statement replaces. Each looks for itself in the list of all, and each statement costs as much as some."""
_ENCODED_AT_ONCE: Final = 50
"""Documents that are encoded without a pause, in about half a millisecond."""
_RAW: Final = CodecOptions(document_class=RawBSONDocument)


@dataclass(slots=True)
class Writes:
    """What one collection gets in a batch: new documents, whole documents by `_id`, and update statements. All of them its own."""

    collection: str
    inserts: Sequence[Document] = ()
    replacements: Sequence[Document] = ()
    """Of documents that exist, whole; one that does not exist is a refusal."""
    upserts: Sequence[Document] = ()
    updates: Sequence[Document] = ()
    matches: int | None = None
    """How many documents upserts and updates must find together, where that is known; else the batch is refused."""
    _encoded: "Sequence[Command] | None" = field(default=None, init=False)

    async def encode(self) -> None:
        """Ahead of the transaction, a piece at a time; what is not is encoded as it is sent. Raises what BSON raises of a value
        that it cannot hold."""
        self._encoded = [await command.encoded() for command in self.commands()]

    def commands(self) -> "Sequence[Command]":
        return self._encoded if self._encoded is not None else list(self._commands())

    def _commands(self) -> "Iterator[Command]":
        if self.inserts:
            yield Command("insert", self.collection, self.inserts, None)
        if self.replacements:
            pieces = _pieces(self.replacements, REPLACED_AT_ONCE)
            yield Command("update", self.collection, [_replaced(piece) for piece in pieces], len(self.replacements))
        upserts = [{"q": {"_id": new["_id"]}, "u": new, "upsert": True} for new in self.upserts]
        if upserts or self.updates:
            yield Command("update", self.collection, [*upserts, *self.updates], self.matches)


@dataclass(frozen=True, slots=True)
class Command:
    """An insert with its documents, or an update with its statements; `matches` is how many documents it must find, where that is
    known."""

    name: str
    collection: str
    items: Sequence[Encoded]
    matches: int | None

    def body(self) -> dict[str, Any]:
        return {self.name: self.collection, "documents" if self.name == "insert" else "updates": self.items}

    async def encoded(self) -> "Command":
        at_once = _ENCODED_AT_ONCE if self.name == "insert" else 1
        raw = [each async for piece in unhurried(_pieces(self.items, at_once)) for each in _raw(piece)]
        return Command(self.name, self.collection, raw, self.matches)


def _replaced(documents: Sequence[Document]) -> Document:
    """One statement that makes each of these documents what it is here. Each finds itself in the list by its `_id`, and MongoDB
    writes only what differs, and looks at no index of what does not. A statement for each of them takes a quarter longer, as
    `$set` of every field too: most of it is spent on the statement."""
    ids = [document["_id"] for document in documents]
    own = {"$arrayElemAt": [{"$literal": documents}, {"$indexOfArray": [{"$literal": ids}, "$_id"]}]}
    return {"q": {"_id": {"$in": ids}}, "u": [{"$replaceWith": own}], "multi": True}


def _pieces(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _raw(items: Sequence[Encoded]) -> list[RawBSONDocument]:
    """Encoded all at once: half the cost of one by one."""
    encoded: list[RawBSONDocument] = decode(encode({"items": items}), _RAW)["items"]
    return encoded
