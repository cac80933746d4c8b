"""What needs an operator's eye."""

from datetime import timedelta

from seeded_store import CAPTURE_EVENT, NOW, Ask, event_id

from gateway.events.standing import stuck_between
from gateway.queries.indexes import ensure_indexes
from gateway.queries.period import Period, period
from gateway.queries.reading import Database
from gateway.queries.trouble import ErrorsSummary, errors_summary

DAY = period("day", NOW)


def test_refusals_incidents_and_stuck_events_of_the_period(ask: Ask) -> None:
    """Newest first, each with what an operator needs to act."""
    found = ask(lambda database: errors_summary(database, DAY, now=NOW))
    assert [(refused.reason, refused.check) for refused in found.latest_refused] == [
        ("signature", "missing"),
        ("stale", "future"),
        ("signature", "wrong"),
    ]
    assert [(incident.kind, incident.event_id) for incident in found.incidents] == [("conflict", CAPTURE_EVENT)]
    assert {(stuck.event_id, stuck.outcome) for stuck in found.stuck_events} == {
        (event_id("stripe", "evt_parked"), "parked"),
        (event_id("standard", "msg_bad"), "rejected"),
    }


def test_each_list_is_cut_at_the_limit_and_the_counts_are_not(ask: Ask) -> None:
    """Three refusals are counted, one is shown."""
    found = ask(lambda database: errors_summary(database, DAY, now=NOW, limit=1))
    assert (found.refused_requests.count, len(found.latest_refused), len(found.stuck_events)) == (3, 1, 1)


def test_refusals_without_a_row_are_counted(ask: Ask) -> None:
    """As their counts have them, where the rows were bounded; what is listed are rows."""

    async def flooded(database: Database) -> ErrorsSummary:
        minute = {"at": NOW - timedelta(minutes=9), "source": "stripe", "reason": "signature", "count": 5_000}
        await database.refusal_counts.insert_one({"_id": "1:stripe:signature", **minute})
        return await errors_summary(database, Period(NOW - timedelta(minutes=9), NOW), now=NOW)

    found = ask(flooded)
    assert (found.refused_requests.count, found.refused_requests.at_least) == (5_000, False)
    assert len(found.latest_refused) == 3


def test_no_body_is_told(ask: Ask) -> None:
    """An incident keeps the contradicting body; an operator gets it from the store, not from here."""
    assert "SECRET-FREE-TEXT" not in ask(lambda database: errors_summary(database, DAY, now=NOW)).model_dump_json()


def test_the_indexes_can_be_ensured_again(ask: Ask) -> None:
    """Every start does."""
    ask(ensure_indexes)


def test_stuck_events_are_read_from_their_own_small_index(ask: Ask) -> None:
    """With millions of good events stored, finding the bad ones stays cheap."""

    async def plan(database: Database) -> str:
        await database.events.create_index("queue", sparse=True)
        stuck = stuck_between(DAY.since, DAY.until)
        return str((await database.events.find(stuck).sort("settled_at", -1).explain())["queryPlanner"]["winningPlan"])

    told = ask(plan)
    assert "'indexName': 'queue_1'" in told
    assert "COLLSCAN" not in told
