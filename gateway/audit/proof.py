"""The proof of the sealed chain: every seal follows the one before, every sealed record is what was sealed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.audit.chain import GENESIS, LINK_BYTES, link_of
from gateway.audit.findings import Broken, Findings
from gateway.audit.reading import Moment
from gateway.audit.records import Document, name_of


@dataclass(frozen=True, slots=True)
class Head:
    """The last sealed transaction and its link: what to keep elsewhere, as proof of everything up to it."""

    seq: int
    link: str


class _Ahead:
    """A stream of transactions with a look at the next one's number."""

    def __init__(self, stream: AsyncIterator[Document]) -> None:
        self._stream = stream
        self._next: Document | None = None
        self._ended = False

    async def next_seq(self) -> float:
        """Infinity when there is none."""
        if self._next is None and not self._ended:
            self._next = await anext(self._stream, None)
            self._ended = self._next is None
        return float("inf") if self._next is None else float(self._next["seq"])

    async def take(self) -> Document | None:
        await self.next_seq()
        taken, self._next = self._next, None
        return taken


async def check_chain(moment: Moment) -> tuple[Findings, Head | None]:
    """I12, with the head of the chain."""
    findings = Findings()
    transactions = _Ahead(moment.stream("transactions", {"seq": {"$type": "number"}}, order=[("seq", 1)]))
    previous, last_seq = GENESIS, 0
    async for document in moment.stream("seals", order=[("_id", 1)]):
        fault = _seal_fault(document, last_seq, previous)
        if fault:
            findings.checked("I12")
            findings.broken("I12", Broken("seals", name_of(document), fault))
            return findings, _head(last_seq, previous)
        await _check_block(document, transactions, findings)
        previous, last_seq = bytes(document["link"]), document["last_seq"]
    while (record := await transactions.take()) is not None:
        findings.checked("I12")
        _accuse(record, "was never sealed", findings)
    return findings, _head(last_seq, previous)


async def _check_block(document: Document, transactions: _Ahead, findings: Findings) -> None:
    """Each record by itself: the stored link of the one before is believed, so a change is blamed on its own record."""
    previous, misdated = bytes(document["previous"]), False
    for offset, key in enumerate(document["ids"]):
        seq = document["_id"] + offset
        link = document["links"][offset * LINK_BYTES : (offset + 1) * LINK_BYTES]
        findings.checked("I12")
        while (await transactions.next_seq()) < seq and (inserted := await transactions.take()) is not None:
            _accuse(inserted, "was inserted into what is sealed", findings)
        if await transactions.next_seq() > seq:
            findings.broken("I12", Broken("transactions", str(key), "was removed after it was sealed", seq))
        else:
            record = await transactions.take()
            if record is not None and link_of(previous, record) != link:
                _accuse(record, "was changed after it was sealed", findings)
            elif record is not None and record.get("at") != document.get("sealed_at"):
                misdated = True
        previous = link
    if misdated:
        findings.broken("I12", Broken("seals", name_of(document), "its time is not that of what it seals"))


def _accuse(record: Document, why: str, findings: Findings) -> None:
    findings.broken("I12", Broken("transactions", name_of(record), why, record.get("seq")))


def _seal_fault(document: Document, last_seq: int, previous: bytes) -> str | None:
    try:
        count = document["last_seq"] - document["_id"] + 1
        if document["_id"] != last_seq + 1:
            return f"it starts at seq {document['_id']}, the seal before ends at {last_seq}"
        if bytes(document["previous"]) != previous:
            return "it does not follow the seal before"
        if count < 1 or len(document["ids"]) != count or len(document["links"]) != count * LINK_BYTES:
            return "its links are not one per transaction"
        if bytes(document["links"][-LINK_BYTES:]) != bytes(document["link"]):
            return "its link is not that of its last transaction"
    except (KeyError, TypeError):
        return "cannot be read"
    return None


def _head(seq: int, link: bytes) -> Head | None:
    return Head(seq, link.hex()) if seq else None
