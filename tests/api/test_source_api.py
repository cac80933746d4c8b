"""`/sources` over real HTTP: managed by a key with the scope admin, strict about what it is sent, silent about secrets."""

from typing import Any

import httpx2
import pytest
from deliveries import transfer
from seeded_store import NOW
from served import InGateway, Served

from gateway.access.acts import list_acts
from simulators.signing import sign

SECRET = "a-secret-of-the-tests-0123456789"
SHOP = {"name": "shop", "scheme": "native", "secret": SECRET}


class Admin:
    """A client with an admin's key."""

    def __init__(self, served: Served, client: httpx2.AsyncClient) -> None:
        self.served = served
        self.client = client

    async def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = await self.client.post(path, json=body or {})
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, *, status: int = 200) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()


def as_admin(in_gateway: InGateway, work: Any, **settings: Any) -> None:
    async def run(served: Served) -> None:
        headers = {"X-API-Key": await served.key("admin")}
        async with httpx2.AsyncClient(base_url=served.url, headers=headers) as client:
            await work(Admin(served, client))

    in_gateway(run, **settings)


def test_a_source_from_its_first_day_to_its_last(in_gateway: InGateway) -> None:
    """Added, shown, changed, rotated, disabled, enabled: each answer is the source as it is now, and no answer has its secret."""

    async def work(admin: Admin) -> None:
        created = await admin.client.post("/sources", json={**SHOP, "rate": "5/minute", "networks": ["192.0.2.0/24"]})
        assert (created.status_code, created.headers["location"]) == (201, "/sources/shop")
        assert created.headers["cache-control"] == "no-store"
        said = [created.text]
        shown = await admin.get("/sources/shop")
        assert (shown["state"], shown["version"], shown["rate"], shown["path"]) == (
            "open",
            1,
            "5/minute",
            "/webhooks/shop",
        )
        changed = await admin.post("/sources/shop", {"types": ["payment"], "rate": None})
        assert (changed["types"], changed["rate"], changed["networks"]) == (["payment"], None, ["192.0.2.0/24"])
        rotated = await admin.post("/sources/shop/rotate", {"generate": True, "overlap_s": 60})
        assert len(rotated["secret"]) > 40
        assert [secret["id"] for secret in rotated["secrets"]] == ["1", "2"]
        assert (await admin.post("/sources/shop/disable"))["state"] == "disabled"
        assert (await admin.post("/sources/shop/enable"))["state"] == "open"
        listed = await admin.get("/sources")
        assert [source["name"] for source in listed["sources"]] == ["shop"]
        said += [str(listed), str(await admin.get("/sources/shop"))]
        assert not any(secret in text for text in said for secret in (SECRET, rotated["secret"]))
        acts = {act.act: act for act in await list_acts(admin.served.database, act="source")}
        assert sorted(acts) == ["source.add", "source.change", "source.disable", "source.enable", "source.rotate"]
        assert all(act.via == "api" and act.by.endswith("(test)") for act in acts.values())
        assert not any(secret in str(act) for act in acts.values() for secret in (SECRET, rotated["secret"]))

    as_admin(in_gateway, work)


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/sources", {**SHOP, "name": "Shop!"}, 422, "invalid_source"),
        ("/sources", {**SHOP, "scheme": "unknown"}, 422, "invalid_source"),
        ("/sources", {**SHOP, "secret": SECRET[:20]}, 422, "invalid_source"),
        ("/sources", {**SHOP, "secret": [SECRET]}, 422, "invalid_source"),
        ("/sources", {**SHOP, "secrte": SECRET}, 422, "invalid_source"),
        ("/sources", {**SHOP, "generate": True}, 422, "invalid_source"),
        ("/sources", {"name": "shop", "scheme": "native"}, 422, "invalid_source"),
        ("/sources", {**SHOP, "networks": ["10.0.0.1/8"]}, 422, "invalid_source"),
        ("/sources", {**SHOP, "body_bytes_max": 999_999_999}, 422, "invalid_source"),
        ("/sources", {}, 422, "invalid_source"),
        ("/sources", {**SHOP, "name": "standing"}, 409, "conflict"),
        ("/sources", [SHOP], 400, "bad_request"),
        ("/sources/none", {"rate": None}, 404, "not_found"),
        ("/sources/none/rotate", {"generate": True}, 404, "not_found"),
        ("/sources/none/disable", {}, 404, "not_found"),
        ("/sources/none/enable", {}, 404, "not_found"),
        ("/sources/standing", {"scheme": "stripe"}, 422, "invalid_source"),
        ("/sources/standing", {"version": 7}, 409, "conflict"),
        ("/sources/standing/rotate", {"generate": True, "version": 2}, 409, "conflict"),
        ("/sources/standing/rotate", {"generate": True, "overlap_s": -1}, 422, "invalid_source"),
        ("/sources/standing/rotate", {"generate": True, "overlap_s": 1e9}, 422, "invalid_source"),
        ("/sources/standing/rotate", {"secret": SECRET}, 422, "invalid_source"),
        ("/sources/standing/rotate", {"secret": "whsec_" + "A" * 8}, 422, "invalid_source"),
        ("/sources/standing/disable", {"now": True}, 422, "invalid_source"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    in_gateway: InGateway, path: str, body: Any, status: int, reason: str
) -> None:
    """A problem document with one clear sentence, which repeats no secret; the store is as it was."""

    async def work(admin: Admin) -> None:
        await admin.post("/sources", {**SHOP, "name": "standing"}, status=201)
        before = await admin.get("/sources")
        answer = await admin.client.post(path, json=body)
        assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert SECRET[:20] not in answer.text
        assert await admin.get("/sources") == before

    as_admin(in_gateway, work)


