"""The stored insights of every level, one way to ask for them: of events, wallets, the business, and of the door's security.

What an insight says beyond its head is in `findings`, whose fields depend on level and period (`gateway.insights.period_store`).
Amounts are there in minor units, with the decimal text beside them.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson import Decimal128

from gateway.errors import BadRequest, NotFound
from gateway.insights.period_store import NAME
from gateway.money import decimal_text
from gateway.queries.period import moment
from gateway.queries.reading import Answer, Database, Document, answered_within, identifier, page_size

PARAMETERS: Final = ("level", "subject", "period", "since", "until")
LEVELS: Final = ("business", "wallet", "event", "security")
PERIODS: Final = ("day", "week", "month")
_COLLECTIONS: Final = {"business": NAME, "wallet": NAME, "event": "insights", "security": "security_insights"}
_SUBJECTS: Final = {"business": "subject", "wallet": "subject", "event": "wallet", "security": "source"}
_HEAD: Final = frozenset(
    {"_id", "level", "subject", "period", "name", "since", "until", "at", "rests_on", "narrative", "narrate"}
)
_UNTOLD: Final = frozenset({"counterparty"})
"""Of an event: what its sender wrote as free text."""
_CURSOR: Final = re.compile(r"(-?[0-9]{1,15}) (.{1,512})")
NO_CURSOR: Final = "This cursor was not given by the gateway; start again without one."
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Insight(Answer):
    """One insight. `name` is its day (2026-11-20), week (2026-W47) or month (2026-11); null where it has no such period."""

    id: str
    level: str
    subject: str
    period: str | None
    name: str | None
    since: datetime
    until: datetime
    at: datetime
    """When it was computed."""
    findings: dict[str, Any]
    rests_on: dict[str, Any]
    narrative_status: str
    """absent, pending, written or failed; `narrative_reason` says why."""
    narrative_reason: str | None
    headline: str | None
    narrative: str | None
    sentences_dropped: int
    """Sentences of the model's that held a number which its facts do not hold."""


class Insights(Answer):
    """One page, newest first. `next_cursor` gets the page after it; null on the last one."""

    insights: list[Insight]
    next_cursor: str | None


async def find_insights(
    database: Database, wanted: Mapping[str, str], *, limit: int = 20, cursor: str | None = None
) -> Insights:
    """`wanted` has any of `PARAMETERS`, the level being business if none is given; `since` and `until` bound the begin of what an
    insight is about. Raises `BadRequest`."""
    level = wanted.get("level", "business")
    if level not in LEVELS:
        raise BadRequest(f"level is one of: {', '.join(LEVELS)}.")
    page_size(limit)
    with answered_within():
        if level == "event":
            return await _event_insights(database, _match(wanted, level, "at"), limit, cursor)
        match = _match(wanted, level, "since")
        if cursor is not None:
            begun, last = _position(cursor)
            match = {"$and": [match, {"$or": [{"since": {"$lt": begun}}, {"since": begun, "_id": {"$gt": last}}]}]}
        order = [("since", -1), ("_id", 1)]
        found = await database[_COLLECTIONS[level]].find(match).sort(order).limit(limit + 1).to_list()
    page = found[:limit]
    return Insights(
        insights=[_insight(each, level) for each in page],
        next_cursor=_cursor(page[-1]["since"], page[-1]["_id"]) if len(found) > limit else None,
    )


async def _event_insights(database: Database, match: dict[str, Any], limit: int, cursor: str | None) -> Insights:
    """In the order of the index by time alone: one that also orders those of one batch would be one more to write for each event.
    So the cursor says how many of the same moment were given."""
    skip = 0
    if cursor is not None:
        begun, given = _position(cursor)
        if not (given.isascii() and given.isdigit() and len(given) < 6):
            raise BadRequest(NO_CURSOR)
        match, skip = {"$and": [match, {"at": {"$lte": begun}}]}, int(given)
    found = await database.insights.find(match).sort("at", -1).skip(skip).limit(limit + 1).to_list()
    page = found[:limit]
    more = None
    if len(found) > limit:
        last = page[-1]["at"]
        same = sum(each["at"] == last for each in page)
        more = _cursor(last, str(same + skip if cursor is not None and page[0]["at"] == last == begun else same))
    return Insights(insights=[_insight(each, "event") for each in page], next_cursor=more)


