"""What needs an operator's eye: refused requests, conflicting duplicates, events that were rejected or are parked."""

from datetime import datetime

from gateway.events.standing import stuck_between
from gateway.queries.counted import Refused, refused_requests, within
from gateway.queries.period import Period
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within, label, page_size


class RefusedRequest(Answer):
    """One refusal at the door. `check` names what failed; the caller was never told."""

    at: datetime
    source: str
    reason: str
    check: str | None
    status: int
    remote: str | None
    body_bytes: int | None


class Incident(Answer):
    """A used id that came again with other content."""

    at: datetime
    kind: str
    event_id: str
    source: str
    remote: str | None


class StuckEvent(Answer):
    """An event that moved no money although it should have: rejected for good, or parked until something arrives."""

    event_id: str
    source: str
    type: str
    tx_id: str
    outcome: str
    reason: str | None
    received_at: datetime
    settled_at: datetime | None


class ErrorsSummary(Answer):
    """The trouble of a period, newest first, each list cut at the limit asked for."""

    since: datetime
    until: datetime
    refused_requests: Refused
    latest_refused: list[RefusedRequest]
    incidents: list[Incident]
    stuck_events: list[StuckEvent]


async def errors_summary(
    database: Database, period: Period, *, now: datetime, limit: int = 20, within_s: float = READ_S_MAX
) -> ErrorsSummary:
    """Everything of the period up to `limit` of each kind."""
    page_size(limit)
    at = {"at": within(period)}
    stuck = stuck_between(period.since, period.until)
    with answered_within(within_s):
        refused = await refused_requests(database, period, now=now)
        latest = await database.rejections.find(at).sort("$natural", -1).limit(limit).to_list()
        incidents = await database.incidents.find(at, {"body": 0}).sort("at", -1).limit(limit).to_list()
        events = await database.events.find(stuck, {"body": 0}).sort("settled_at", -1).limit(limit).to_list()
    return ErrorsSummary(
        since=period.since,
        until=period.until,
        refused_requests=refused,
        latest_refused=[RefusedRequest(**refused_fields(rejection)) for rejection in latest],
        incidents=[_incident(incident) for incident in incidents],
        stuck_events=[_stuck(event) for event in events],
    )


def refused_fields(rejection: Document) -> Document:
    """The fields of a `RefusedRequest`, from the stored row."""
    return {
        "at": rejection["at"],
        "source": label(rejection.get("source")),
        "reason": rejection["reason"],
        "check": rejection.get("check"),
        "status": rejection["status"],
        "remote": rejection.get("remote"),
        "body_bytes": rejection.get("body_bytes"),
    }


def _incident(incident: Document) -> Incident:
    return Incident(
        at=incident["at"],
        kind=incident["kind"],
        event_id=incident["event_id"],
        source=incident["source"],
        remote=incident.get("remote"),
    )


def _stuck(event: Document) -> StuckEvent:
    return StuckEvent(
        event_id=event["_id"],
        source=event["source"],
        type=label(event["type"]),
        tx_id=event["tx_id"],
        outcome=event["outcome"],
        reason=event.get("reason"),
        received_at=event["received_at"],
        settled_at=event.get("settled_at"),
    )
