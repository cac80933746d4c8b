"""What agents ask a person or a provider to do: refunds and deposits that are stored and move nothing by themselves.

    agent_requests: _id, kind (top_up or refund), status (pending, done or refused), wallet, payment, source, currency,
                    amount_minor, by, at, closed_at, closed_by

A person does it at the provider, whose webhook then books it, and closes the request with `gateway requests close`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from gateway.access.acts import note_act
from gateway.errors import BadRequest, NotFound
from gateway.money import decimal_text
from gateway.monitoring.alerts import resolve_alert
from gateway.queries.alerts import REQUEST_ALERT
from gateway.queries.reading import Database, answered_within

REQUESTS: Final = "agent_requests"
LISTED_MAX: Final = 1_000
Ending = Literal["done", "refused"]


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """One request as it is listed."""

    request_id: str
    kind: str
    status: str
    wallet: str | None
    payment: str | None
    currency: str
    amount: str
    by: str
    at: datetime


async def list_requests(database: Database, *, only_pending: bool = True, limit: int = 50) -> list[AgentRequest]:
    """The latest first. Raises `BadRequest` and `StoreUnavailable`."""
    if not 1 <= limit <= LISTED_MAX:
        raise BadRequest(f"limit is 1 to {LISTED_MAX}.")
    wanted = {"status": "pending"} if only_pending else {}
    with answered_within():
        found = await database[REQUESTS].find(wanted).sort("at", -1).limit(limit).to_list()
    return [_request(document) for document in found]


async def close_request(database: Database, request_id: str, ending: Ending, *, by: str, now: datetime) -> AgentRequest:
    """Say how it ended; its alert is resolved, and who said so is kept. Raises `NotFound`, and `BadRequest` for one that has
    ended."""
    pending = {"_id": request_id, "status": "pending"}
    ended = {"$set": {"status": ending, "closed_at": now, "closed_by": by}}
    with answered_within():
        changed = await database[REQUESTS].update_one(pending, ended)
        found = await database[REQUESTS].find_one({"_id": request_id})
        if found is None:
            raise NotFound("There is no request with this id; list them with: gateway requests list.")
        if not changed.modified_count:
            raise BadRequest(f"This request has ended already: {found['status']}.")
        alert = await database.alerts.find_one({"open": f"{REQUEST_ALERT}:{request_id}"}, {"_id": 1})
        if alert is not None:
            await resolve_alert(database, alert["_id"], now=now)
    details = {"kind": found["kind"], "ending": ending}
    await note_act(database, act="request.close", subject=request_id, by=by, via="command", details=details, now=now)
    return _request(found)


def _request(document: dict[str, Any]) -> AgentRequest:
    return AgentRequest(
        request_id=document["_id"],
        kind=document["kind"],
        status=document["status"],
        wallet=document["wallet"],
        payment=document["payment"],
        currency=document["currency"],
        amount=decimal_text(document["amount_minor"], document["currency"]),
        by=document["by"],
        at=document["at"],
    )
