"""The story in two halves: `Reception.receive` before the 202, `Processing.process` after it.

    receive   delivery → verified → identified → stored durably              (web processes, one event at a time)
    process   stored events → payment events → transactions → insights       (the worker, a batch at a time)

Everything a batch causes is written in one database transaction with the outcomes of its events: after a crash an event is
either waiting, or done with all its effects.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson.errors import BSONError
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError
from structlog import get_logger

from gateway.analysis.assessment import Assessment, assess
from gateway.analysis.features import Movement, features
from gateway.analysis.profile import Direction, Profile
from gateway.clock import Clock, utc
from gateway.errors import Conflict, LeaseLost, StoreUnavailable, UnknownSource
from gateway.events.event import NoMovement, Outcome, PaymentEvent, event_document
from gateway.events.normalise import normalise
from gateway.events.store import Appended, EventStore
from gateway.ingress.delivery import Delivery, VerifiedDelivery
from gateway.ingress.endpoint import Limiter, Receipt
from gateway.ingress.identity import Identity, identify
from gateway.ingress.providers.sources import Source
from gateway.ingress.verify import Window, verify
from gateway.insights.insight import build_insight
from gateway.ledger.books import Applied
from gateway.ledger.store import LedgerStore, WriteRefused, Writes, ledger_writes
from gateway.ledger.transaction import Transaction
from gateway.monitoring.metrics import SETTLED
from gateway.recent import Recent

log = get_logger(__name__)

WAIT_POLL_S: Final = 0.05
PROFILES_MAX: Final = 20_000
"""Wallets whose profile the worker keeps in memory."""


class Reception:
    """Before the 202: prove, name, store."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        store: EventStore,
        incidents: "Incidents",
        *,
        limits: Limiter,
        window: Window,
    ) -> None:
        self._sources = sources
        self._store = store
        self._incidents = incidents
        self._limits = limits
        self._window = window

    async def receive(self, delivery: Delivery) -> Receipt:
        """The event is durable when this returns. Raises the refusals of `verify` and `identify`, `Conflict`, `Limited`
        and `StoreUnavailable`."""
        source = self._sources.get(delivery.source)
        if source is None:
            raise UnknownSource("There is no open source of this name.")
        verified = verify(delivery, source, self._window)
        self._limits.hit("webhooks", source.name)
        identity = identify(verified, source.scheme)
        appended = await self._store.append(event_document(verified, identity, source.scheme.name))
        if appended.created:
            return Receipt(True, identity.event_id, identity.tx_id, {})
        if appended.fingerprint != identity.fingerprint:
            await self._incidents.note_conflict(verified, identity, appended)
            raise Conflict("This id was used before with other content; nothing was changed.")
        return Receipt(False, identity.event_id, identity.tx_id, _state(appended))

    async def outcome_of(self, event_id: str, wait_s: float) -> Mapping[str, Any]:
        """The event's outcome, waiting for it at most `wait_s`; nothing when the store cannot say: the event is durable."""
        deadline = asyncio.get_running_loop().time() + wait_s
        try:
            while True:
                found = await self._store.state_of(event_id)
                if (found and found.outcome) or asyncio.get_running_loop().time() >= deadline:
                    return {**_state(found), **await self._store.insight_of(event_id)} if found else {}
                await asyncio.sleep(WAIT_POLL_S)
        except StoreUnavailable:
            return {}


