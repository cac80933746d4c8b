"""Refusals searched by what an operator knows, page by page, and the spikes among them."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from seeded_store import NOW, Ask

from gateway.errors import BadRequest, Conflict, Refusal, SignatureRefused, TimestampRefused
from gateway.events.rejections import RejectionLog, ensure_rejections
from gateway.ingress.delivery import Delivery
from gateway.monitoring.spikes import ensure_security_insights, look
from gateway.queries.reading import Database
from gateway.queries.refusals import RefusalFilter, Refusals, find_refusals, security

ROWS: tuple[tuple[str, Refusal, str, datetime], ...] = (
    ("stripe", SignatureRefused("signature_wrong"), "192.0.2.7", NOW - timedelta(minutes=9)),
    ("stripe", SignatureRefused("signature_missing"), "192.0.2.200", NOW - timedelta(minutes=8)),
    ("stripe", TimestampRefused("timestamp_too_old"), "198.51.100.1", NOW - timedelta(minutes=7)),
    ("standard", SignatureRefused("signature_wrong"), "2001:db8:1:2::7", NOW - timedelta(minutes=6)),
    ("standard", Conflict("used"), "2001:db8:9::1", NOW - timedelta(minutes=5)),
    ("standard", SignatureRefused("signature_wrong"), "unknown", NOW - timedelta(minutes=4)),
)


@pytest.fixture
def refused(empty: Ask) -> Ask:
    """A store with these refusals, one second of their own each."""

    async def fill(database: Database) -> None:
        await ensure_rejections(database)
        log = RejectionLog(database)
        for number, (source, refusal, remote, at) in enumerate(ROWS):
            log.note(Delivery(source, [(b"a", b"bc")], b"x" * number, at.timestamp(), remote), refusal)
        await log.drain()

    empty(fill)
    return empty


def _asking(limit: int = 20, cursor: str | None = None, **wanted: str) -> Callable[[Database], Awaitable[Refusals]]:
    return lambda database: find_refusals(database, RefusalFilter(**wanted), limit=limit, cursor=cursor)


def _numbers(found: Refusals) -> list[int]:
    """Which of `ROWS`, by the size of the body."""
    return [row.body_bytes if row.body_bytes is not None else -1 for row in found.refusals]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [5, 4, 3, 2, 1, 0]),
        ({"source": "stripe"}, [2, 1, 0]),
        ({"reason": "signature"}, [5, 3, 1, 0]),
        ({"check": "signature_wrong"}, [5, 3, 0]),
        ({"source": "stripe", "check": "signature_wrong"}, [0]),
        ({"network": "192.0.2.7"}, [0]),
        ({"network": "192.0.2.0/24"}, [1, 0]),
        ({"network": "192.0.2.128/25"}, [1]),
        ({"network": "0.0.0.0/0"}, [2, 1, 0]),
        ({"network": "2001:db8::/32"}, [4, 3]),
        ({"network": "2001:db8:1:2::/64"}, [3]),
        ({"network": "203.0.113.0/24"}, []),
        ({"since": (NOW - timedelta(minutes=6)).isoformat()}, [5, 4, 3]),
        ({"until": (NOW - timedelta(minutes=8)).isoformat()}, [0]),
        ({"since": "2026-11-20", "until": "2026-11-21"}, []),
    ],
)
def test_refusals_are_found_by_what_is_known_of_them(refused: Ask, wanted: dict[str, str], numbers: list[int]) -> None:
    """Each condition alone and together; the newest first."""
    assert _numbers(refused(_asking(**wanted))) == numbers


def test_a_row_tells_the_evidence(refused: Ask) -> None:
    """Who, what, why, how large, and the body's hash; no packed address."""
    row = refused(_asking(network="192.0.2.200")).refusals[0].model_dump()
    assert row | {"body_sha256": "", "at": ""} == {
        "at": "",
        "source": "stripe",
        "reason": "signature",
        "check": "signature_missing",
        "status": 403,
        "remote": "192.0.2.200",
        "network": "192.0.2.0/24",
        "body_bytes": 1,
        "body_sha256": "",
        "headers": 1,
        "headers_bytes": 3,
    }


