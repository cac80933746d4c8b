"""The same answers as resources, for a client that attaches them instead of calling a tool, and completion of their ids."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, Completion, CompletionArgument, ResourceTemplateReference
from pydantic import BaseModel

from gateway.errors import GatewayError
from gateway.masking import mask
from gateway.mcp_tools.asking import Around
from gateway.mcp_tools.payments import Payments
from gateway.mcp_tools.reports import Reports
from gateway.mcp_tools.strict import masked, told_of
from gateway.mcp_tools.terms import Terms
from gateway.mcp_tools.wallets import Wallets
from gateway.queries.assessed import InsightSummary, insight_summary
from gateway.queries.basis import Basis
from gateway.queries.insights import Insight, insight
from gateway.queries.reading import answered_within, identifier

COMPLETIONS_MAX: Final = 20
PERIODS: Final = ("day", "week", "month")


@dataclass(frozen=True, slots=True)
class Template:
    """A form of URI. It is offered with its toolset and readable with its scope."""

    toolset: str
    scope: str
    title: str
    description: str


TEMPLATES: Final[Mapping[str, Template]] = {
    "payments://{id}": Template(
        "payments", "payments:read", "A payment", "State, transactions and risk of one payment."
    ),
    "wallets://{id}": Template("wallets", "wallets:read", "A wallet", "Balances of an owner, or of one CUR:owner."),
    "insights://{id}": Template(
        "insights", "insights:read", "An insight", "Of an event by its id, or of a day, wallet or attack."
    ),
    "reports://{period}": Template("reports", "reports:read", "A report", "Figures of day, week, month or FROM..TO."),
}
SCOPE_OF_SCHEME: Final = {uri.partition(":")[0]: template.scope for uri, template in TEMPLATES.items()}


@dataclass(frozen=True, slots=True)
class Completable:
    """What an argument stands for: ids of a collection, or a period. Completed where its toolset is offered, for who has its
    scope."""

    toolset: str
    scope: str
    collection: str | None = None
    field: str = "_id"


_PAYMENTS: Final = Completable("payments", "payments:read", "objects", "object_id")
_WALLETS: Final = Completable("wallets", "wallets:read", "wallets", "owner")
COMPLETABLE: Final[Mapping[tuple[str, str], Completable]] = {
    ("payments://{id}", "id"): _PAYMENTS,
    ("wallets://{id}", "id"): _WALLETS,
    ("insights://{id}", "id"): Completable("insights", "insights:read", "insights"),
    ("reports://{period}", "period"): Completable("reports", "reports:read"),
    ("daily_review", "period"): Completable("insights", "insights:read"),
    ("dispute_review", "payment_id"): _PAYMENTS,
    ("wallet_investigation", "wallet_id"): _WALLETS,
    ("wallet_investigation", "period"): Completable("wallets", "wallets:read"),
}
"""By template or prompt, and its argument. Nothing else is completed."""


class ToldInsight(InsightSummary):
    """With what it rests on."""

    basis: Basis


class ToldPeriodInsight(Insight):
    """With what it rests on."""

    basis: Basis


def add_resources(server: MCPServer[Any], around: Around, offered: Mapping[str, Terms]) -> None:
    """Those whose toolset is offered, with completion of what stands in their place."""
    toolsets = {terms.toolset for terms in offered.values()}
    readers: dict[str, Callable[[str], Awaitable[BaseModel]]] = {
        "payments://{id}": Payments(around).get_payment_status,
        "wallets://{id}": Wallets(around).get_wallet_balance,
        "insights://{id}": lambda event_id: _insight(around, event_id),
        "reports://{period}": lambda period: Reports(around).generate_custom_report(
            ["totals", "outcomes", "risk", "refusals", "performance"], period
        ),
    }
    for uri, template in TEMPLATES.items():
        if template.toolset in toolsets:
            server.resource(uri, title=template.title, description=template.description, mime_type="application/json")(
                _reader(uri, readers[uri])
            )

    async def complete(ref: Any, argument: CompletionArgument, _context: Any) -> Completion | None:
        of = ref.uri if isinstance(ref, ResourceTemplateReference) else ref.name
        asked = COMPLETABLE.get((of, argument.name))
        if asked is None or asked.toolset not in toolsets or asked.scope not in around.caller().scopes:
            return None
        values = await _completed(around, asked, argument.value)
        return Completion(values=values, has_more=len(values) == COMPLETIONS_MAX)

    server.completion()(complete)  # type: ignore[no-untyped-call]  # the SDK leaves the decorator untyped


def _reader(uri: str, read: Callable[[str], Awaitable[BaseModel]]) -> Callable[..., Awaitable[str]]:
    async def answer(asked: str) -> str:
        try:
            return masked(await read(asked), {"asked": asked}).model_dump_json()
        except GatewayError as failed:
            told = told_of(failed)
            code = INVALID_PARAMS if told is not None and not failed.retryable else INTERNAL_ERROR
            raise MCPError(code=code, message=mask(told or "It could not be read.", shown={asked})) from None

    name = uri.partition(":")[0]
    if name == "reports":

        async def read_period(period: str) -> str:
            return await answer(period)

        read_period.__name__ = name
        return read_period

    async def read_id(id: str) -> str:
        return await answer(id)

    read_id.__name__ = name
    return read_id


async def _insight(around: Around, insight_id: str) -> ToldInsight | ToldPeriodInsight:
    """Of an event by the event's id, else of a wallet, the business or the door by its own."""
    with answered_within():
        found = await around.database().insights.find_one({"_id": identifier(insight_id)})
    if found is None:
        told = await insight(around.database(), insight_id)
        events = told.rests_on.get("events")
        basis = Basis(since=told.since, until=told.until, events=events if isinstance(events, int) else 1, model=None)
        return ToldPeriodInsight(**told.model_dump(), basis=basis)
    summary = insight_summary(found)
    basis = Basis(since=found["at"], until=around.now(), events=1, model=summary.model)
    return ToldInsight(**summary.model_dump(), basis=basis)


async def _completed(around: Around, asked: Completable, begun: str) -> list[str]:
    """Stored ids that begin so; none that names a person in a form we mask."""
    if asked.collection is None:
        return [period for period in PERIODS if period.startswith(begun)]
    if len(begun) > 128 or not begun.isprintable():
        return []
    with answered_within():
        stages: list[dict[str, Any]] = [
            {"$match": {asked.field: {"$regex": f"^{re.escape(begun)}"}}},
            {"$sort": {asked.field: 1}},
            {"$limit": 10 * COMPLETIONS_MAX},
            {"$group": {"_id": f"${asked.field}"}},
            {"$sort": {"_id": 1}},
            {"$limit": COMPLETIONS_MAX},
        ]
        found = [row["_id"] async for row in await around.database()[asked.collection].aggregate(stages)]
    return [value for value in found if mask(value) == value]
