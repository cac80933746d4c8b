"""`/monitoring/refusals` and `/monitoring/security` over real HTTP, and what `/metrics` counts."""

from typing import Any

import httpx2
import pytest
from deliveries import signed, transfer
from prometheus_client import REGISTRY
from running_gateway import SECRETS
from seeded_store import NOW
from served import InGateway, Served

from gateway.monitoring import receipts

OPEN = {"hmac_secret_key": SECRETS["HMAC_SECRET_KEY"]}


async def _client(served: Served, *scopes: str) -> httpx2.AsyncClient:
    key = await served.key(*scopes)
    return httpx2.AsyncClient(base_url=served.url, headers={"X-API-Key": key})


def test_refusals_are_searched_over_http(in_gateway: InGateway) -> None:
    """With the filters of the command, in pages."""

    async def work(served: Served) -> None:
        async with await _client(served, "ops:read") as client:
            first = (await client.get("/monitoring/refusals", params={"source": "stripe", "limit": "2"})).json()
            assert [row["check"] for row in first["refusals"]] == ["missing", "future"]
            more = {"source": "stripe", "limit": "2", "cursor": first["next_cursor"]}
            second = (await client.get("/monitoring/refusals", params=more)).json()
            assert [row["check"] for row in second["refusals"]] == ["wrong", "wrong"]
            assert second["next_cursor"] is None
            found = (await client.get("/monitoring/refusals", params={"reason": "stale"})).json()
            assert [row["check"] for row in found["refusals"]] == ["future"]

    in_gateway(work)


def test_what_cannot_be_asked_is_refused(in_gateway: InGateway) -> None:
    """400 that says how; without the scope 403, without a key 401."""

    async def work(served: Served) -> None:
        async with await _client(served, "ops:read") as client:
            for query in (
                "network=example.com",
                "since=yesterday",
                "sort=at",
                "limit=0",
                "cursor=x",
                "source=a&source=b",
            ):
                assert (query, (await client.get(f"/monitoring/refusals?{query}")).status_code) == (query, 400)
            assert (await client.get("/monitoring/security?period=yesterday")).status_code == 400
        async with await _client(served, "payments:read") as client:
            for path in ("/monitoring/refusals", "/monitoring/security"):
                assert (await client.get(path)).status_code == 403
                assert (await client.get(path, headers={"X-API-Key": ""})).status_code == 401

    in_gateway(work)


def test_a_refused_delivery_is_found_with_its_network_and_counted(in_gateway: InGateway) -> None:
    """From the wire to the row, and in the metrics by reason and check."""

    async def work(served: Served) -> Any:
        async with await _client(served, "ops:read") as client:
            forged = signed("payments", transfer(), at=NOW.timestamp(), key="another-secret-than-that-of-the-source")
            assert (await client.post(forged.path, content=forged.body, headers=forged.headers)).status_code == 403
            rows: list[dict[str, Any]] = []
            while not rows:
                found = await client.get("/monitoring/refusals", params={"network": "127.0.0.0/8"})
                rows = found.json()["refusals"]
            metrics = (await client.get("/metrics")).text
            return rows[0], metrics, len(forged.body), (await client.get("/monitoring/security")).json()

    row, metrics, size, security = in_gateway(work, **OPEN)
    assert (row["source"], row["reason"], row["check"]) == ("payments", "signature", "signature_wrong")
    assert (row["network"], row["body_bytes"]) == ("127.0.0.0/24", size)
    assert row["headers"] >= 5
    assert 'gateway_webhook_refusals_total{check="signature_wrong",reason="signature"}' in metrics
    assert "gateway_refusals_not_kept_total" in metrics
    assert (security["lasting"], security["insights"]) == (0, [])


def test_a_gateway_that_ends_has_counted_every_receipt(in_gateway: InGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted since the metrics were last written is written when it ends, though it ends at once."""
    monkeypatch.setattr(receipts, "WRITE_EVERY_S", 3_600.0)

    async def work(served: Served) -> tuple[float, int]:
        before = _accepted()
        async with await _client(served, "ops:read") as client:
            sent = signed("payments", transfer(), at=NOW.timestamp())
            status = (await client.post(sent.path, content=sent.body, headers=sent.headers)).status_code
        assert _accepted() == before
        return before, status

    before, status = in_gateway(work, **OPEN)
    assert (status, _accepted()) == (202, before + 1)


def _accepted() -> float:
    told = {"source": "payments", "answer": "accepted"}
    return REGISTRY.get_sample_value("gateway_webhook_answers_total", told) or 0.0