def test_a_body_is_bounded_and_json(in_gateway: InGateway) -> None:
    """413, 415 and 400, declared or not."""

    async def work(admin: Admin) -> None:
        json_type = {"Content-Type": "application/json"}
        for content, headers, status in (
            (b"{" + b" " * 70_000 + b"}", json_type, 413),
            (b'{"name": "a"}', {"Content-Type": "text/plain"}, 415),
            (b"{broken", json_type, 400),
            (b'"text"', json_type, 400),
        ):
            answer = await admin.client.post("/sources", content=content, headers=headers)
            assert answer.status_code == status, answer.text

    as_admin(in_gateway, work)


def test_no_other_scope_manages_sources(in_gateway: InGateway) -> None:
    """403 with the scope it lacks, 401 without a key; reading included, for it tells where webhooks come from."""

    async def work(served: Served) -> None:
        every_other = "payments:read", "wallets:read", "insights:read", "events:read", "reports:read", "ops:read"
        for headers, status in (({"X-API-Key": await served.key(*every_other)}, 403), ({}, 401)):
            async with httpx2.AsyncClient(base_url=served.url, headers=headers) as client:
                answers = [await client.get("/sources"), await client.get("/sources/shop")]
                for path in ("/sources", "/sources/a", "/sources/a/rotate", "/sources/a/disable", "/sources/a/enable"):
                    answers.append(await client.post(path, json=SHOP))
            assert {answer.status_code for answer in answers} == {status}
            assert all('scope="admin"' in answer.headers["www-authenticate"] for answer in answers)
        assert await served.database["sources"].count_documents({}) == 0

    in_gateway(work)


def test_an_event_says_which_secret_proved_it(in_gateway: InGateway) -> None:
    """So an operator sees when the old one is not used any more."""

    async def work(admin: Admin) -> None:
        await admin.post("/sources", SHOP, status=201)
        await until_open(admin, "shop")
        new = (await admin.post("/sources/shop/rotate", {"generate": True}))["secret"]
        key = await admin.served.key("events:read")
        used = []
        for secret in (SECRET, new):
            answer = await deliver(admin, "shop", secret)
            while answer.status_code == 403:  # until the next refresh
                answer = await deliver(admin, "shop", secret)
            shown = await admin.client.get(answer.headers["location"], headers={"X-API-Key": key})
            used.append(shown.json()["secret_id"])
        assert used == ["1", "2"]

    as_admin(in_gateway, work, rate_limit_refused="100000/minute")


async def until_open(admin: Admin, name: str) -> None:
    while (await admin.client.get(f"/webhooks/{name}")).status_code == 404:
        pass


async def deliver(admin: Admin, name: str, secret: str) -> httpx2.Response:
    body = httpx2.Request("POST", "http://x", json=transfer()).read()
    headers = {"Content-Type": "application/json", **sign("native", secret, body, at=int(NOW.timestamp()))}
    return await admin.client.post(f"/webhooks/{name}", content=body, headers=headers)
