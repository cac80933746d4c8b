"""The REST paths, as data: each with the scope it needs, the group it is counted in, and the question it asks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import __version__
from gateway.access.door import Door, challenge, presented_key
from gateway.access.limits import Group
from gateway.api.answering import answer, json_response, limit_of, query_of
from gateway.api.payments import Payments
from gateway.api.scrape import scrape
from gateway.clock import Clock, system_clock, utc
from gateway.errors import GatewayError
from gateway.ledger.limits import read_limits
from gateway.problem import problem_response
from gateway.queries.events import event_status
from gateway.queries.health import Readiness, health
from gateway.queries.history import wallet_history
from gateway.queries.past import balances_at, moment
from gateway.queries.payments import payment_status
from gateway.queries.period import period
from gateway.queries.reading import Database
from gateway.queries.trouble import errors_summary
from gateway.queries.wallets import wallet_balances
from gateway.settings import Settings

Handler = Callable[[Request], Awaitable[Response]]


def routes(
    database: Callable[[], Database], door: Door, settings: Settings, *, clock: Clock = system_clock
) -> list[Route]:
    """Everything under the REST API. `database` is asked for at each request, because the application opens it later."""
    ask = _Questions(database, settings, clock)
    payments = Payments(database, read_limits(settings.kyc_limits, settings.kyc_level_default), clock)
    ready = Readiness(database)

    def guarded(path: str, scope: str, group: Group, handler: Handler) -> Route:
        return Route(path, _guarded(handler, door, scope=scope, group=group), methods=["GET"])

    async def readiness(request: Request) -> Response:
        try:
            await ready.check()
        except GatewayError as error:
            return problem_response(error)
        return json_response({"status": "ready"})

    return [
        Route("/health", _alive, methods=["GET"]),
        Route("/ready", readiness, methods=["GET"]),
        guarded("/transaction/{tx_id:path}", "payments:read", "api", ask.transaction),
        guarded("/events/{event_id:path}", "events:read", "api", ask.event),
        guarded("/wallets/{wallet_id:path}/transactions", "wallets:read", "api", ask.wallet_transactions),
        guarded("/wallets/{wallet_id:path}", "wallets:read", "api", ask.wallet),
        guarded("/api/v1/payments/wallet/balance", "wallets:read", "api", payments.balance),
        guarded("/api/v1/payments/wallet/transactions", "wallets:read", "api", payments.transactions),
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
        return answer(await payment_status(self.database(), request.path_params["tx_id"]))

    async def event(self, request: Request) -> Response:
        return answer(await event_status(self.database(), request.path_params["event_id"]))

    async def wallet(self, request: Request) -> Response:
        wallet_id, query = request.path_params["wallet_id"], query_of(request, {"at"})
        if "at" in query:
            return answer(await balances_at(self.database(), wallet_id, moment(query["at"])))
        return answer(await wallet_balances(self.database(), wallet_id))

    async def wallet_transactions(self, request: Request) -> Response:
        query = query_of(request, {"currency", "limit", "cursor"})
        page = await wallet_history(
            self.database(),
            request.path_params["wallet_id"],
            currency=query.get("currency"),
            limit=limit_of(query),
            cursor=query.get("cursor"),
        )
        return answer(page)

    async def health(self, request: Request) -> Response:
        found = await health(self.database(), self.settings, now=utc(self.clock()))
        return answer(found, status_code=503 if found.status == "down" else 200)

    async def errors(self, request: Request) -> Response:
        query = query_of(request, {"period", "limit"})
        asked = period(query.get("period", "day"), utc(self.clock()))
        return answer(await errors_summary(self.database(), asked, limit=limit_of(query)))


async def _alive(request: Request) -> Response:
    """The process answers; it says nothing about MongoDB, so that a restart is not the cure for an outage there."""
    return json_response({"status": "alive", "version": __version__})


def _guarded(handler: Handler, door: Door, *, scope: str, group: Group) -> Handler:
    """Admit the caller, then ask; every refusal becomes a problem document with the challenge it calls for."""

    async def admitted(request: Request) -> Response:
        address = request.client.host if request.client else ""
        try:
            await door.admit(presented_key(request.headers), address=address, group=group, scope=scope)
            return await handler(request)
        except GatewayError as error:
            return problem_response(error, challenge(error, scope=scope))

    return admitted
