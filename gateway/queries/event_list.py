"""The stored events that match a filter, newest first, page by page, without an index per filter.

An index makes every event dearer to accept, so there are no others than those that the work itself needs: over the time of
arrival, over what waits, and over what is parked or rejected. A filter that none of them serves is a walk back through time,
which ends after `SCANNED_MAX` events; the answer then says how far back it came, and its cursor goes on from there.
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.errors import BadRequest
from gateway.events.progress import waiting_condition
from gateway.events.standing import STUCK
from gateway.queries.event_filter import EventFilter
from gateway.queries.events import next_try
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within, label, page_size

SCANNED_MAX: Final = 50_000
"""Events looked at for one page."""
_SHOWN: Final = dict.fromkeys(("received_at", "source", "type", "tx_id", "outcome", "reason", "awaits"), 1)
_CURSOR: Final = re.compile(r"[A-Za-z0-9_-]{2,80}")
_PLACE: Final = re.compile(r"([0-9]{1,15})\.(evt_[0-9a-f]{32})?")
_OUTCOMES_STUCK: Final = ("parked", "rejected")


class EventRow(Answer):
    """One event of a list. `outcome` is "waiting" until the worker has settled it."""

    event_id: str
    received_at: datetime
    source: str
    type: str
    tx_id: str
    outcome: str
    reason: str | None
    awaits: str | None
    next_try: str | None
    """What makes the worker look at it again: a time, an event that has to arrive, a person; null when nothing will."""


class EventPage(Answer):
    """`next_cursor` gets the next page; null on the last one. `scanned_back_to` is not null when the search was cut there:
    older events were not looked at, and the cursor goes on with them."""

    events: list[EventRow]
    next_cursor: str | None
    scanned_back_to: datetime | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page goes on: at what arrived before `at`, or at that very millisecond under a smaller id than `event_id`."""

    at: datetime
    event_id: str = ""

    def condition(self) -> Document:
        if not self.event_id:
            return {"received_at": {"$lt": self.at}}
        same = {"received_at": self.at, "_id": {"$lt": self.event_id}}
        return {"$or": [{"received_at": {"$lt": self.at}}, same]}


async def list_events(
    database: Database,
    wanted: EventFilter,
    *,
    limit: int = 20,
    cursor: str | None = None,
    scanned_max: int = SCANNED_MAX,
    within_s: float = READ_S_MAX,
) -> EventPage:
    """One page. Raises `BadRequest` for a limit or cursor that is none, and `StoreUnavailable`."""
    page_size(limit)
    with answered_within(within_s):
        found, place, cut_at = await _page(database, wanted, limit, _place_of(cursor), scanned_max)
    return EventPage(
        events=[_row(event) for event in found],
        next_cursor=_cursor_of(place) if place else None,
        scanned_back_to=cut_at,
    )


async def matching_ids(database: Database, wanted: EventFilter, *, limit: int) -> list[str]:
    """The ids of the newest `limit` events that match, however far back they are. Raises `StoreUnavailable`."""
    found: list[str] = []
    async for page in _pages(database, wanted):
        found += [event["_id"] for event in page]
        if len(found) >= limit:
            break
    return found[:limit]


async def _pages(database: Database, wanted: EventFilter) -> AsyncIterator[list[Document]]:
    place: _Place | None = None
    while True:
        with answered_within():
            page, place, _ = await _page(database, wanted, 500, place, SCANNED_MAX)
        yield page
        if place is None:
            return


async def _page(
    database: Database, wanted: EventFilter, limit: int, place: _Place | None, scanned_max: int
) -> tuple[list[Document], _Place | None, datetime | None]:
    """The events, where the next page begins (None: nowhere), and where the search was cut (None: it was not)."""
    few = await _index_of_few(database, wanted)
    if few is None or await database.events.count_documents(few, limit=scanned_max + 1) > scanned_max:
        return await _walk(database, wanted, limit, place, scanned_max)
    stages: list[Document] = [
        {"$match": few},
        {"$limit": scanned_max},
        {"$match": {"$and": [*wanted.conditions(), *_times(wanted), *([place.condition()] if place else [])]}},
        {"$sort": {"received_at": -1, "_id": -1}},
        {"$limit": limit + 1},
        {"$project": _SHOWN},
    ]
    found = await (await database.events.aggregate(stages)).to_list()
    if len(found) > limit:
        return found[:limit], _Place(found[limit - 1]["received_at"], found[limit - 1]["_id"]), None
    return found, None, None


