"""After the 202: stored events are folded into the books a batch at a time, and everything is written at once.

In two steps, so that a batch can be prepared while the one before it is being written: `prepare` reads and computes, on
top of what was prepared before it; `commit` writes. When a commit fails, everything prepared on top of it is void: the
caller says `start` and begins again with what is stored.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson import Timestamp
from bson.errors import BSONError
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError, WriteConcernError
from structlog import get_logger

from gateway.clock import Clock, utc
from gateway.encryption import Cipher
from gateway.errors import CannotDecrypt, LeaseLost
from gateway.events.at_rest import missing_key, plain_body
from gateway.events.event import NoMovement, Outcome, PaymentEvent
from gateway.events.normalise import normalise
from gateway.events.progress import Progress
from gateway.events.replay import replayed, was_decided
from gateway.events.retries import FAULT, failed_once_more
from gateway.events.standing import BACK_TO_THE_QUEUE, PARKED, RELEASED, awaiting
from gateway.events.standing import settled as ended
from gateway.ledger.books import Applied
from gateway.ledger.chain import ChainEnd, Seal
from gateway.ledger.store import LedgerStore, WriteRefused, ledger_writes
from gateway.ledger.writes import Writes
from gateway.monitoring.metrics import SETTLED
from gateway.pipeline.scoring import Scoring
from gateway.unhurried import unhurried
from gateway.value import value

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that is computed and not yet written."""

    writes: Sequence[Writes]
    end: ChainEnd
    outcomes: Mapping[Outcome, int]
    """How many events ended in each."""


@value(frozen=True, slots=True)
class _Settled:
    """What became of one stored event in this batch."""

    event_id: str
    outcome: Outcome
    reason: str
    awaits: str | None = None

    @property
    def is_fault(self) -> bool:
        return self.outcome is Outcome.PARKED and self.reason.startswith(FAULT)


