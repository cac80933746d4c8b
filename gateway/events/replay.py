"""Replay: stored events go through the pipeline once more, because a person says so.

    replay     while it waits for the worker: {at, by, outcome, reason, settled_at}, the last three as they were before
    replays    afterwards: [{at, by, outcome, reason}], what each replay came to, the latest last

Money does not move twice, whatever is replayed: an effect has one key in the ledger. An event that was decided (applied, or
stale) also keeps its outcome, unless the replay found something new to book.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from gateway.clock import utc
from gateway.events.event import Outcome
from gateway.events.standing import BACK_TO_THE_QUEUE, RELEASED, settled

Events = AsyncCollection[dict[str, Any]]

REPLAYS_KEPT_MAX: Final = 20
"""Of one event, the latest."""
BATCH: Final = 500
"""Events put back by one statement."""
DECIDED: Final = frozenset({Outcome.APPLIED.value, Outcome.STALE.value})
_TOLD_NO: Final = re.compile(r"\(PAY_[0-9]{3}\)$")
"""How the reason ends that our own systems were given for what may not go out: the code of the API."""
_BEFORE: Final = ("outcome", "reason", "settled_at")


class Skip(StrEnum):
    """Why an event stays as it is."""

    UNKNOWN = "unknown"
    WAITING = "waiting"
    DECIDED = "decided"
    TOLD_NO = "told_no"
    BODY_REMOVED = "body_removed"


SKIP_WORDS: Final[Mapping[Skip, str]] = {
    Skip.UNKNOWN: "no event of this id is stored",
    Skip.WAITING: "it waits for the worker already",
    Skip.DECIDED: "it is decided (applied or stale); --ignore-seen replays it all the same",
    Skip.TOLD_NO: (
        "it was rejected by funds or limits and the asker was told no; "
        "only its id alone with --ignore-seen replays it, and then the money may go out"
    ),
    Skip.BODY_REMOVED: "its body was removed because of its age",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay would do: the events that go, in order of arrival, and the others by their reason."""

    going: Sequence[Mapping[str, Any]]
    skipped: Mapping[str, Skip]

    @property
    def event_ids(self) -> list[str]:
        return [event["_id"] for event in self.going]

    @property
    def by_outcome(self) -> Mapping[str, int]:
        """How many go, by the outcome they have."""
        return dict(Counter(event["outcome"] for event in self.going).most_common())

    @property
    def by_skip(self) -> Mapping[str, int]:
        return dict(Counter(skip.value for skip in self.skipped.values()).most_common())

    @property
    def told_no(self) -> list[str]:
        """Those that go though the asker was told no."""
        return [event["_id"] for event in self.going if _was_told_no(event)]


async def plan_replay(events: Events, event_ids: Sequence[str], *, ignore_seen: bool, alone: bool) -> Plan:
    """Look at the events and change nothing. `alone`: a person named this one event, not a filter or a list."""
    fields = {**dict.fromkeys(_BEFORE, 1), "received_at": 1, "body_removed_at": 1}
    found: list[dict[str, Any]] = []
    for batch in _batches(event_ids):
        found += await events.find({"_id": {"$in": batch}}, fields).to_list()
    found.sort(key=lambda event: event["received_at"])
    skipped = dict.fromkeys(set(event_ids) - {event["_id"] for event in found}, Skip.UNKNOWN)
    going = []
    for event in found:
        skip = _skip(event, ignore_seen=ignore_seen, alone=alone)
        if skip is None:
            going.append(event)
        else:
            skipped[event["_id"]] = skip
    return Plan(going, skipped)


async def put_back(events: Events, plan: Plan, *, by: str, now: datetime) -> int:
    """Release the planned events; how many. One that has changed since the plan was made stays as it is."""
    done = 0
    for batch in _batches(plan.going):
        statements = [
            UpdateOne({"_id": event["_id"], "outcome": event["outcome"]}, _marked(event, by, now)) for event in batch
        ]
        done += (await events.bulk_write(statements, ordered=False)).modified_count
    return done


def was_decided(event: Mapping[str, Any]) -> bool:
    """Whether a claimed event is a replay of one that was applied or stale."""
    return "replay" in event and event["replay"]["outcome"] in DECIDED


def replayed(event: Mapping[str, Any], ending: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The update that settles a replayed event. `ending` is what any other event would be given, `now` in unix seconds."""
    replay = event["replay"]
    noted = {"at": utc(now), "by": replay["by"], "outcome": ending["outcome"], "reason": ending["reason"]}
    if was_decided(event) and ending["outcome"] != Outcome.APPLIED:
        ending = {name: replay[name] for name in _BEFORE}
    update = settled(ending, was_released=True)
    return {
        **update,
        "$unset": {**update.get("$unset", {}), "replay": ""},
        "$push": {"replays": {"$each": [noted], "$slice": -REPLAYS_KEPT_MAX}},
    }


def _marked(event: Mapping[str, Any], by: str, now: datetime) -> dict[str, Any]:
    before = {name: event.get(name) for name in _BEFORE}
    return {**BACK_TO_THE_QUEUE, "$set": {"queue": RELEASED, "replay": {"at": now, "by": by, **before}}}


def _skip(event: Mapping[str, Any], *, ignore_seen: bool, alone: bool) -> Skip | None:
    if "outcome" not in event:
        return Skip.WAITING
    if "body_removed_at" in event:
        return Skip.BODY_REMOVED
    if _was_told_no(event):
        return None if ignore_seen and alone else Skip.TOLD_NO
    return Skip.DECIDED if event["outcome"] in DECIDED and not ignore_seen else None


def _was_told_no(event: Mapping[str, Any]) -> bool:
    return event["outcome"] == Outcome.REJECTED and bool(_TOLD_NO.search(str(event.get("reason"))))


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
