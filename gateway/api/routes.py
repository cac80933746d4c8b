"""The REST paths, as data: each with the scope it needs, the group it is counted in, and the question it asks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import __version__
from gateway.access.acts import list_acts
from gateway.access.door import Door, challenge, presented_key
from gateway.access.limits import Group
from gateway.access.sources import ManagedSources
from gateway.api.answering import answer, json_response, limit_of, query_of
from gateway.api.events import Events
from gateway.api.payments import Payments
from gateway.api.scrape import scrape
from gateway.api.sources import Sources
from gateway.clock import Clock, system_clock, utc
from gateway.errors import GatewayError
from gateway.ledger.limits import read_limits
from gateway.problem import problem_response
from gateway.queries.health import Readiness, health
from gateway.queries.history import wallet_history
from gateway.queries.insights import PARAMETERS as WANTED
from gateway.queries.insights import find_insights, insight
from gateway.queries.past import balances_at, moment
from gateway.queries.payments import payment_status
from gateway.queries.period import period
from gateway.queries.reading import Database
from gateway.queries.refusals import PARAMETERS, RefusalFilter, find_refusals, security
from gateway.queries.trouble import errors_summary
from gateway.queries.wallets import wallet_balances
from gateway.settings import Settings

Handler = Callable[[Request], Awaitable[Response]]


def routes(
    database: Callable[[], Database],
    door: Door,
    settings: Settings,
    *,
    managed: ManagedSources,
    clock: Clock = system_clock,
) -> list[Route]:
    """Everything under the REST API. `database` is asked for at each request, because the application opens it later."""
    ask = _Questions(database, settings, clock)
    payments = Payments(database, read_limits(settings.kyc_limits, settings.kyc_level_default), clock)
    sources = Sources(managed)
    events = Events(database, clock)
    ready = Readiness(database)

    def guarded(path: str, scope: str, group: Group, handler: Handler, *, method: str = "GET") -> Route:
        return Route(path, _guarded(handler, door, scope=scope, group=group), methods=[method])

    def admin(method: str, path: str, handler: Handler) -> Route:
        return guarded(path, "admin", "api", handler, method=method)

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
        guarded("/events", "events:read", "api", events.list),
        admin("POST", "/events/{event_id:path}/replay", events.replay),
        guarded("/events/{event_id:path}", "events:read", "api", events.show),
        guarded("/wallets/{wallet_id:path}/transactions", "wallets:read", "api", ask.wallet_transactions),
        guarded("/wallets/{wallet_id:path}", "wallets:read", "api", ask.wallet),
        guarded("/insights", "insights:read", "api", ask.insights),
        guarded("/insights/{insight_id:path}", "insights:read", "api", ask.insight),
        guarded("/api/v1/payments/wallet/balance", "wallets:read", "api", payments.balance),
        guarded("/api/v1/payments/wallet/transactions", "wallets:read", "api", payments.transactions),
        guarded("/monitoring/health", "ops:read", "monitoring", ask.health),
        guarded("/monitoring/errors", "ops:read", "monitoring", ask.errors),
        guarded("/monitoring/refusals", "ops:read", "monitoring", ask.refusals),
        guarded("/monitoring/security", "ops:read", "monitoring", ask.security),
        guarded("/monitoring/acts", "ops:read", "monitoring", ask.acts),
        guarded("/metrics", "ops:read", "monitoring", scrape),
        admin("GET", "/sources", sources.list),
        admin("POST", "/sources", sources.add),
        admin("GET", "/sources/{name}", sources.show),
        admin("POST", "/sources/{name}", sources.change),
        admin("POST", "/sources/{name}/rotate", sources.rotate),
        admin("POST", "/sources/{name}/disable", sources.disable),
        admin("POST", "/sources/{name}/enable", sources.enable),
    ]


@dataclass(frozen=True, slots=True)
class _Questions:
    """From a request to a question to its answer."""

    database: Callable[[], Database]
    settings: Settings
    clock: Clock

    async def transaction(self, request: Request) -> Response:
        return answer(await payment_status(self.database(), request.path_params["tx_id"]))

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

    async def insights(self, request: Request) -> Response:
        query = query_of(request, {*WANTED, "limit", "cursor"})
        wanted = {name: text for name, text in query.items() if name in WANTED}
        found = await find_insights(self.database(), wanted, limit=limit_of(query), cursor=query.get("cursor"))
        return answer(found)

    async def insight(self, request: Request) -> Response:
        return answer(await insight(self.database(), request.path_params["insight_id"]))

    async def health(self, request: Request) -> Response:
        found = await health(self.database(), self.settings, now=utc(self.clock()))
        return answer(found, status_code=503 if found.status == "down" else 200)

    async def errors(self, request: Request) -> Response:
        query = query_of(request, {"period", "limit"})
        now = utc(self.clock())
        asked = period(query.get("period", "day"), now)
        return answer(await errors_summary(self.database(), asked, now=now, limit=limit_of(query)))

    async def refusals(self, request: Request) -> Response:
        query = query_of(request, {*PARAMETERS, "limit", "cursor"})
        wanted = RefusalFilter(**{name: text for name, text in query.items() if name in PARAMETERS})
        found = await find_refusals(self.database(), wanted, limit=limit_of(query), cursor=query.get("cursor"))
        return answer(found)

    async def security(self, request: Request) -> Response:
        query = query_of(request, {"period", "limit"})
        asked = period(query.get("period", "week"), utc(self.clock()))
        found = await security(self.database(), since=asked.since, until=asked.until, limit=limit_of(query))
        return answer(found)

    async def acts(self, request: Request) -> Response:
        query = query_of(request, {"act", "subject", "limit"})
        found = await list_acts(
            self.database(), act=query.get("act"), subject=query.get("subject"), limit=limit_of(query)
        )
        return json_response({"acts": found})


async def _alive(request: Request) -> Response:
    """The process answers; it says nothing about MongoDB, so that a restart is not the cure for an outage there."""
    return json_response({"status": "alive", "version": __version__})


def _guarded(handler: Handler, door: Door, *, scope: str, group: Group) -> Handler:
    """Admit the caller, then ask; every refusal becomes a problem document with the challenge it calls for."""

    async def admitted(request: Request) -> Response:
        address = request.client.host if request.client else ""
        try:
            request.state.principal = await door.admit(
                presented_key(request.headers), address=address, group=group, scope=scope
            )
            return await handler(request)
        except GatewayError as error:
            return problem_response(error, challenge(error, scope=scope))

    return admitted
