"""The wallets' profiles, as they are after the last transaction, though most of them are written only now and then.

A profile is some kilobytes and changes with every movement; writing each one with each batch was a fifth of all that a batch
costs. So a batch writes the few that have waited longest, and with them `floor`: every transaction up to that number is in
the stored profiles. A new writer reads on from there. Each profile knows the number it has learned up to, so none learns twice,
and the state is the same whatever the batches and whoever wrote them.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from gateway.analysis.profile import Direction, Profile
from gateway.insights.insight import UNSCORED
from gateway.ledger.store import Writes
from gateway.recent import Recent

PROFILES_MAX: Final = 20_000
"""Profiles kept in memory besides those that wait to be written."""
WRITTEN_MIN: Final = 100
"""Profiles that each batch writes, the longest waiting first: with little traffic that is all of them."""
WAITING_MAX: Final = 1_000
"""Profiles that may wait, and with them some ten batches that a new writer has to read again: a second's work."""
_READ_AT_ONCE: Final = 500
_MARK: Final = "profiles"
_OUTWARD: Final = frozenset({"transfer", "payout_requested", "dispute_opened"})


class Profiles:
    """The writer's own. After a commit that failed nothing in memory is true any more: `start` again."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._recent: Recent[Profile] = Recent(PROFILES_MAX)
        self._waiting: dict[str, tuple[Profile, int]] = {}
        """What has learned since it was written, with the number of the first transaction that is not; in that order."""

    async def start(self, *, last_seq: int) -> None:
        """Read what is stored, and learn again what was booked since: up to `last_seq`."""
        self._recent.forget()
        self._waiting.clear()
        mark = await self._database["marks"].find_one({"_id": _MARK})
        floor = mark["floor"] if mark else 0
        async for transactions in self._since(floor, last_seq):
            await self._learn_again(transactions)

    async def load(self, profile_ids: set[str]) -> dict[str, Profile]:
        """The profiles of these wallets; a new one for each that has none."""
        waiting = {each: self._waiting[each][0] for each in profile_ids if each in self._waiting}
        profiles, unknown = self._recent.known(profile_ids - waiting.keys())
        if unknown:
            async for stored in self._database["profiles"].find({"_id": {"$in": unknown}}):
                profiles[stored["_id"]] = Profile.from_document(stored)
            self._recent.remember(profiles)
        profiles |= waiting
        return profiles | {each: Profile(each) for each in profile_ids - profiles.keys()}

    def learned(self, profile: Profile, seq: int) -> None:
        """The profile has absorbed the transaction with this number."""
        profile.seq = seq
        self._waiting.setdefault(profile.id, (profile, seq))

    def writes(self, last_seq: int) -> list[Writes]:
        """What a batch that ends with `last_seq` writes of them."""
        count = max(WRITTEN_MIN, len(self._waiting) - WAITING_MAX)
        due = [profile for profile, _ in list(self._waiting.values())[:count]]
        if not due:
            return []
        writes = Writes(
            "profiles",
            inserts=[profile.to_document() for profile in due if not profile.stored],
            replacements=[profile.to_document() for profile in due if profile.stored],
        )
        for profile in due:
            del self._waiting[profile.id]
            profile.stored = True
        self._recent.remember({profile.id: profile for profile in due})
        first_waiting = next((first for _, first in self._waiting.values()), last_seq + 1)
        return [writes, Writes("marks", upserts=[{"_id": _MARK, "floor": first_waiting - 1}])]

    async def _since(self, floor: int, last_seq: int) -> AsyncIterator[list[dict[str, Any]]]:
        for first in range(floor + 1, last_seq + 1, _READ_AT_ONCE):
            numbers = {"$gte": first, "$lt": min(first + _READ_AT_ONCE, last_seq + 1)}
            fields = {"seq": 1, "event_id": 1, "kind": 1, "legs": 1}
            yield await self._database["transactions"].find({"seq": numbers}, fields).sort("seq", 1).to_list()

    async def _learn_again(self, transactions: list[dict[str, Any]]) -> None:
        """From the insights, which keep what the scorer looked at. One transaction of an event is scored, and only one."""
        moving = {each["_id"]: each for each in transactions if each["legs"]}
        asked = {"_id": {"$in": [each["event_id"] for each in moving.values()]}}
        found = await self._database["insights"].find(asked).to_list()
        scored = {
            insight["transaction"]: insight
            for insight in found
            if insight["level"] != UNSCORED and insight["transaction"] in moving
        }
        profiles = await self.load({_profile_id(insight) for insight in scored.values()})
        for transaction in moving.values():
            insight = scored.get(transaction["_id"])
            if insight is None:
                continue
            profile = profiles[_profile_id(insight)]
            if transaction["seq"] > profile.seq:
                legs = ((leg["account"], leg["amount_minor"]) for leg in transaction["legs"])
                profile.absorb(
                    amount_minor=insight["amount_minor"],
                    direction=direction(transaction["kind"], legs),
                    counterparty=insight["counterparty"],
                    occurred_at=insight["occurred_at"].timestamp(),
                )
                self.learned(profile, transaction["seq"])


def direction(effect: str, legs: Iterable[tuple[str, int]]) -> Direction:
    """Out when the scored wallet's own side shrank, or is about to. `legs` are accounts and signed amounts."""
    own_side = sum(amount for account, amount in legs if not account.startswith("clearing:"))
    return "out" if effect in _OUTWARD or own_side < 0 else "in"


def _profile_id(insight: dict[str, Any]) -> str:
    return f"{insight['currency']}:{insight['wallet']}"
