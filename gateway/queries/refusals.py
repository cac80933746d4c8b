"""What was refused at the door, row by row, and the spikes in it: for an operator who wants to know who knocks."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bson import Binary, ObjectId

from gateway.errors import BadRequest
from gateway.events.networks import packed_range
from gateway.queries.period import moment
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within, page_size
from gateway.queries.trouble import RefusedRequest, refused_fields

PARAMETERS: Final = frozenset({"source", "reason", "check", "network", "since", "until"})
_NAME: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_CURSOR: Final = re.compile(r"([0-9]{1,15})\.([0-9a-f]{24})")


class RefusalRow(RefusedRequest):
    """All that is kept of a refusal. `body_sha256` is the body's, in hex."""

    network: str | None
    """The /24 or /64 around the peer's address."""
    body_sha256: str | None
    headers: int | None
    headers_bytes: int | None


class Refusals(Answer):
    """A page, newest first. `next_cursor` gets the page after it; null on the last one."""

    refusals: list[RefusalRow]
    kept_since: datetime | None
    """The oldest refusal that is still kept; null when there is none."""
    next_cursor: str | None


class Named(Answer):
    name: str
    count: int


class SecurityInsight(Answer):
    """A spike of refusals. `count` is at least so many from `since` to `until`, `peak` the most in five minutes, `usual` the
    median of the six hours before; `networks` and `checks` are those of the latest `rows` that were kept."""

    insight_id: str
    kind: str
    source: str
    severity: str
    since: datetime
    until: datetime
    ended_at: datetime | None
    """Null while it lasts."""
    count: int
    peak: int
    usual: float
    limit: int
    summary: str
    recommendation: str
    rows: int
    networks: list[Named]
    checks: list[Named]


class Security(Answer):
    """The spikes of a period, newest first, and how many of all last now."""

    since: datetime
    until: datetime
    lasting: int
    insights: list[SecurityInsight]


@dataclass(frozen=True, slots=True)
class RefusalFilter:
    """What all rows of the answer have in common; None: anything."""

    source: str | None = None
    reason: str | None = None
    check: str | None = None
    network: str | None = None
    """A network or an address: 192.0.2.0/24, 2001:db8::/48, 192.0.2.7."""
    since: str | None = None
    until: str | None = None
    """Moments in ISO form, `until` not included."""

    def condition(self) -> dict[str, Any]:
        """As MongoDB takes it. Raises `BadRequest`, which says what would have been right."""
        condition: dict[str, Any] = {}
        for field in ("source", "reason", "check"):
            value = getattr(self, field)
            if value is not None:
                if not _NAME.fullmatch(value):
                    raise BadRequest(f"{field} is 1 to 64 letters, digits and . : / _ -, as the rows have it.")
                condition[field] = value
        if self.network is not None:
            condition["address"] = _in_network(self.network)
        at = {
            operator: _moment(name, text)
            for name, operator, text in (("since", "$gte", self.since), ("until", "$lt", self.until))
            if text is not None
        }
        return condition | ({"at": at} if at else {})


async def find_refusals(
    database: Database,
    wanted: RefusalFilter,
    *,
    limit: int = 20,
    cursor: str | None = None,
    within_s: float = READ_S_MAX,
) -> Refusals:
    """A page of what is wanted. Raises `BadRequest` for a filter, limit or cursor that is none."""
    condition: dict[str, Any] = wanted.condition()
    if cursor is not None:
        condition = {"$and": [condition, _after(cursor)]}
    page_size(limit)
    with answered_within(within_s):
        rejections = database.rejections
        found = await rejections.find(condition).sort([("at", -1), ("_id", -1)]).limit(limit + 1).to_list()
        oldest = await rejections.find_one({}, {"at": 1}, sort=[("$natural", 1)])
    page = found[:limit]
    return Refusals(
        refusals=[_row(row) for row in page],
        kept_since=oldest["at"] if oldest else None,
        next_cursor=_cursor_of(page[-1]) if len(found) > limit else None,
    )


async def security(
    database: Database, *, since: datetime, until: datetime, limit: int = 20, within_s: float = READ_S_MAX
) -> Security:
    """The spikes found in the period, at most `limit`. Raises `BadRequest` for a limit that is none."""
    page_size(limit)
    with answered_within(within_s):
        insights = database.security_insights
        found = await insights.find({"at": {"$gte": since, "$lt": until}}).sort("at", -1).limit(limit).to_list()
        lasting = await insights.count_documents({"open": {"$exists": True}})
    return Security(since=since, until=until, lasting=lasting, insights=[_insight(insight) for insight in found])


def _in_network(text: str) -> dict[str, Binary]:
    try:
        first, last = packed_range(text)
    except ValueError:
        raise BadRequest(
            "network is an address or a network, such as 192.0.2.7, 192.0.2.0/24, 2001:db8::/48."
        ) from None
    return {"$gte": Binary(first), "$lte": Binary(last)}


def _moment(name: str, text: str) -> datetime:
    try:
        return moment(text)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{name} is a date or time in ISO form, UTC unless it says otherwise: 2026-11-21T10:00:00Z."
        ) from None


def _cursor_of(row: Document) -> str:
    return f"{int(row['at'].timestamp() * 1_000)}.{row['_id']}"


def _after(cursor: str) -> dict[str, Any]:
    """Older rows than the one that ended the page before; of the same millisecond, those with a lower id."""
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise BadRequest("This cursor was not given by the gateway; start again without one.")
    try:
        at = datetime.fromtimestamp(int(found[1]) / 1_000, UTC)
    except (ValueError, OverflowError, OSError):
        raise BadRequest("This cursor was not given by the gateway; start again without one.") from None
    return {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": ObjectId(found[2])}}]}


def _row(row: Document) -> RefusalRow:
    return RefusalRow(
        **refused_fields(row),
        network=row.get("network"),
        body_sha256=row.get("body_sha256"),
        headers=row.get("headers"),
        headers_bytes=row.get("headers_bytes"),
    )


def _insight(insight: Document) -> SecurityInsight:
    told = {name: insight[name] for name in SecurityInsight.model_fields if name in insight}
    return SecurityInsight(insight_id=insight["_id"], **told)