async def _index_of_few(database: Database, wanted: EventFilter) -> Document | None:
    """The condition on the index over the queue, where what waits or is stuck is asked for."""
    if wanted.outcome == "waiting":
        return await waiting_condition(database)
    if wanted.outcome in _OUTCOMES_STUCK:
        return dict(STUCK)
    return None


async def _walk(
    database: Database, wanted: EventFilter, limit: int, place: _Place | None, scanned_max: int
) -> tuple[list[Document], _Place | None, datetime | None]:
    """Back through time along the index over it, which does not order events of one millisecond: at the page's end all of that
    millisecond are fetched by their ids, so that the next page neither repeats nor leaves out one."""
    conditions = [*wanted.conditions(), *([place.condition()] if place else [])]
    arrived = _times(wanted)
    if place is not None:
        arrived.append({"received_at": {"$lte" if place.event_id else "$lt": place.at}})
    walk: list[Document] = [
        {"$match": {"$and": arrived} if arrived else {}},
        {"$sort": {"received_at": -1}},
        {"$limit": scanned_max},
    ]
    matching: list[Document] = [{"$match": {"$and": conditions}}] if conditions else []
    stages = [*walk, *matching, {"$limit": limit + 1}, {"$project": _SHOWN}]
    found = await (await database.events.aggregate(stages)).to_list()
    cut_at = None
    if len(found) <= limit:
        last = [*walk[:2], {"$skip": scanned_max - 1}, {"$limit": 2}, {"$project": {"received_at": 1, "_id": 0}}]
        beyond = await (await database.events.aggregate(last)).to_list()
        if len(beyond) < 2:
            return sorted(found, key=_newest, reverse=True), None, None
        cut_at = beyond[0]["received_at"]
    edge = cut_at or found[-1]["received_at"]
    kept = sorted((event for event in found if event["received_at"] > edge), key=_newest, reverse=True)
    same = {"$and": [{"received_at": edge}, *conditions]}
    kept += await database.events.find(same, _SHOWN).sort("_id", -1).limit(limit + 1 - len(kept)).to_list()
    if len(kept) > limit:
        return kept[:limit], _Place(kept[limit - 1]["received_at"], kept[limit - 1]["_id"]), None
    return kept, _Place(edge), cut_at


def _newest(event: Document) -> tuple[datetime, str]:
    return event["received_at"], event["_id"]


def _times(wanted: EventFilter) -> list[Document]:
    times: list[Document] = []
    if wanted.since is not None:
        times.append({"received_at": {"$gte": wanted.since}})
    if wanted.until is not None:
        times.append({"received_at": {"$lt": wanted.until}})
    return times


def _row(event: Document) -> EventRow:
    return EventRow(
        event_id=event["_id"],
        received_at=event["received_at"],
        source=event["source"],
        type=label(event["type"]),
        tx_id=event["tx_id"],
        outcome=event.get("outcome", "waiting"),
        reason=event.get("reason"),
        awaits=event.get("awaits"),
        next_try=next_try(event),
    )


def _cursor_of(place: _Place) -> str:
    text = f"{round(place.at.timestamp() * 1_000)}.{place.event_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place_of(cursor: str | None) -> _Place | None:
    """Raises `BadRequest` for a cursor that we never gave."""
    if cursor is None:
        return None
    try:
        if _CURSOR.fullmatch(cursor):
            decoded = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
            if read := _PLACE.fullmatch(decoded):
                return _Place(datetime.fromtimestamp(int(read[1]) / 1_000, UTC), read[2] or "")
    except (binascii.Error, UnicodeDecodeError, ValueError, OverflowError):
        pass
    raise BadRequest("This cursor was not given by the gateway; start again without one.")
