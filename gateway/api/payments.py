"""`/api/v1/payments/wallet/…`: a wallet's balance with its limits, and its statement, as wallet front ends ask for them."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.answering import answer, limit_of, query_of, whole_number
from gateway.clock import Clock, utc
from gateway.errors import BadRequest
from gateway.ledger.limits import Limits
from gateway.queries.allowance import wallet_allowance
from gateway.queries.reading import Database
from gateway.queries.statement import filters, wallet_statement


@dataclass(frozen=True, slots=True)
class Payments:
    """From a request to a question to its answer."""

    database: Callable[[], Database]
    limits: Limits
    clock: Clock

    async def balance(self, request: Request) -> Response:
        query = query_of(request, {"wallet_id", "currency"})
        found = await wallet_allowance(
            self.database(),
            _wallet_id(query),
            limits=self.limits,
            now=utc(self.clock()),
            currency=query.get("currency"),
        )
        return answer(found)

    async def transactions(self, request: Request) -> Response:
        known = {"wallet_id", "currency", "type", "status", "from", "to", "skip", "limit", "cursor"}
        query = query_of(request, known)
        page = await wallet_statement(
            self.database(),
            _wallet_id(query),
            filters(query),
            currency=query.get("currency"),
            skip=whole_number(query, "skip", "0"),
            limit=limit_of(query),
            cursor=query.get("cursor"),
        )
        return answer(page)


def _wallet_id(query: dict[str, str]) -> str:
    if "wallet_id" not in query:
        raise BadRequest("wallet_id is required: an owner, or CUR:owner, such as INR:alice.")
    return query["wallet_id"]