class Processing:
    """`prepare` and `commit`, or both as `process`, by the holder of the lease alone."""

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        ledger: LedgerStore,
        *,
        cipher: Cipher,
        clock: Clock,
        scoring: Scoring | None,
    ) -> None:
        """Without `scoring` money moves and there are no insights."""
        self._events = database["events"]
        self._cipher = cipher
        self._ledger = ledger
        self._clock = clock
        self._scoring = scoring
        self._awaited: set[str] = set()
        self._end = ChainEnd(ledger.lease.next_seq)
        self._booked_at = 0.0

    async def start(self) -> None:
        """Believe nothing but what is stored. After acquiring the lease, and after a commit that failed."""
        self._ledger.forget()
        self._end = await self._ledger.chain_end()
        if self._scoring:
            await self._scoring.start(last_seq=self._end.next_seq - 1)
        self._booked_at = await self._ledger.last_booked_at()
        stages: list[dict[str, Any]] = [{"$match": PARKED}, {"$group": {"_id": "$awaits"}}]
        self._awaited = {row["_id"] async for row in await self._events.aggregate(stages) if row["_id"]}

    async def process(self, documents: Sequence[dict[str, Any]]) -> None:
        """Settle every event of the batch. Raises `LeaseLost`, and MongoDB's errors when it cannot be reached.

        A batch that MongoDB or our own code refuses is halved until the culprit stands alone; that one is parked for a person.
        """
        try:
            await self.commit(await self.prepare(documents))
        except Exception as failure:  # a fault with one event must not stop the events behind it
            if not is_about_content(failure):
                raise
            await self.start()
            await self._divide(documents, failure)

    async def _divide(self, documents: Sequence[dict[str, Any]], failure: Exception) -> None:
        if not documents:
            raise failure
        if len(documents) == 1:
            defect = str(failure) if isinstance(failure, WriteRefused) else type(failure).__name__
            log.error("event_parked_as_poison", event_id=documents[0]["_id"], error=defect)
            await self.commit(await self.prepare(documents, defect=defect))
            return
        middle = len(documents) // 2
        await self.process(documents[:middle])
        await self.process(documents[middle:])

    async def prepare(
        self, documents: Sequence[dict[str, Any]], *, progress: Progress | None = None, defect: str | None = None
    ) -> Prepared:
        """Fold the batch; `progress` is stored with it. With `defect` nothing is applied and the events are parked for that
        reason."""
        now = self._booking_time()
        readings = [_reading(document, self._cipher, defect) async for document in unhurried(documents)]
        books = await self._ledger.load(
            event for reading in readings if isinstance(reading, tuple) for event in reading
        )
        settled: list[_Settled] = []
        applied: list[tuple[PaymentEvent, Applied]] = []
        async for document, reading in unhurried(list(zip(documents, readings, strict=True))):
            if isinstance(reading, NoMovement):
                settled.append(_Settled(document["_id"], reading.outcome, reading.reason, reading.awaits))
                continue
            decided = was_decided(document)
            results = [(event, books.apply(event, decided_before=decided)) for event in reading]
            applied += [(event, result) for event, result in results if result.outcome is Outcome.APPLIED]
            settled.append(_summary(document["_id"], [result for _, result in results]))
        transactions = [result.transaction for _, result in applied if result.transaction]
        released = {document["_id"]: document for document in documents if document["queue"] == RELEASED}
        booked = await ledger_writes(books, transactions, first_seq=self._end.next_seq, now=now)
        seal = Seal(self._end)
        async for booking in unhurried(booked[-1].inserts):
            seal.add(booking)
        writes = [
            *booked,
            Writes("seals", inserts=seal.documents(utc(now))),
            *await self._insights(applied, seen_before=set(released), now=now),
            Writes(
                "events",
                updates=_outcomes(settled, released, [document["queue"] for document in documents], now),
                matches=len(settled),
            ),
            Writes("events", updates=self._releases(settled, books.changed_objects)),
            *_marks(progress),
        ]
        for write in writes:
            await write.encode()
        self._ledger.remember(books)
        self._end = seal.end
        return Prepared(writes, seal.end, Counter(each.outcome for each in settled))

    async def commit(self, prepared: Prepared) -> None:
        """Write it, all or nothing."""
        await self._ledger.atomic(prepared.writes, next_seq=prepared.end.next_seq)
        for outcome, events in prepared.outcomes.items():
            SETTLED.labels(outcome.value).inc(events)

    async def tell(self, progress: Progress) -> None:
        """Store how far the worker has come, as the holder of the lease. Nothing may be prepared and not yet committed."""
        await self._ledger.atomic(_marks(progress), next_seq=self._end.next_seq)

    async def _insights(
        self, applied: Sequence[tuple[PaymentEvent, Applied]], *, seen_before: set[str], now: float
    ) -> list[Writes]:
        if self._scoring is None:
            return []
        return await self._scoring.writes(applied, first_seq=self._end.next_seq, seen_before=seen_before, now=now)

    def _booking_time(self) -> float:
        """Now, but never before what is booked already: a past balance is found by time, so time must go with the sequence
        though the clock is set back, or the writer before this one had a fast one."""
        self._booked_at = max(self._booked_at, self._clock())
        return self._booked_at

    def _releases(self, settled: Sequence[_Settled], changed: set[str]) -> list[dict[str, Any]]:
        """Release parked events when what they wait for has changed."""
        self._awaited |= {each.awaits for each in settled if each.awaits}
        free = sorted(self._awaited & changed)
        if not free:
            return []
        self._awaited.difference_update(free)
        return [{"q": awaiting(free), "u": BACK_TO_THE_QUEUE, "multi": True}]


def _marks(progress: Progress | None) -> list[Writes]:
    return [Writes("marks", upserts=[progress.to_document()])] if progress else []


