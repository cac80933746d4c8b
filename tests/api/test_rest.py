"""The REST API over real HTTP: what is answered, to whom, and that nothing is a 500."""

import asyncio
from typing import Any

import httpx2
from seeded_store import TRANSFER_EVENT
from served import InGateway, Served

PATHS = {
    "/transaction/pi_1": "payments:read",
    f"/events/{TRANSFER_EVENT}": "events:read",
    "/wallets/alice": "wallets:read",
    "/wallets/alice/transactions": "wallets:read",
    "/monitoring/health": "ops:read",
    "/monitoring/errors": "ops:read",
    "/metrics": "ops:read",
}


ODD = (
    ("/transaction/unknown", 404),
    ("/transaction/", 400),
    ("/transaction/" + "x" * 513, 400),
    ("/transaction/%00", 400),
    ("/transaction/a%0Ab", 404),
    ("/transaction/%FF%FE", 404),
    ("/transaction/%ED%A0%80", 404),
    ("/transaction/%E2%80%AEabc", 400),
    ("/transaction/a%2Fb", 404),
    ("/transaction/../../etc/passwd", 404),
    ("/transaction/{$gt:1}", 404),
    ("/transaction/same", 400),
    ("/events/evt_1", 404),
    ("/events/%F0%9F%99%82", 404),
    ("/wallets/nobody", 404),
    ("/wallets//transactions", 400),
    ("/wallets/alice/transactions?limit=0", 400),
    ("/wallets/alice/transactions?limit=-1", 400),
    ("/wallets/alice/transactions?limit=٣", 400),
    ("/wallets/alice/transactions?limit=1e3", 400),
    ("/wallets/alice/transactions?limit=" + "9" * 2_000, 400),
    ("/wallets/alice/transactions?cursor=%00", 400),
    ("/wallets/alice/transactions?cursor=" + "A" * 4_000, 400),
    ("/wallets/alice/transactions?currency=%FF", 400),
    ("/wallets/alice/transactions?limit=1&limit=2", 400),
    ("/wallets/alice/transactions?sort=seq", 400),
    ("/monitoring/errors?period=yesterday", 400),
    ("/monitoring/errors?period=2020-01-01..2026-01-01", 400),
    ("/nothing/here", 404),
    ("/", 404),
)
"""What may be asked by accident or malice, and the status it gets."""


async def get(served: Served, path: str, key: str | None = None, **fields: Any) -> httpx2.Response:
    headers = {"X-API-Key": key} if key else {}
    async with httpx2.AsyncClient(base_url=served.url) as client:
        return await client.get(path, headers=headers, **fields)


def test_each_path_answers_a_key_with_its_scope(in_gateway: InGateway) -> None:
    """200, and nothing that a proxy may keep."""

    async def work(served: Served) -> None:
        for path, scope in PATHS.items():
            response = await get(served, path, await served.key(scope))
            assert (path, response.status_code) == (path, 200)
            assert response.headers["cache-control"] == "no-store"

    in_gateway(work)


def test_without_a_key_everything_is_closed_and_says_what_would_open_it(in_gateway: InGateway) -> None:
    """401 with a challenge; nothing is asked of the store."""

    async def work(served: Served) -> None:
        for path, scope in PATHS.items():
            response = await get(served, path)
            assert (path, response.status_code, response.json()["reason"]) == (path, 401, "unauthorized")
            assert response.headers["content-type"] == "application/problem+json"
            assert f'scope="{scope}"' in response.headers["www-authenticate"]

    in_gateway(work)


def test_a_key_without_the_scope_is_told_which_one_it_lacks(in_gateway: InGateway) -> None:
    """403, also for things that do not exist: a key learns nothing outside its scopes."""

    async def work(served: Served) -> None:
        reports = await served.key("reports:read")
        for path, scope in PATHS.items():
            response = await get(served, path, reports)
            assert (path, response.status_code, response.json()["reason"]) == (path, 403, "scope_missing")
            assert f'error="insufficient_scope", scope="{scope}"' in response.headers["www-authenticate"]

    in_gateway(work)


def test_a_bearer_key_opens_as_well(in_gateway: InGateway) -> None:
    """Prometheus and most clients send it that way."""

    async def work(served: Served) -> httpx2.Response:
        key = await served.key("ops:read")
        async with httpx2.AsyncClient(base_url=served.url) as client:
            return await client.get("/metrics", headers={"Authorization": f"Bearer {key}"})

    response = in_gateway(work)
    assert response.status_code == 200
    assert "python_info" in response.text


def test_alive_and_ready_are_open(in_gateway: InGateway) -> None:
    """For whoever starts and stops the process."""

    async def work(served: Served) -> None:
        assert (await get(served, "/health")).json()["status"] == "alive"
        assert (await get(served, "/ready")).json() == {"status": "ready"}

    in_gateway(work)


def test_a_transaction_tells_its_state_movements_and_risk(in_gateway: InGateway) -> None:
    """Amounts in both forms, times in UTC."""

    async def work(served: Served) -> Any:
        return (await get(served, "/transaction/tx-1", await served.key("payments:read"))).json()

    found = in_gateway(work)
    assert (found["state"], found["amount"], found["amount_minor"]) == ("COMPLETED", "30.50", 3_050)
    assert found["transactions"][0]["legs"][0]["amount"] == "-30.50"
    assert found["insight"]["level"] == "critical"
    assert found["received_at"] == "2026-11-21T11:50:00Z"


