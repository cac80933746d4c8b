"""`/events` over real HTTP: lists, and the order to replay one, from those who may."""

from typing import Any

import httpx2
import pytest
from seeded_store import TRANSFER_EVENT, event, event_id
from served import InGateway, Served

from gateway.events.standing import RELEASED

PARKED = event_id("stripe", "evt_parked")


async def ask(served: Served, path: str, key: str | None = None, **fields: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=served.url, headers={"X-API-Key": key} if key else {}) as client:
        return await client.get(path, **fields)


async def replay(served: Served, of: str, key: str | None, **fields: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=served.url, headers={"X-API-Key": key} if key else {}) as client:
        return await client.post(f"/events/{of}/replay", **fields)


def test_events_are_listed_and_filtered(in_gateway: InGateway) -> None:
    """As `gateway events list` does, page by page."""

    async def work(served: Served) -> None:
        key = await served.key("events:read")
        first = (await ask(served, "/events?limit=3", key)).json()
        assert first["events"][0]["tx_id"] == "tx-waiting"
        rest = (await ask(served, f"/events?cursor={first['next_cursor']}", key)).json()
        assert len(first["events"] + rest["events"]) == 8
        assert rest["next_cursor"] is None
        (found,) = (await ask(served, "/events?outcome=parked&type=refund.*&source=stripe", key)).json()["events"]
        assert (found["event_id"], found["next_try"]) == (PARKED, "when x arrives")
        assert "SECRET-FREE-TEXT" not in (await ask(served, "/events?limit=100", key)).text

    in_gateway(work)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "outcome=done",
        "since=yesterday",
        "cursor=x",
        "type=" + "*" * 20,
        "source=%00",
        "source=a&source=b",
        "sort=1",
        "reason=%0A",
    ],
)
def test_a_query_that_is_none_is_refused(in_gateway: InGateway, query: str) -> None:
    """400 with a sentence."""

    async def work(served: Served) -> httpx2.Response:
        return await ask(served, f"/events?{query}", await served.key("events:read"))

    response = in_gateway(work)
    assert (response.status_code, response.json()["reason"]) == (400, "bad_request")


def test_an_event_is_replayed_and_it_is_known_by_whom(in_gateway: InGateway) -> None:
    """202; it waits for the worker, and the act has an entry that names the key and no secret of it."""

    async def work(served: Served) -> None:
        key = await served.key("admin", "ops:read")
        response = await replay(served, PARKED, key)
        assert (response.status_code, response.json()) == (202, {"event_id": PARKED, "outcome": "waiting"})
        stored = await served.database.events.find_one({"_id": PARKED})
        assert stored is not None
        assert (stored["queue"], "outcome" in stored) == (RELEASED, False)
        by = f"key {key.split('_')[1]} (test)"
        assert stored["replay"]["by"] == by
        (act,) = (await ask(served, f"/monitoring/acts?act=event&subject={PARKED}", key)).json()["acts"]
        assert (act["act"], act["by"], act["via"]) == ("event.replay", by, "api")
        assert act["details"] == {"ignore_seen": False, "outcomes": {"parked": 1}, "told_no": []}
        assert key not in str(act)
        again = await replay(served, PARKED, key)
        assert (again.status_code, again.json()["reason"]) == (409, "conflict")

    in_gateway(work)


def test_what_was_decided_takes_a_word_more(in_gateway: InGateway) -> None:
    """409 without it, and no act; with it an applied event goes, and so does one whose asker was told no, which is said."""

    async def work(served: Served) -> None:
        key = await served.key("admin")
        refused = event("payments", "w-1", outcome="rejected", reason="insufficient funds (PAY_002)")
        await served.database.events.insert_one(refused)
        for of in (TRANSFER_EVENT, refused["_id"]):
            assert (await replay(served, of, key)).status_code == 409
            assert (await replay(served, of, key, json={"ignore_seen": False})).status_code == 409
        assert await served.database.acts.count_documents({}) == 0
        assert (await replay(served, TRANSFER_EVENT, key, json={"ignore_seen": True})).status_code == 202
        told = await replay(served, refused["_id"], key, json={"ignore_seen": True})
        assert told.status_code == 202
        assert "told no" in told.json()["note"]
        assert await served.database.acts.count_documents({"details.told_no": refused["_id"]}) == 1

    in_gateway(work)


def test_who_may_not_and_what_cannot_be(in_gateway: InGateway) -> None:
    """Refused with a problem document, and nothing is put back."""

    async def work(served: Served) -> None:
        reader, admin = await served.key("events:read", "ops:read"), await served.key("admin")
        assert (await replay(served, PARKED, None)).status_code == 401
        assert (await replay(served, PARKED, reader)).json()["reason"] == "scope_missing"
        assert (await ask(served, "/events", admin)).json()["reason"] == "scope_missing"
        for of in ("evt_1", "a%2Fb", "%F0%9F%99%82", "evt_" + "0" * 32):
            assert (await replay(served, of, admin)).status_code == 404
        for content, status in ((b'{"ignore_seen": "yes"}', 422), (b'{"all": true}', 422), (b"[]", 400), (b"{", 400)):
            response = await replay(
                served, PARKED, admin, content=content, headers={"Content-Type": "application/json"}
            )
            assert (content, response.status_code) == (content, status)
            assert response.headers["content-type"] == "application/problem+json"
        assert (await ask(served, f"/events/{PARKED}/replay", admin)).status_code in (403, 404, 405)
        assert await served.database.events.count_documents({"replay": {"$exists": True}}) == 0
        assert await served.database.acts.count_documents({}) == 0

    in_gateway(work)
