"""The application with a worker beside it in one process: webhooks go in by the real route and are booked while agents ask."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import time
from typing import Any, Literal

import httpx2
from booked_store import CIPHER
from deliveries import signed
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult
from running_gateway import SECRETS
from served import Served, serving

from gateway.access.keys import SCOPES
from gateway.app import build_app
from gateway.ledger.lease import Lease
from gateway.ledger.limits import read_limits
from gateway.ledger.store import LedgerStore
from gateway.mongo import connect
from gateway.pipeline import Processing
from gateway.pipeline.scoring import Scoring
from gateway.settings import Settings
from gateway.worker import Worker

AGENT_SCOPES = tuple(scope for scope in SCOPES if scope != "admin")
Run = Callable[..., Any]


def working_on(mongo_uri: str, database_name: str) -> Run:
    """For a fixture: `run(work, **settings)` runs `await work(served)` beside a worker."""

    def run(work: Callable[[Served], Awaitable[Any]], **fields: Any) -> Any:
        async def main() -> Any:
            async with working(mongo_uri, database_name, **fields) as served:
                return await work(served)

        return asyncio.run(main())

    return run


@asynccontextmanager
async def working(mongo_uri: str, database_name: str, **fields: Any) -> AsyncIterator[Served]:
    """The gateway on this database, until the end of the block."""
    given: dict[str, Any] = {
        "mongo_timeout_ms": 20_000,
        "mongo_database": database_name,
        **{name.lower(): secret for name, secret in SECRETS.items()},
    }
    settings = Settings(_env_file=None, **(given | fields))
    async with connect(mongo_uri, settings) as client:
        database = client[settings.mongo_database]
        async with serving(build_app(settings, mongo_uri)) as url:
            lease = Lease(database, lease_s=30)
            limits = read_limits(settings.kyc_limits, settings.kyc_level_default)
            processing = Processing(
                database,
                LedgerStore(database, lease, limits),
                cipher=CIPHER,
                clock=time,
                scoring=Scoring(database, narrate_from_score=60, model_configured=False),
            )
            worker = Worker(database, lease, processing, batch_max=50, lease_s=30)
            stop = asyncio.Event()
            task = asyncio.create_task(worker.run(stop))
            try:
                yield Served(url, database)
            finally:
                stop.set()
                await task


async def send(served: Served, source: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """One signed webhook by the real route, waited for until it is settled; the answer."""
    delivery = signed(source, body)
    async with httpx2.AsyncClient(base_url=served.url) as client:
        headers = {**delivery.headers, "Prefer": "wait=5"}
        answer = await client.post(delivery.path, content=delivery.body, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def capture(served: Served, payment: str, amount_minor: int, wallet: str, **texts: Any) -> dict[str, Any]:
    """A captured Razorpay payment in INR into the wallet; `texts` are further fields of the payment."""
    notes = {"wallet_id": wallet} | texts.pop("notes", {})
    entity = {"id": payment, "amount": amount_minor, "currency": "INR", "notes": notes, **texts}
    return await send(
        served,
        "razorpay",
        {
            "event": "payment.captured",
            "account_id": "acc_1",
            "created_at": 1,
            "payload": {"payment": {"entity": entity}},
        },
    )


@asynccontextmanager
async def asking_agent(
    served: Served,
    *scopes: str,
    answers: ElicitResult | None = None,
    key: str = "",
    questions: list[str] | None = None,
    mode: Literal["auto", "legacy"] = "auto",
) -> AsyncIterator[Client]:
    """An agent whose person gives this answer to every question; without one its client cannot ask."""

    async def asked(_context: Any, params: Any) -> ElicitResult:
        if questions is not None:
            questions.append(params.message)
        assert answers is not None
        return answers

    key = key or await served.key(*(scopes or AGENT_SCOPES))
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http:
        transport = streamable_http_client(f"{served.url}/mcp", http_client=http)
        async with Client(transport, mode=mode, elicitation_callback=asked if answers else None) as client:
            yield client


YES = ElicitResult(action="accept", content={"confirm": True})
NO = ElicitResult(action="accept", content={"confirm": False})
DECLINED = ElicitResult(action="decline")
