"""Who did what: kept as it was noted, found by what and to whom."""

from datetime import timedelta

import pytest
from booked_store import NOW, on_database

from gateway.access.acts import SUBJECT_CHARS_MAX, Act, holder, list_acts, note_act
from gateway.access.keys import Principal
from gateway.clock import utc
from gateway.errors import BadRequest
from gateway.queries.reading import Database

FIRST = utc(NOW)


async def _noted(database: Database) -> None:
    acts = ("key.create", "key.disable", "keyring.open", "event.replay", "event.read_body", "event.replay")
    for number, act in enumerate(acts):
        await note_act(
            database,
            act=act,
            subject="evt_1" if act.startswith("event.") else "k1",
            by="olga",
            via="command",
            details={"n": number},
            now=FIRST + timedelta(seconds=number),
        )


def test_acts_are_listed_latest_first(mongo_uri: str, database_name: str) -> None:
    """As they were noted, and no more than asked for."""

    async def story(database: Database) -> None:
        await _noted(database)
        latest, *_ = found = await list_acts(database)
        assert [act.details["n"] for act in found] == [5, 4, 3, 2, 1, 0]
        assert latest == Act(FIRST + timedelta(seconds=5), "event.replay", "evt_1", "olga", "command", {"n": 5})
        assert await list_acts(database, limit=1) == [latest]

    on_database(mongo_uri, database_name, story)


@pytest.mark.parametrize(
    ("act", "subject", "expected"),
    [
        ("event.replay", None, [5, 3]),
        ("event", None, [5, 4, 3]),
        ("key", None, [1, 0]),
        ("keyring.open", None, [2]),
        (None, "k1", [2, 1, 0]),
        ("key", "evt_1", []),
        ("ke", None, []),
        ("", None, []),
    ],
)
def test_acts_are_found_by_name_and_subject(
    mongo_uri: str, database_name: str, act: str | None, subject: str | None, expected: list[int]
) -> None:
    """A name, or its first part as a whole; the subject as it is."""

    async def story(database: Database) -> list[int]:
        await _noted(database)
        return [each.details["n"] for each in await list_acts(database, act=act, subject=subject)]

    assert on_database(mongo_uri, database_name, story) == expected


def test_an_act_over_the_api_is_by_its_key(mongo_uri: str, database_name: str) -> None:
    """Its public id and its name; and a subject that somebody else chose is bounded."""

    async def story(database: Database) -> None:
        by = holder(Principal("0123456789abcdef", "nightly job", frozenset()))
        await note_act(database, act="source.add", subject="x" * 10_000, by=by, via="api", details={}, now=FIRST)
        (found,) = await list_acts(database)
        assert (found.by, len(found.subject)) == ("key 0123456789abcdef (nightly job)", SUBJECT_CHARS_MAX)

    on_database(mongo_uri, database_name, story)


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_list_is_bounded(mongo_uri: str, database_name: str, limit: int) -> None:
    """Refused, not cut in silence."""

    async def story(database: Database) -> None:
        with pytest.raises(BadRequest):
            await list_acts(database, limit=limit)

    on_database(mongo_uri, database_name, story, prepared=False)
