"""What a person has to look at: the alerts that are open, and those that were."""

from datetime import datetime
from typing import Final

from gateway.errors import NotFound
from gateway.queries.reading import Answer, Database, Document, answered_within, identifier, page_size
from gateway.queries.timed_paging import older_than, timed_cursor

AGENT_ALERT: Final = "agent"
"""The kind of an alert that an agent raised; an agent may resolve these and no others."""
REQUEST_ALERT: Final = "agent_request"
"""The kind of an alert about what an agent asks a person or a provider to do."""


class AlertRow(Answer):
    """One alert. `resolved_at` is null while it is open."""

    alert_id: str
    kind: str
    subject: str
    severity: str
    summary: str
    at: datetime
    seen_at: datetime
    resolved_at: datetime | None
    untrusted: str | None
    """What an agent wrote when it raised this one; null for the gateway's own alerts, and unless it was asked for."""


class Alerts(Answer):
    """A page, newest first, and how many are open in all."""

    open: int
    alerts: list[AlertRow]
    next_cursor: str | None


async def find_alerts(
    database: Database,
    *,
    severity: str | None = None,
    only_open: bool = True,
    limit: int = 20,
    cursor: str | None = None,
    include_untrusted: bool = False,
) -> Alerts:
    """Raises `BadRequest` for a limit or cursor that is none."""
    page_size(limit)
    conditions: list[Document] = [{"open": {"$exists": True}}] if only_open else []
    conditions += [{"severity": severity}] if severity is not None else []
    conditions += [older_than(cursor, str)] if cursor is not None else []
    with answered_within():
        matching = database.alerts.find({"$and": conditions} if conditions else {})
        found = await matching.sort([("at", -1), ("_id", -1)]).limit(limit + 1).to_list()
        still_open = await database.alerts.count_documents({"open": {"$exists": True}})
    page = found[:limit]
    return Alerts(
        open=still_open,
        alerts=[alert_row(alert, include_untrusted=include_untrusted) for alert in page],
        next_cursor=timed_cursor(page[-1]) if len(found) > limit else None,
    )


async def find_alert(database: Database, alert_id: str) -> AlertRow:
    """Raises `NotFound`."""
    identifier(alert_id)
    with answered_within():
        found = await database.alerts.find_one({"_id": alert_id})
    if found is None:
        raise NotFound("There is no alert with this id; get_active_alerts lists those that are open.")
    return alert_row(found)


def alert_row(alert: Document, *, include_untrusted: bool = False) -> AlertRow:
    """What an agent wrote stands in the evidence, apart from the summary, which is always ours."""
    return AlertRow(
        alert_id=alert["_id"],
        **{name: alert[name] for name in ("kind", "subject", "severity", "summary", "at", "seen_at", "resolved_at")},
        untrusted=alert["evidence"].get("text") if include_untrusted and alert["kind"] == AGENT_ALERT else None,
    )