def _reading(document: dict[str, Any], cipher: Cipher, defect: str | None) -> tuple[PaymentEvent, ...] | NoMovement:
    """What the event says. One that does not open is parked, alone and at once, and comes back with the missing key."""
    if defect:
        return NoMovement(Outcome.PARKED, f"{FAULT}{defect}")
    try:
        body = plain_body(document, document["_id"], cipher)
    except CannotDecrypt as closed:
        log.error("event_parked_unread", event_id=document["_id"], key_id=document.get("body_key"))
        return NoMovement(Outcome.PARKED, f"{FAULT}{closed}", missing_key(document, cipher))
    return normalise({**document, "body": body})


def _summary(event_id: str, results: Sequence[Applied]) -> _Settled:
    """An event that reports several steps is parked while any of them is, else applied if any was."""
    for outcome in (Outcome.PARKED, Outcome.APPLIED):
        for result in results:
            if result.outcome is outcome:
                return _Settled(event_id, outcome, result.reason, result.awaits)
    return _Settled(event_id, results[0].outcome, results[0].reason)


def _outcomes(
    settled: Sequence[_Settled], released: Mapping[str, dict[str, Any]], places: Sequence[Timestamp], now: float
) -> list[dict[str, Any]]:
    """One update statement per distinct ending, not one per event; but each replay and each fault has its own. `places` in the
    queue of all of them."""
    alike: dict[tuple[Outcome, str, str | None, bool], list[str]] = defaultdict(list)
    statements: list[dict[str, Any]] = []
    for each in settled:
        back = released.get(each.event_id, {})
        if "replay" in back or each.is_fault:
            statements.append({"q": {"_id": each.event_id}, "u": _own_ending(each, back, now)})
        else:
            alike[each.outcome, each.reason, each.awaits, bool(back)].append(each.event_id)
    for (outcome, reason, awaits, was_released), event_ids in alike.items():
        fields = {"outcome": outcome.value, "reason": reason, "settled_at": utc(now)}
        if awaits:
            fields["awaits"] = awaits
        statements.append(
            {"q": _found(event_ids, places), "u": ended(fields, was_released=was_released), "multi": True}
        )
    return statements


def _found(event_ids: Sequence[str], places: Sequence[Timestamp]) -> dict[str, Any]:
    """How MongoDB finds these events of a batch: most of it by going along the queue, a few by their ids, which takes three times
    as long for each. Not by a hint: an index that is missing would be a fault of every event. Released ones all stand at one place,
    with how many others nobody knows. One that was released since it was claimed is not found, and its batch is refused."""
    ids = {"_id": {"$in": event_ids}}
    if places[-1] == RELEASED:
        return ids
    if len(event_ids) * 2 < len(places):
        return {**ids, "$expr": {"$ne": ["$queue", RELEASED]}}
    return {"queue": {"$gte": min(places), "$lte": max(places)}, **ids}


def _own_ending(each: _Settled, back: dict[str, Any], now: float) -> dict[str, Any]:
    """The update of one event that is replayed, or failed: it may be tried again."""
    ending: dict[str, Any] = {"outcome": each.outcome.value, "reason": each.reason, "settled_at": utc(now)}
    if each.awaits:
        ending["awaits"] = each.awaits
    elif each.is_fault:
        ending |= failed_once_more(back.get("tries", 0), now)
    return replayed(back, ending, now) if "replay" in back else ended(ending, was_released=bool(back))


def is_about_content(failure: Exception) -> bool:
    """Whether halving the batch can find a culprit; else MongoDB could not be reached, or the lease is gone."""
    if isinstance(failure, LeaseLost | WriteConcernError):  # the latter: written, but not known to be durable
        return False
    if isinstance(failure, OperationFailure):
        return not failure.has_error_label("TransientTransactionError") and failure.code not in _OUTAGES
    return isinstance(failure, BSONError) or not isinstance(failure, PyMongoError)


_OUTAGES: Final = frozenset({13, 18, 20, 50, 91, 189, 262, 10107, 11600, 11602, 13435, 13436})
"""Codes that speak of the server or of us rather than of a document: credentials, no transactions, time limits, shutdown."""