def test_pages_together_are_everything_once(refused: Ask) -> None:
    """Also where rows share a moment, and while newer ones come."""

    async def crowd(database: Database) -> None:
        log = RejectionLog(database)
        for number in range(6, 20):
            log.note(Delivery("crowd", [], b"x" * number, NOW.timestamp(), "192.0.2.9"), SignatureRefused("wrong"))
        await log.drain()

    refused(crowd)
    numbers: list[int] = []
    cursor = None
    for _ in range(10):
        page = refused(_asking(limit=3, cursor=cursor))
        numbers += _numbers(page)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(numbers) == list(range(20))
    assert numbers[-6:] == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"source": "{$gt:1}"}, "source is"),
        ({"reason": ""}, "reason is"),
        ({"check": "x" * 65}, "check is"),
        ({"network": "example.com"}, "192.0.2.0/24"),
        ({"network": "192.0.2.0/33"}, "192.0.2.0/24"),
        ({"since": "yesterday"}, "2026-11-21T10:00:00Z"),
        ({"until": "2026-13-01"}, "2026-11-21T10:00:00Z"),
    ],
)
def test_a_filter_that_is_none_is_refused(refused: Ask, wanted: dict[str, str], told: str) -> None:
    """With what would have been right; an empty answer would be believed."""
    with pytest.raises(BadRequest, match=told.replace("$", r"\$")):
        refused(_asking(**wanted))


@pytest.mark.parametrize("cursor", ["", "1", "x.y", "1." + "g" * 24, "9" * 15 + "." + "0" * 24, "1.0"])
def test_a_cursor_that_was_never_given_is_refused(refused: Ask, cursor: str) -> None:
    """Not guessed at."""
    with pytest.raises(BadRequest, match="start again without one"):
        refused(_asking(cursor=cursor))


def test_a_page_is_read_by_index(refused: Ask) -> None:
    """The latest rows of a full collection without a walk through it or a sort."""

    async def plan(database: Database) -> Any:
        found = database.rejections.find({}).sort([("at", -1), ("_id", -1)]).limit(2)
        return (await found.explain())["executionStats"]["totalDocsExamined"]

    assert refused(plan) == 2


def test_rows_of_an_earlier_version_are_found(ask: Ask) -> None:
    """They lack the network and the headers."""
    found = ask(_asking(check="missing"))
    assert (found.refusals[0].remote, found.refusals[0].network, found.refusals[0].headers) == ("192.0.2.1", None, None)


def test_an_empty_store_has_no_refusals_and_no_spikes(empty: Ask) -> None:
    """It says since when it keeps them: never yet."""
    assert empty(_asking()) == Refusals(refusals=[], kept_since=None, next_cursor=None)
    found = empty(lambda database: security(database, since=NOW, until=NOW + timedelta(days=1)))
    assert (found.lasting, found.insights) == (0, [])


def test_spikes_are_told_with_their_evidence(empty: Ask) -> None:
    """Those found in the period, and how many last."""

    async def story(database: Database) -> Any:
        await ensure_rejections(database)
        await ensure_security_insights(database)
        log = RejectionLog(database)
        for _ in range(70):
            log.note(Delivery("stripe", [], b"", NOW.timestamp(), "192.0.2.9"), SignatureRefused("signature_wrong"))
        await log.drain()
        await look(database, now=NOW)
        return await security(database, since=NOW - timedelta(days=1), until=NOW + timedelta(seconds=1))

    found = empty(story)
    assert found.lasting == 1
    (spike,) = found.insights
    assert (spike.kind, spike.source, spike.count, spike.ended_at) == ("forgeries", "stripe", 70, None)
    assert [(network.name, network.count) for network in spike.networks] == [("192.0.2.0/24", 70)]
