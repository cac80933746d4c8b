"""The REST paths, as data: each with the scope it needs, the group it is counted in, and the question it asks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import __version__
from gateway.access.door import Door, challenge, presented_key
from gateway.access.limits import Group
from gateway.api.scrape import scrape
from gateway.clock import Clock, system_clock, utc
from gateway.errors import BadRequest, GatewayError
from gateway.problem import problem_response
from gateway.queries.events import event_status
from gateway.queries.health import Readiness, health
from gateway.queries.history import wallet_history
from gateway.queries.payments import payment_status
from gateway.queries.period import period
from gateway.queries.reading import Database
from gateway.queries.trouble import errors_summary
from gateway.queries.wallets import wallet_balances
from gateway.settings import Settings

QUERY_LENGTH_MAX: Final = 2_048
_NO_STORE: Final = {"Cache-Control": "no-store"}

Handler = Callable[[Request], Awaitable[Response]]


def routes(
    database: Callable[[], Database], door: Door, settings: Settings, *, clock: Clock = system_clock
) -> list[Route]:
    """Everything under the REST API. `database` is asked for at each request, because the application opens it later."""
    ask = _Questions(database, settings, clock)
    ready = Readiness(database)

    def guarded(path: str, scope: str, group: Group, handler: Handler) -> Route:
        return Route(path, _guarded(handler, door, scope=scope, group=group), methods=["GET"])

    async def readiness(request: Request) -> Response:
        try:
            await ready.check()
        except GatewayError as error:
            return problem_response(error)
        return _json({"status": "ready"})

    return [
        Route("/health", _alive, methods=["GET"]),
        Route("/ready", readiness, methods=["GET"]),
        guarded("/transaction/{tx_id:path}", "payments:read", "api", ask.transaction),
        guarded("/events/{event_id:path}", "events:read", "api", ask.event),
        guarded("/wallets/{wallet_id:path}/transactions", "wallets:read", "api", ask.wallet_transactions),
        guarded("/wallets/{wallet_id:path}", "wallets:read", "api", ask.wallet),
        guarded("/monitoring/health", "ops:read", "monitoring", ask.health),
        guarded("/monitoring/errors", "ops:read", "monitoring", ask.errors),
        guarded("/metrics", "ops:read", "monitoring", scrape),
    ]


@dataclass(frozen=True, slots=True)
class _Questions:
    """From a request to a question to its answer."""

    database: Callable[[], Database]
    settings: Settings
    clock: Clock

    async def transaction(self, request: Request) -> Response:
        return _answer(await payment_status(self.database(), request.path_params["tx_id"]))

    async def event(self, request: Request) -> Response:
        return _answer(await event_status(self.database(), request.path_params["event_id"]))

    async def wallet(self, request: Request) -> Response:
        return _answer(await wallet_balances(self.database(), request.path_params["wallet_id"]))

    async def wallet_transactions(self, request: Request) -> Response:
        query = _query(request, {"currency", "limit", "cursor"})
        page = await wallet_history(
            self.database(),
            request.path_params["wallet_id"],
            currency=query.get("currency"),
            limit=_limit(query),
            cursor=query.get("cursor"),
        )
        return _answer(page)

    async def health(self, request: Request) -> Response:
        found = await health(self.database(), self.settings, now=utc(self.clock()))
        return _answer(found, status_code=503 if found.status == "down" else 200)

    async def errors(self, request: Request) -> Response:
        query = _query(request, {"period", "limit"})
        asked = period(query.get("period", "day"), utc(self.clock()))
        return _answer(await errors_summary(self.database(), asked, limit=_limit(query)))


async def _alive(request: Request) -> Response:
    """The process answers; it says nothing about MongoDB, so that a restart is not the cure for an outage there."""
    return _json({"status": "alive", "version": __version__})


def _guarded(handler: Handler, door: Door, *, scope: str, group: Group) -> Handler:
    """Admit the caller, then ask; every refusal becomes a problem document with the challenge it calls for."""

    async def answer(request: Request) -> Response:
        address = request.client.host if request.client else ""
        try:
            await door.admit(presented_key(request.headers), address=address, group=group, scope=scope)
            return await handler(request)
        except GatewayError as error:
            return problem_response(error, challenge(error, scope=scope))

    return answer


def _query(request: Request, known: set[str]) -> dict[str, str]:
    """The query's parameters, each at most once. Raises `BadRequest` for one that this path does not have."""
    if len(request.scope["query_string"]) > QUERY_LENGTH_MAX:
        raise BadRequest(f"A query is at most {QUERY_LENGTH_MAX} bytes.")
    pairs = request.query_params.multi_items()
    query = dict(pairs)
    if len(query) != len(pairs) or not query.keys() <= known:
        raise BadRequest(f"This path takes these parameters, each once: {', '.join(sorted(known))}.")
    return query


def _limit(query: dict[str, str]) -> int:
    text = query.get("limit", "20")
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise BadRequest("limit is a whole number.")
    return int(text)


def _answer(found: BaseModel, status_code: int = 200) -> Response:
    return _json(found.model_dump(), status_code)


def _json(content: object, status_code: int = 200) -> Response:
    return Response(
        orjson.dumps(content, option=orjson.OPT_UTC_Z),
        status_code=status_code,
        headers=_NO_STORE,
        media_type="application/json",
    )
