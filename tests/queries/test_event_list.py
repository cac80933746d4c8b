"""Events found by what an operator knows of them, page by page, within bounds."""

import random
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from seeded_store import NOW, Ask, event, event_id

from gateway.errors import BadRequest
from gateway.events.standing import settled
from gateway.queries.event_filter import EventFilter, event_filter, glob_pattern
from gateway.queries.event_list import EventPage, EventRow, list_events, matching_ids
from gateway.queries.reading import Database

PAGES_MAX = 200


async def _pages(
    database: Database, wanted: EventFilter, *, limit: int, scanned_max: int = 50_000
) -> AsyncIterator[EventPage]:
    cursor = None
    for _ in range(PAGES_MAX):
        page = await list_events(database, wanted, limit=limit, cursor=cursor, scanned_max=scanned_max)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return
    raise AssertionError("there is always one more page")


async def _all(database: Database, wanted: EventFilter, **fields: Any) -> list[EventRow]:
    return [row async for page in _pages(database, wanted, **fields) for row in page.events]


def _found(ask: Ask, **texts: str) -> list[str]:
    async def question(database: Database) -> list[str]:
        return [row.tx_id for row in await _all(database, event_filter(texts), limit=3)]

    return ask(question)  # type: ignore[no-any-return]


def test_newest_first_with_what_became_of_them(ask: Ask) -> None:
    """All of them without a filter; a parked one tells what makes it try again."""
    page = ask(lambda database: list_events(database, EventFilter(), limit=100))
    times = [row.received_at for row in page.events]
    assert times == sorted(times, reverse=True)
    assert (len(times), page.next_cursor, page.scanned_back_to) == (8, None, None)
    (parked,) = (row for row in page.events if row.outcome == "parked")
    assert (parked.reason, parked.awaits, parked.next_try) == ("parent_unknown", "x", "when x arrives")
    (odd,) = (row for row in page.events if row.tx_id == "evt_odd")
    assert odd.type == "(other)"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"source": "standard"}, ["msg_bad"]),
        ({"outcome": "waiting"}, ["tx-waiting"]),
        ({"outcome": "parked"}, ["evt_parked"]),
        ({"outcome": "rejected"}, ["msg_bad"]),
        ({"outcome": "ignored"}, ["evt_odd"]),
        ({"outcome": "parked", "source": "payments"}, []),
        ({"type": "refund.*"}, {"evt_parked", "evt_refund"}),
        ({"type": "*.created"}, ["evt_parked"]),
        ({"type": "refund?created"}, ["evt_parked"]),
        ({"type": "refund"}, []),
        ({"type": ".*"}, []),
        ({"reason": "PARENT"}, ["evt_parked"]),
        ({"reason": "."}, []),
        ({"until": "2026-11-02"}, ["tx-old"]),
        ({"since": "2026-11-21T11:58", "until": "2026-11-21T13:00+01:00"}, ["tx-waiting"]),
        ({"outcome": "waiting", "until": "2026-11-21T11:58"}, []),
        ({"outcome": "applied", "source": "stripe"}, ["evt_refund", "evt_capture"]),
    ],
)
def test_filters(ask: Ask, texts: dict[str, str], expected: list[str] | set[str]) -> None:
    """Each alone and together; a glob is no regular expression, and neither is a piece of a reason."""
    found = _found(ask, **texts)
    assert (set(found) if isinstance(expected, set) else found) == expected


@pytest.mark.parametrize("outcome", [None, "waiting", "parked", "stale"])
@pytest.mark.parametrize(("limit", "scanned_max"), [(1, 50_000), (7, 50_000), (100, 50_000), (3, 9), (100, 20)])
def test_pages_neither_repeat_nor_leave_out(empty: Ask, outcome: str | None, limit: int, scanned_max: int) -> None:
    """However many events one millisecond has, and wherever a search is cut: then it says so and goes on from there."""
    chance = random.Random(1)
    events = []
    for number in range(90):
        made = event("stripe", f"evt_{number}")
        received_at = NOW - timedelta(milliseconds=chance.randrange(25))
        ending = chance.choice(["waiting", "parked", "stale"])
        if ending != "waiting":
            del made["queue"]
            made |= settled({"outcome": ending, "reason": "x", "settled_at": received_at}, was_released=False)["$set"]
        events.append({**made, "received_at": received_at})

    async def question(database: Database) -> tuple[list[str], bool]:
        await database.events.create_index("received_at")
        await database.events.insert_many(events)
        found, cut = [], False
        async for page in _pages(database, EventFilter(outcome=outcome), limit=limit, scanned_max=scanned_max):
            found += [row.event_id for row in page.events]
            cut |= page.scanned_back_to is not None
            assert page.scanned_back_to is None or page.next_cursor
        return found, cut

    found, cut = empty(question)
    wanted = [each for each in events if outcome is None or each.get("outcome", "waiting") == outcome]
    wanted.sort(key=lambda each: (each["received_at"], each["_id"]), reverse=True)
    assert found == [each["_id"] for each in wanted]
    assert cut == (scanned_max < (50_000 if outcome else limit))


def test_ids_to_replay_are_found_however_far_back_they_are(ask: Ask) -> None:
    """Newest first, and not more than were asked for."""
    ids = ask(lambda database: matching_ids(database, EventFilter(source="payments"), limit=10))
    assert ids == [event_id("payments", name) for name in ("tx-waiting", "tx-1", "tx-old")]
    assert ask(lambda database: matching_ids(database, EventFilter(source="payments"), limit=2)) == ids[:2]


@pytest.mark.parametrize(
    "texts",
    [
        {"outcome": "done"},
        {"source": ""},
        {"type": "*" * 9},
        {"reason": "x" * 101},
        {"reason": "a\nb"},
        {"since": "yesterday"},
        {"until": "2026-13-01"},
    ],
)
def test_a_filter_that_is_none_is_refused(texts: dict[str, str]) -> None:
    """Before the store is asked."""
    with pytest.raises(BadRequest):
        event_filter(texts)


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "4pyT4pyT", "MTIz", "OTk5OTk5OTk5OTk5OTk5Lg", "a" * 200, "=" * 8])
def test_a_cursor_that_we_never_gave_is_refused(ask: Ask, cursor: str) -> None:
    """Never guessed at."""
    with pytest.raises(BadRequest):
        ask(lambda database: list_events(database, EventFilter(), cursor=cursor))


@pytest.mark.parametrize(
    ("glob", "text", "matches"),
    [
        ("a*b*c", "a1b2c", True),
        ("a*b*c", "abcbc", True),
        ("a*b*c", "a1b2", False),
        ("*a*", "bab", True),
        ("*", "", True),
        ("a*a", "a", False),
        ("a?c", "a.c", True),
        ("a?c", "ac", False),
        ("(a|b)*", "a", False),
        ("a*", "ba", False),
    ],
)
def test_globs(glob: str, text: str, matches: bool) -> None:
    """As in a shell. Python's expressions have no atomic groups before 3.11; ours needs no more than that."""
    assert bool(re.search(glob_pattern(glob).replace(r"\z", r"\Z"), text)) is matches