def test_a_wallets_history_is_paged(in_gateway: InGateway) -> None:
    """The cursor of one page gets the next."""

    async def work(served: Served) -> None:
        key = await served.key("wallets:read")
        first = (await get(served, "/wallets/USD:alice/transactions?limit=2", key)).json()
        path = f"/wallets/USD:alice/transactions?limit=2&cursor={first['next_cursor']}"
        second = (await get(served, path, key)).json()
        assert [entry["seq"] for entry in first["entries"] + second["entries"]] == [3, 2, 1]
        assert second["next_cursor"] is None

    in_gateway(work)


def test_health_tells_ping_backlog_worker_and_model(in_gateway: InGateway) -> None:
    """The oldest event waits for two minutes, so it is degraded and says why."""

    async def work(served: Served) -> Any:
        return (await get(served, "/monitoring/health", await served.key("ops:read"))).json()

    found = in_gateway(work, gemini_api_key=None)
    assert (found["mongodb"], found["worker"], found["backlog"], found["model"]) == (
        "reachable",
        "running",
        1,
        "absent",
    )
    assert "GEMINI_API_KEY" in found["model_reason"]
    assert (found["status"], len(found["problems"])) == ("degraded", 1)


def test_errors_are_told_for_a_period(in_gateway: InGateway) -> None:
    """The refusal of forty days ago only when it is asked for."""

    async def work(served: Served) -> None:
        key = await served.key("ops:read")
        today = (await get(served, "/monitoring/errors", key)).json()
        assert today["refused_requests"]["count"] == 3
        spring = "/monitoring/errors?period=2026-10-01..2026-11-21T12:00"
        assert (await get(served, spring, key)).json()["refused_requests"]["count"] == 4

    in_gateway(work)


def test_whatever_is_asked_the_answer_is_a_problem_document(in_gateway: InGateway) -> None:
    """400 or 404 with a reason; never a 500, never HTML."""

    async def work(served: Served) -> None:
        key = await served.key("payments:read", "events:read", "wallets:read", "ops:read")
        for path, status in ODD:
            response = await get(served, path, key)
            assert (path, response.status_code) == (path, status)
            assert (path, response.headers["content-type"]) == (path, "application/problem+json")
            assert {"type", "title", "status", "detail", "reason"} == response.json().keys()

    in_gateway(work)


def test_whatever_is_sent_as_a_key_the_answer_is_401(in_gateway: InGateway) -> None:
    """Empty, unknown, not ASCII, far too long."""

    async def work(served: Served) -> None:
        async with httpx2.AsyncClient(base_url=served.url) as client:
            for key in ("", "nonsense", f"apg_{'0' * 16}_{'A' * 43}", "apg_\xff", "x" * 10_000):
                response = await client.get("/wallets/alice", headers={b"X-API-Key": key.encode("latin-1")})
                assert response.status_code == 401

    in_gateway(work)


def test_a_wrong_method_is_a_problem_document_that_names_the_right_one(in_gateway: InGateway) -> None:
    """405 with Allow."""

    async def work(served: Served) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=served.url) as client:
            return await client.delete("/wallets/alice")

    response = in_gateway(work)
    assert (response.status_code, response.json()["reason"]) == (405, "wrong_method")
    assert "GET" in response.headers["allow"]


def test_a_slash_too_many_is_not_a_redirect(in_gateway: InGateway) -> None:
    """A redirect would lose the key or the body of some clients."""

    async def work(served: Served) -> httpx2.Response:
        return await get(served, "/health/")

    assert in_gateway(work).status_code == 404


def test_a_key_beyond_its_limit_waits_while_another_passes(in_gateway: InGateway) -> None:
    """429 with Retry-After; /monitoring has its own number."""

    async def work(served: Served) -> None:
        key, other = await served.key("wallets:read", "ops:read"), await served.key("wallets:read")
        statuses = [(await get(served, "/wallets/alice", key)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        limited = await get(served, "/wallets/alice", key)
        assert (limited.json()["reason"], int(limited.headers["retry-after"]) >= 1) == ("limited", True)
        assert (await get(served, "/wallets/alice", other)).status_code == 200
        assert (await get(served, "/monitoring/errors", key)).status_code == 200

    in_gateway(work, rate_limit_api="2/minute")


def test_guessing_keys_is_limited_by_address_and_does_not_lock_out_a_good_one(in_gateway: InGateway) -> None:
    """The stranger gets 429, the holder of a key at the same address 200."""

    async def work(served: Served) -> None:
        statuses = [(await get(served, "/wallets/alice", "guess")).status_code for _ in range(4)]
        assert statuses == [401, 401, 401, 429]
        assert (await get(served, "/wallets/alice", await served.key("wallets:read"))).status_code == 200

    in_gateway(work, rate_limit_refused="3/minute")


def test_a_disabled_key_closes_within_seconds(in_gateway: InGateway) -> None:
    """Without a restart."""

    async def work(served: Served) -> None:
        key = await served.key("wallets:read")
        assert (await get(served, "/wallets/alice", key)).status_code == 200
        await served.database.api_keys.delete_many({})
        async with asyncio.timeout(30):
            while (await get(served, "/wallets/alice", key)).status_code != 401:
                await asyncio.sleep(0.2)

    in_gateway(work)