class Incidents:
    """Deliveries that a secret vouched for and that contradict what is stored: kept whole, never applied."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._incidents = database["incidents"]

    async def note_conflict(self, verified: VerifiedDelivery, identity: Identity, standing: Appended) -> None:
        """Raises `StoreUnavailable`: a conflict that is not on record is not answered as one."""
        incident = {
            "at": utc(verified.delivery.received_at),
            "kind": "conflict",
            "event_id": identity.event_id,
            "source": verified.delivery.source,
            "fingerprint_stored": standing.fingerprint,
            "fingerprint_seen": identity.fingerprint,
            "remote": verified.delivery.remote,
            "body": verified.payload,
        }
        try:
            await self._incidents.insert_one(incident)
        except PyMongoError as failure:
            raise StoreUnavailable("The store did not answer in time; send it again.") from failure


def _state(appended: Appended) -> dict[str, Any]:
    state: dict[str, Any] = {"outcome": appended.outcome or "waiting"}
    if appended.reason:
        state["reason"] = appended.reason
    return state


@dataclass(slots=True)
class _Settled:
    """What became of one stored event in this batch."""

    event_id: str
    outcome: Outcome
    reason: str
    awaits: str | None = None


class Processing:
    """After the 202: fold a batch of stored events into the books and write everything at once."""

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        ledger: LedgerStore,
        *,
        clock: Clock,
        narrate_from_score: int,
        model_configured: bool,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._narrate_from_score = narrate_from_score
        self._model_configured = model_configured
        self._awaited: set[str] = set()
        self._profiles: Recent[Profile] = Recent(PROFILES_MAX)

    async def start(self) -> None:
        """Learn what parked events wait for, forget all else. Once after each acquiring of the lease."""
        self._forget()
        self._awaited = set(await self._database["events"].distinct("awaits", {"awaits": {"$exists": True}}))

    async def process(self, documents: Sequence[dict[str, Any]]) -> None:
        """Settle every event of the batch. Raises `LeaseLost`, and MongoDB's errors when it cannot be reached.

        A batch that MongoDB refuses is halved until the culprit stands alone; that one is parked for a person.
        """
        try:
            await self._settle(documents, defect=None)
        except Exception as failure:  # a fault in our own code for one event must not stop the events behind it
            self._forget()
            if isinstance(failure, LeaseLost | PyMongoError) and not _is_about_content(failure):
                raise
            await self._divide(documents, failure)

    def _forget(self) -> None:
        """Nothing in memory may be believed after a write that may or may not have happened."""
        self._ledger.forget()
        self._profiles.forget()

    async def _divide(self, documents: Sequence[dict[str, Any]], failure: Exception) -> None:
        if len(documents) == 1:
            defect = type(failure).__name__ if not isinstance(failure, WriteRefused) else str(failure)
            log.error("event_parked_as_poison", event_id=documents[0]["_id"], error=defect)
            await self._settle(documents, defect=defect)
            return
        middle = len(documents) // 2
        await self.process(documents[:middle])
        await self.process(documents[middle:])

    async def _settle(self, documents: Sequence[dict[str, Any]], *, defect: str | None) -> None:
        now = self._clock()
        readings = [_reading(document, defect) for document in documents]
        movements = [event for reading in readings if isinstance(reading, tuple) for event in reading]
        books = await self._ledger.load(movements)
        settled: list[_Settled] = []
        applied: list[tuple[PaymentEvent, Applied]] = []
        for document, reading in zip(documents, readings, strict=True):
            if isinstance(reading, NoMovement):
                settled.append(_Settled(document["_id"], reading.outcome, reading.reason))
                continue
            results = [(event, books.apply(event)) for event in reading]
            applied += [(event, result) for event, result in results if result.outcome is Outcome.APPLIED]
            settled.append(_summary(document["_id"], [result for _, result in results]))
        transactions = [result.transaction for _, result in applied if result.transaction]
        insights = await self._assess(applied, now)
        await self._ledger.atomic(
            [
                *ledger_writes(books, transactions, first_seq=self._ledger.lease.next_seq, now=now),
                *insights,
                Writes("events", updates=[*_outcomes(settled, now), *self._releases(settled, books.changed_objects)]),
            ],
            transactions=len(transactions),
        )
        self._ledger.remember(books)
        for each in settled:
            SETTLED.labels(each.outcome.value).inc()
        self._awaited |= {each.awaits for each in settled if each.awaits}
        self._awaited -= books.changed_objects

    def _releases(self, settled: Sequence[_Settled], changed: set[str]) -> list[dict[str, Any]]:
        """Send parked events back to the front of the queue when what they wait for has changed."""
        awaited = self._awaited | {each.awaits for each in settled if each.awaits}
        free = sorted(awaited & changed)
        if not free:
            return []
        back = {"$set": {"queue": 0}, "$unset": {"awaits": "", "outcome": "", "reason": "", "settled_at": ""}}
        return [{"q": {"awaits": {"$in": free}}, "u": back, "multi": True}]

    async def _assess(self, applied: Sequence[tuple[PaymentEvent, Applied]], now: float) -> list[Writes]:
        """One insight per applied event, and the profiles that learned from it."""
        movements = [(result, _movement(event, result)) for event, result in applied]
        profiles, unknown = self._profiles.known({movement.profile_id for _, movement in movements if movement})
        if unknown:
            async for stored in self._database["profiles"].find({"_id": {"$in": unknown}}):
                profiles[stored["_id"]] = Profile.from_document(stored)
        insights: dict[str, dict[str, Any]] = {}
        learned: dict[str, Profile] = {}
        for result, movement in movements:
            transaction = result.transaction
            if transaction is None or movement is None or transaction.event_id in insights:
                continue
            profile = profiles.setdefault(movement.profile_id, Profile(movement.profile_id))
            assessment = _assessment(movement, profile, learn=bool(transaction.legs))
            if transaction.legs:
                learned[movement.profile_id] = profile
            insights[transaction.event_id] = build_insight(
                movement,
                assessment,
                transaction=transaction.key,
                narrate_from_score=self._narrate_from_score,
                model_configured=self._model_configured,
                now=now,
            )
        self._profiles.remember(profiles)
        return [
            Writes("insights", replacements=list(insights.values())),
            Writes("profiles", replacements=[profile.to_document() for profile in learned.values()]),
        ]


def _reading(document: dict[str, Any], defect: str | None) -> tuple[PaymentEvent, ...] | NoMovement:
    return NoMovement(Outcome.PARKED, f"fault: {defect}") if defect else normalise(document)


def _summary(event_id: str, results: Sequence[Applied]) -> _Settled:
    """An event that reports several steps is parked while any of them is, else applied if any was."""
    for outcome in (Outcome.PARKED, Outcome.APPLIED):
        for result in results:
            if result.outcome is outcome:
                return _Settled(event_id, outcome, result.reason, result.awaits)
    return _Settled(event_id, results[0].outcome, results[0].reason)


def _outcomes(settled: Sequence[_Settled], now: float) -> list[dict[str, Any]]:
    """One update statement per distinct ending, not one per event."""
    alike: dict[tuple[Outcome, str, str | None], list[str]] = defaultdict(list)
    for each in settled:
        alike[each.outcome, each.reason, each.awaits].append(each.event_id)
    statements = []
    for (outcome, reason, awaits), event_ids in alike.items():
        fields = {"outcome": outcome.value, "reason": reason, "settled_at": utc(now)}
        if awaits:
            fields["awaits"] = awaits
        statements.append(
            {"q": {"_id": {"$in": event_ids}}, "u": {"$set": fields, "$unset": {"queue": ""}}, "multi": True}
        )
    return statements


def _movement(event: PaymentEvent, result: Applied) -> Movement | None:
    """What the analysis looks at; None for what carries no amount."""
    transaction = result.transaction
    if transaction is None or transaction.amount_minor <= 0:
        return None
    return Movement(
        event_id=event.event_id,
        source=event.source,
        kind=transaction.effect if transaction.legs else f"{event.kind} {event.step}",
        wallet=result.wallet or "",
        counterparty=event.counterparty,
        currency=transaction.currency,
        amount_minor=transaction.amount_minor,
        direction=_direction(transaction),
        occurred_at=event.occurred_at,
    )


def _direction(transaction: Transaction) -> Direction:
    """In when the scored wallet's own side grew."""
    own_side = sum(leg.amount_minor for leg in transaction.legs if not leg.account.startswith("clearing:"))
    sender_side = transaction.effect == "transfer" or transaction.effect in _OUTWARD
    return "out" if sender_side or own_side < 0 else "in"


_OUTWARD: Final = frozenset({"payout_requested", "dispute_opened"})


def _assessment(movement: Movement, profile: Profile, *, learn: bool) -> Assessment | None:
    """The score, from the past only; then the profile learns. A fault here leaves the event applied and unscored."""
    try:
        assessment = assess(features(movement, profile))
        if learn:
            profile.absorb(
                amount_minor=movement.amount_minor,
                direction=movement.direction,
                counterparty=movement.counterparty,
                occurred_at=movement.occurred_at,
            )
    except Exception as fault:  # money never depends on the analysis; the insight says that it is unscored
        log.error("not_scored", event_id=movement.event_id, error=type(fault).__name__)
        return None
    return assessment


def _is_about_content(failure: Exception) -> bool:
    """Whether halving the batch can find a culprit: MongoDB answered and refused, rather than could not be reached."""
    if isinstance(failure, OperationFailure):
        return not failure.has_error_label("TransientTransactionError") and failure.code not in _OUTAGES
    return isinstance(failure, BSONError)


_OUTAGES: Final = frozenset({50, 91, 189, 10107, 11600, 11602, 13435, 13436, 262, 18, 13})
"""Codes that speak of the server or of us rather than of a document: time limits, shutdown, not primary, authentication."""
