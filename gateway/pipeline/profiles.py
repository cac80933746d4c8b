"""What is learned of wallets and counterparties, as it is after the last transaction, though it is written only now and then.

A profile is some kilobytes and changes with every movement; writing each one with each batch was a fifth of all that a batch
costs. So a batch writes the few that have waited longest, and with them `floor`: every transaction up to that number is in
what is stored. A new writer reads on from there. Each state knows the number it has learned up to, so none learns twice,
and the states are the same whatever the batches and whoever wrote them.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from itertools import takewhile
from time import monotonic
from typing import Any, Final, Generic, Protocol, TypeVar

from pymongo import ReplaceOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError
from structlog import get_logger

from gateway.analysis.counterparty import Counterparty, counterparty_id
from gateway.analysis.profile import Direction, Learned, Profile
from gateway.events.store import DUPLICATE_KEY
from gateway.insights.insight import CHARGEBACK, FIRST_MET, SUSPICIOUS, UNSCORED
from gateway.ledger.writes import Writes
from gateway.recent import Recent

log = get_logger(__name__)

PROFILES_MAX: Final = 20_000
"""States of a kind kept in memory besides those that wait to be written."""
WRITTEN_MIN: Final = 5
"""States of a kind that each batch writes, the longest waiting first: with little traffic that is all of them."""
WAITING_MAX: Final = 10_000
"""States of a kind that may wait; the busiest have some eight kilobytes."""
MARKED_EVERY: Final = 1_000
"""Transactions between two marks of a kind of which nothing waits, since none of them concerned it."""
BEHIND_MAX: Final = 20_000
"""Transactions for which a state may wait, and which a new writer has to read again: some two or three seconds' work. The busiest
states are written once in that many, however often they learn; with 5,000, a thousand wallets cost each event half a write."""
SPILLED_FROM: Final = 5_000
"""States of a kind that may wait while a new writer learns again."""
PROGRESS_S: Final = 5.0
_READ_AT_ONCE: Final = 500
_OUTWARD: Final = frozenset({"transfer", "payout_requested", "dispute_opened"})


class _Learning(Protocol):
    id: str
    seq: int
    stored: bool

    def to_document(self) -> dict[str, Any]: ...


State = TypeVar("State", bound=_Learning)


class Kept(Generic[State]):
    """The states of one kind, in the collection of its name."""

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        name: str,
        *,
        new: Callable[[str], State],
        read: Callable[[Mapping[str, Any]], State],
    ) -> None:
        self._database = database
        self._name = name
        self._new = new
        self._read = read
        self._recent: Recent[State] = Recent(PROFILES_MAX)
        self._waiting: dict[str, tuple[State, int]] = {}
        """What has learned since it was written, with the number of the first transaction that is not; in that order."""
        self._floor = 0

    async def forget(self) -> int:
        """Believe what is stored; the number up to which that is complete."""
        self._recent.forget()
        self._waiting.clear()
        mark = await self._database["marks"].find_one({"_id": self._name})
        self._floor = int(mark["floor"]) if mark else 0
        return self._floor

    async def load(self, ids: set[str]) -> dict[str, State]:
        """Those with these ids; a new one for each that is not known."""
        waiting = {each: self._waiting[each][0] for each in ids if each in self._waiting}
        states, unknown = self._recent.known(ids - waiting.keys())
        if unknown:
            async for stored in self._database[self._name].find({"_id": {"$in": unknown}}):
                states[stored["_id"]] = self._read(stored)
            self._recent.remember(states)
        states |= waiting
        return states | {each: self._new(each) for each in ids - states.keys()}

    def learned(self, state: State, seq: int) -> None:
        """The state has absorbed the transaction with this number."""
        state.seq = seq
        if state.id not in self._waiting:
            self._waiting[state.id] = (state, seq)

    async def spill(self) -> None:
        """Write what waits while much is learned again, a whole past say, so that memory stays bounded. The floor stays: each
        state knows its number. One that another writer has brought further meanwhile is left as it is."""
        if len(self._waiting) < SPILLED_FROM:
            return
        waiting = [state for state, _ in self._waiting.values()]
        older = [
            ReplaceOne({"_id": state.id, "seq": {"$lt": state.seq}}, state.to_document(), upsert=True)
            for state in waiting
        ]
        try:
            await self._database[self._name].bulk_write(older, ordered=False)
        except BulkWriteError as refused:
            if any(each["code"] != DUPLICATE_KEY for each in refused.details["writeErrors"]):
                raise
        for state in waiting:
            state.stored = True
        self._waiting.clear()
        self._recent.remember({state.id: state for state in waiting})

    def writes(self, last_seq: int) -> tuple[Writes, dict[str, Any]] | None:
        """What a batch that ends with `last_seq` writes of them, and their mark; None while nothing waits."""
        count = max(WRITTEN_MIN, len(self._waiting) - WAITING_MAX)
        waiting = enumerate(self._waiting.values())
        late = takewhile(lambda each: each[0] < count or each[1][1] <= last_seq - BEHIND_MAX, waiting)
        due = [state for _, (state, _) in late]
        if not due and (self._waiting or last_seq < self._floor + MARKED_EVERY):
            return None
        writes = Writes(
            self._name,
            inserts=[state.to_document() for state in due if not state.stored],
            replacements=[state.to_document() for state in due if state.stored],
        )
        for state in due:
            del self._waiting[state.id]
            state.stored = True
        self._recent.remember({state.id: state for state in due})
        first_waiting = next((first for _, first in self._waiting.values()), last_seq + 1)
        self._floor = first_waiting - 1
        return writes, {"_id": self._name, "floor": self._floor}


class Profiles:
    """The writer's own. After a commit that failed nothing in memory is true any more: `start` again."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self.wallets = Kept(database, "profiles", new=Profile, read=Profile.from_document)
        self.counterparties = Kept(database, "counterparties", new=Counterparty, read=Counterparty.from_document)

    async def start(self, *, last_seq: int) -> None:
        """Read what is stored, and learn again what was booked since: up to `last_seq`."""
        floor = min(await self.wallets.forget(), await self.counterparties.forget())
        began = told = monotonic()
        async for transactions in self._since(floor, last_seq):
            await self._learn_again(transactions)
            await self.wallets.spill()
            await self.counterparties.spill()
            if transactions and monotonic() - told > PROGRESS_S:
                told = monotonic()
                log.info("learning_again", up_to=transactions[-1]["seq"], of=last_seq)
        if last_seq > floor:
            log.info("learned_again", transactions=last_seq - floor, of=last_seq, seconds=round(monotonic() - began, 2))

    async def load(self, profile_ids: set[str]) -> dict[str, Profile]:
        """The profiles of these wallets; a new one for each that has none."""
        return await self.wallets.load(profile_ids)

    def learn(
        self,
        profile: Profile,
        counterparty: Counterparty | None,
        learned: Learned,
        *,
        amount_minor: int,
        at_s: float,
        seq: int,
    ) -> None:
        """The profile has absorbed a movement of the transaction `seq`; its counterparty follows."""
        self.wallets.learned(profile, seq)
        if counterparty is not None:
            counterparty.absorb(
                amount_minor=amount_minor, occurred_at=at_s, new=learned.new, suspicious=learned.suspicious
            )
            self.counterparties.learned(counterparty, seq)

    def charge(self, counterparty: Counterparty, told: Mapping[str, Any], *, seq: int) -> None:
        """A dispute of one of its payments, of the transaction `seq`, began to hold, or no longer does. `told` is as the insight
        keeps it."""
        if told["times"] > 0:
            counterparty.charge_back(
                paid_at=told["paid_at"].timestamp(),
                known_at=told["known_at"].timestamp(),
                suspicious=told["suspicious"],
            )
        else:
            counterparty.take_back(suspicious=told["suspicious"])
        self.counterparties.learned(counterparty, seq)

    def writes(self, last_seq: int) -> list[Writes]:
        """What a batch that ends with `last_seq` writes of both kinds."""
        both = [each for kept in (self.wallets, self.counterparties) if (each := kept.writes(last_seq))]
        if not both:
            return []
        return [*(writes for writes, _ in both), Writes("marks", upserts=[mark for _, mark in both])]

    async def _since(self, floor: int, last_seq: int) -> AsyncIterator[list[dict[str, Any]]]:
        for first in range(floor + 1, last_seq + 1, _READ_AT_ONCE):
            numbers = {"$gte": first, "$lt": min(first + _READ_AT_ONCE, last_seq + 1)}
            fields = {"seq": 1, "event_id": 1, "kind": 1, "legs": 1}
            yield await self._database["transactions"].find({"seq": numbers}, fields).sort("seq", 1).to_list()

    async def _learn_again(self, transactions: list[dict[str, Any]]) -> None:
        """From the insights, which keep what the scorer looked at. One transaction of an event is scored, and only one."""
        of_event = {each["event_id"]: each["_id"] for each in transactions}
        found = await self._database["insights"].find({"_id": {"$in": list(of_event)}}).to_list()
        scored = {each["transaction"]: each for each in found if each["level"] != UNSCORED or CHARGEBACK in each}
        profiles = await self.wallets.load({_profile_id(each) for each in scored.values()})
        others = await self.counterparties.load({one for each in scored.values() for one in _counterparty_ids(each)})
        for transaction in transactions:
            insight = scored.get(transaction["_id"])
            if insight is None:
                continue
            if transaction["legs"] and insight["level"] != UNSCORED:
                self._absorb_again(transaction, insight, profiles[_profile_id(insight)], others)
            if (told := insight.get(CHARGEBACK)) and transaction["seq"] > others[told["counterparty"]].seq:
                self.charge(others[told["counterparty"]], told, seq=transaction["seq"])

    def _absorb_again(
        self,
        transaction: dict[str, Any],
        insight: dict[str, Any],
        profile: Profile,
        others: dict[str, Counterparty],
    ) -> None:
        """Each state that was written before this transaction; the other one has it already."""
        seq, at_s, amount_minor = transaction["seq"], insight["occurred_at"].timestamp(), insight["amount_minor"]
        if seq > profile.seq:
            legs = ((leg["account"], leg["amount_minor"]) for leg in transaction["legs"])
            profile.absorb(
                amount_minor=amount_minor,
                direction=direction(transaction["kind"], legs),
                counterparty=insight["counterparty"],
                occurred_at=at_s,
            )
            self.wallets.learned(profile, seq)
        if insight["counterparty"] is not None:
            other = others[counterparty_id(insight["currency"], insight["counterparty"])]
            if seq > other.seq:
                new, suspicious = FIRST_MET in insight, SUSPICIOUS in insight
                other.absorb(amount_minor=amount_minor, occurred_at=at_s, new=new, suspicious=suspicious)
                self.counterparties.learned(other, seq)


def direction(effect: str, legs: Iterable[tuple[str, int]]) -> Direction:
    """Out when the scored wallet's own side shrank, or is about to. `legs` are accounts and signed amounts."""
    if effect in _OUTWARD:
        return "out"
    own_side = sum(amount for account, amount in legs if not account.startswith("clearing:"))
    return "out" if own_side < 0 else "in"


def _profile_id(insight: dict[str, Any]) -> str:
    return f"{insight['currency']}:{insight['wallet']}"


def _counterparty_ids(insight: dict[str, Any]) -> list[str]:
    ids = [counterparty_id(insight["currency"], insight["counterparty"])] if insight["counterparty"] is not None else []
    return [*ids, insight[CHARGEBACK]["counterparty"]] if CHARGEBACK in insight else ids
