"""`/events`: what became of deliveries, and the order to take one through the pipeline again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.acts import holder, note_act
from gateway.api.answering import answer, json_response, limit_of, query_of
from gateway.api.bodies import json_object
from gateway.clock import Clock, utc
from gateway.errors import Conflict, NotFound, NotTheShape, StoreUnavailable
from gateway.events.replay import Skip, plan_replay, put_back
from gateway.queries.event_filter import FILTERS, event_filter
from gateway.queries.event_list import list_events
from gateway.queries.events import event_status
from gateway.queries.reading import Database, answered_within, identifier

_STAYS: Final[Mapping[Skip, str]] = {
    Skip.WAITING: "It waits for the worker already.",
    Skip.DECIDED: 'It is decided (applied or stale). {"ignore_seen": true} replays it; money does not move twice.',
    Skip.TOLD_NO: (
        "It was rejected by funds or limits and the asker was told no. "
        '{"ignore_seen": true} replays it all the same, and then the money may go out.'
    ),
    Skip.BODY_REMOVED: "Its body was removed because of its age; there is nothing left to replay.",
}


class ReplayAsked(BaseModel):
    """`ignore_seen`: also an event that was decided, or whose asker was told no."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    ignore_seen: bool = False


@dataclass(frozen=True, slots=True)
class Events:
    """From a request to a question to its answer."""

    database: Callable[[], Database]
    clock: Clock

    async def list(self, request: Request) -> Response:
        query = query_of(request, {*FILTERS, "limit", "cursor"})
        wanted = event_filter({name: query.get(name) for name in FILTERS})
        return answer(await list_events(self.database(), wanted, limit=limit_of(query), cursor=query.get("cursor")))

    async def show(self, request: Request) -> Response:
        return answer(await event_status(self.database(), request.path_params["event_id"]))

    async def replay(self, request: Request) -> Response:
        """202: the event waits for the worker again. Raises `NotFound`, and `Conflict` for one that stays as it is."""
        event_id = identifier(request.path_params["event_id"])
        asked = _asked(await json_object(request))
        database, by, now = self.database(), holder(request.state.principal), utc(self.clock())
        with answered_within():
            plan = await plan_replay(database["events"], [event_id], ignore_seen=asked.ignore_seen, alone=True)
            for skip in plan.skipped.values():
                if skip is Skip.UNKNOWN:
                    raise NotFound("No event with this id is stored; the id is the event_id that the 202 gave.")
                raise Conflict(_STAYS[skip])
            details = {"ignore_seen": asked.ignore_seen, "outcomes": plan.by_outcome, "told_no": plan.told_no}
            await note_act(database, act="event.replay", subject=event_id, by=by, via="api", details=details, now=now)
            if not await put_back(database["events"], plan, by=by, now=now):
                raise StoreUnavailable("The event changed in this moment; ask again.")
        told = {"note": "The asker was told no; if it is applied now, the money goes out all the same."}
        return json_response({"event_id": event_id, "outcome": "waiting", **(told if plan.told_no else {})}, 202)


def _asked(sent: dict[str, Any]) -> ReplayAsked:
    """Raises `NotTheShape`."""
    try:
        return ReplayAsked.model_validate(sent)
    except ValidationError:
        raise NotTheShape({"ignore_seen": "true or false, and nothing beside it"}, of="this path takes") from None
