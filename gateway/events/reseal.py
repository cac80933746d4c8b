"""Everything that is kept at rest, sealed again under the present key, while the gateway runs and goes on accepting.

Nothing else remembers how far it came: what is still under another key is found by going through the collections in the order
of `_id` (an index on `body_key` would cost every accepted event something), so it can be ended at any time and begun again. A
record is changed only if it is still as it was read. Because new events come in anywhere in that order, and for a moment from
processes that still seal under the old key, passes are repeated until one finds nothing to do.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from pymongo import ASCENDING, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from gateway.encryption import REFRESH_S, Cipher
from gateway.errors import CannotDecrypt
from gateway.events.at_rest import of_incident, plain_body, sealed_body
from gateway.ingress.providers.stored import reseal_sources

Document = dict[str, Any]

PAGE: Final = 2_000
"""Records looked at by one query, without their bodies."""
BATCH: Final = 100
BATCH_BYTES_MAX: Final = 4_000_000
"""One write: at most so many records, and not many more bytes than this."""
PASSES_MAX: Final = 10
"""A pass that still finds something after so many means a process that does not know the present key."""
UNOPENED_NAMED_MAX: Final = 20
_SOURCES_TRIES: Final = 3
"""A source that was changed between the reading and the writing is tried again."""

_BOUND_TO: Final[Mapping[str, Callable[[Document], str]]] = {
    "events": lambda event: str(event["_id"]),
    "incidents": lambda incident: of_incident(str(incident["event_id"])),
}


@dataclass(slots=True)
class Resealed:
    """What was done. `finished`: everything that opens is under the present key, and the last pass found nothing to change."""

    looked_at: int = 0
    """In the pass that is going on, or was the last."""
    sealed: int = 0
    finished: bool = False
    unopened: dict[str, str] = field(default_factory=dict)
    """Records that stay as they are, and why; the first `UNOPENED_NAMED_MAX` of `unopened_count`."""
    unopened_count: int = 0
    keys_in_use: set[str] = field(default_factory=set)
    """Of everything that is stored, as the last pass saw it."""


async def reseal(
    database: AsyncDatabase[Document], cipher: Cipher, *, tell: Callable[[Resealed], None], pause_s: float = REFRESH_S
) -> Resealed:
    """Passes with pauses of `pause_s` until one finds nothing to do. `tell` hears of the progress after every page.

    Raises MongoDB's errors; what was done until then stays done.
    """
    so_far = Resealed()
    for number in range(PASSES_MAX):
        if number:
            await asyncio.sleep(pause_s)
        so_far.looked_at, so_far.unopened_count, so_far.unopened, so_far.keys_in_use = 0, 0, {}, {cipher.key_id}
        found = await _reseal_sources(database, cipher, so_far)
        for name, bound_to in _BOUND_TO.items():
            one = _Pass(database[name], bound_to, cipher, so_far, tell)
            await one.run()
            found += one.found
        if not found:
            so_far.finished = not so_far.unopened_count
            break
    return so_far


class _Pass:
    """Once through one collection."""

    def __init__(
        self,
        collection: AsyncCollection[Document],
        bound_to: Callable[[Document], str],
        cipher: Cipher,
        so_far: Resealed,
        tell: Callable[[Resealed], None],
    ) -> None:
        self._collection = collection
        self._bound_to = bound_to
        self._cipher = cipher
        self._so_far = so_far
        self._tell = tell
        self.found = 0
        """Records that had to be sealed again."""

    async def run(self) -> None:
        last: Any = None
        while page := await self._page(last):
            last = page[-1]["_id"]
            stale = [each["_id"] for each in page if self._is_stale(each)]
            for ids in _batches(stale, BATCH):
                await self._reseal(ids)
            self._so_far.looked_at += len(page)
            self._tell(self._so_far)

    async def _page(self, last: Any) -> list[Document]:
        after = {} if last is None else {"_id": {"$gt": last}}
        fields = {"body_key": 1, "body_removed_at": 1}
        return await self._collection.find(after, fields).sort("_id", ASCENDING).limit(PAGE).to_list()

    def _is_stale(self, document: Document) -> bool:
        return document.get("body_key") != self._cipher.key_id and "body_removed_at" not in document

    async def _reseal(self, ids: Sequence[Any]) -> None:
        """With pauses as long as the work: whoever pays or is paid comes first."""
        changes: list[UpdateOne] = []
        size, began = 0, monotonic()
        fields = {"body": 1, "body_key": 1, "body_removed_at": 1, "event_id": 1}
        async for document in self._collection.find({"_id": {"$in": list(ids)}}, fields):
            change = self._change(document) if self._is_stale(document) else None
            if change is not None:
                changes.append(change)
                size += len(document["body"])
            if size > BATCH_BYTES_MAX:
                await self._write(changes)
                changes, size = [], 0
        await self._write(changes)
        await asyncio.sleep(monotonic() - began)

    def _change(self, document: Document) -> UpdateOne | None:
        bound_to = self._bound_to(document)
        try:
            plain = plain_body(document, bound_to, self._cipher)
        except CannotDecrypt as closed:
            _note_unopened(self._so_far, f"{self._collection.name} {document['_id']}", str(closed))
            self._so_far.keys_in_use |= {document["body_key"]} if "body_key" in document else set()
            return None
        as_read = {
            "_id": document["_id"],
            "body_key": document.get("body_key"),  # null: there is none
            "body_removed_at": None,
        }
        return UpdateOne(as_read, {"$set": sealed_body(plain, bound_to, self._cipher)})

    async def _write(self, changes: Sequence[UpdateOne]) -> None:
        if changes:
            self.found += len(changes)
            self._so_far.sealed += (await self._collection.bulk_write(changes, ordered=False)).modified_count


async def _reseal_sources(database: AsyncDatabase[Document], cipher: Cipher, so_far: Resealed) -> int:
    """The secrets of the stored sources, few as they are; how many keys had to be got rid of."""
    before = await _keys_of_sources(database)
    for _ in range(_SOURCES_TRIES):
        if not await reseal_sources(database, cipher):
            break
    after = await _keys_of_sources(database)
    so_far.keys_in_use |= after
    for key_id in after - {cipher.key_id}:
        _note_unopened(so_far, f"sources under {key_id}", "The key is missing, or the source is being changed.")
    return len(before - after)


async def _keys_of_sources(database: AsyncDatabase[Document]) -> set[str]:
    return set(await database["sources"].distinct("secrets.sealed_with"))


def _note_unopened(so_far: Resealed, record: str, why: str) -> None:
    so_far.unopened_count += 1
    if len(so_far.unopened) < UNOPENED_NAMED_MAX:
        so_far.unopened[record] = why


def _batches(ids: Iterable[Any], size: int) -> Iterator[list[Any]]:
    listed = list(ids)
    return (listed[start : start + size] for start in range(0, len(listed), size))