async def insight(database: Database, insight_id: str) -> Insight:
    """By its id. Raises `NotFound`."""
    identifier(insight_id)
    level = "event" if insight_id.startswith("evt_") else "security" if insight_id.startswith("sec_") else "business"
    with answered_within():
        found = await database[_COLLECTIONS[level]].find_one({"_id": insight_id})
    if found is None:
        raise NotFound("No insight with this id is stored; a day, week or month is told of once it is over.")
    return _insight(found, found.get("level", level) if level == "business" else level)


def _match(wanted: Mapping[str, str], level: str, time: str) -> dict[str, Any]:
    match: dict[str, Any] = {"level": level} if _COLLECTIONS[level] == NAME else {}
    if "subject" in wanted:
        match[_SUBJECTS[level]] = identifier(wanted["subject"])
    if "period" in wanted:
        if wanted["period"] not in PERIODS or _COLLECTIONS[level] != NAME:
            raise BadRequest(f"period is one of: {', '.join(PERIODS)}; insights of events and of security have none.")
        match["period"] = wanted["period"]
    bounds = {
        sign: _moment(wanted[name], name) for name, sign in (("since", "$gte"), ("until", "$lt")) if name in wanted
    }
    return match | ({time: bounds} if bounds else {})


def _moment(text: str, name: str) -> datetime:
    try:
        return moment(text)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} is an ISO date or time in UTC, such as 2026-11-20 or 2026-11-20T10:00.") from None


def _insight(found: Document, level: str) -> Insight:
    written = found.get("narrative") or {"status": "absent", "reason": "no_narrative_of_this_kind"}
    since = found.get("since") or found["at"]
    counted = {"events": 1, "version": found.get("model")} if level == "event" else {"events": found.get("count")}
    findings = _plain({name: value for name, value in found.items() if name not in _HEAD | _UNTOLD})
    if level == "event":
        findings["level"] = found["level"]
    return Insight(
        id=found["_id"],
        level=level,
        subject=str(found.get(_SUBJECTS[level]) or ""),
        period=found.get("period"),
        name=found.get("name"),
        since=since,
        until=found.get("until") or since,
        at=found["at"],
        findings=findings,
        rests_on=_plain(found.get("rests_on") or counted),
        narrative_status=written["status"],
        narrative_reason=written.get("reason"),
        headline=written.get("headline"),
        narrative=written.get("text"),
        sentences_dropped=len(written.get("dropped") or []),
    )


def _plain(value: Any) -> Any:
    """Without MongoDB's own types; each sum of a currency also as decimal text."""
    if isinstance(value, Decimal128):
        return int(value.to_decimal())
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {name: _plain(each) for name, each in value.items()}
    currency = value.get("currency")
    if isinstance(currency, str) and currency:
        for name in [name for name in plain if name.endswith("_minor") and isinstance(plain[name], int)]:
            plain[name.removesuffix("_minor")] = decimal_text(plain[name], currency)
    return plain


def _cursor(begun: datetime, last: str) -> str:
    milliseconds = (begun - _EPOCH) // timedelta(milliseconds=1)
    return base64.urlsafe_b64encode(f"{milliseconds} {last}".encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[datetime, str]:
    """Where a page ended. Raises `BadRequest` for a cursor that we never gave."""
    try:
        decoded = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if len(cursor) <= 1_000 and (read := _CURSOR.fullmatch(decoded)):
            return _EPOCH + timedelta(milliseconds=int(read[1])), read[2]
    except (binascii.Error, UnicodeDecodeError, OverflowError, ValueError):
        pass
    raise BadRequest(NO_CURSOR)
