"""A source of every scheme in a running gateway, posted to as its provider would: let in once, stored with its name, kept."""

import asyncio
import json
import time
from functools import partial
from typing import Any, Final

import httpx2
import pytest
from running_gateway import RunningGateway, until
from table_deliveries import ITEM, SECRETS, URL

from gateway.access.sources import Actor, ManagedSources
from gateway.ingress.providers import SCHEMES
from gateway.mongo import running_uri
from gateway.mongo.client import connect
from gateway.settings import Settings
from simulators.signing import adyen_notification, sign

BODIES: Final[dict[str, dict[str, Any]]] = {
    "svix": {"type": "invoice.unknown"},
    "paddle": {"event_id": "evt_p1", "event_type": "transaction.completed", "data": {"id": "txn_1"}},
    "cashfree": {"type": "PAYMENT_SUCCESS_WEBHOOK", "data": {"payment": {"cf_payment_id": "1453002795"}}},
    "square": {"event_id": "evt_s1", "merchant_id": "M1", "type": "payment.updated", "data": {"id": "pay_s1"}},
    "shopify": {"id": 1, "admin_graphql_api_id": "gid://shopify/Order/1"},
    "github": {"action": "opened", "id": 7},
    "adyen": {},
}
KNOWN_AS: Final = {
    "svix": ("invoice.unknown", "msg_http_1"),
    "paddle": ("transaction.completed", "txn_1"),
    "cashfree": ("PAYMENT_SUCCESS_WEBHOOK", "1453002795"),
    "square": ("payment.updated", "pay_s1"),
    "shopify": ("unknown", "gid://shopify/Order/1"),
    "github": ("opened", "7"),
    "adyen": ("AUTHORISATION", ITEM["pspReference"]),
}


def posted(gateway: RunningGateway, scheme: str, *, secret: str = "") -> httpx2.Response:
    key = secret or SECRETS[SCHEMES[scheme].key_form]
    if scheme == "adyen":
        headers, body = {}, json.dumps(adyen_notification(key, ITEM)).encode()
    else:
        body = json.dumps(BODIES[scheme]).encode()
        headers = sign(scheme, key, body, at=int(time.time()), message_id="msg_http_1", url=URL)
    return httpx2.post(
        f"{gateway.url}/webhooks/test-{scheme}",
        content=body,
        headers={"Content-Type": "application/json", **headers},
        timeout=20,
    )


async def _open_all(gateway: RunningGateway) -> None:
    """As the command does, without starting a process for each."""
    settings = Settings(_env_file=None, data_dir=gateway.data_dir)
    uri = running_uri(gateway.data_dir)
    assert uri is not None
    async with connect(uri, settings) as client:
        sources = ManagedSources(client[settings.mongo_database], gateway.cipher(), settings)
        for scheme in BODIES:
            terms = {"scheme": scheme, "url": URL if SCHEMES[scheme].signs_url else ""}
            secret = SECRETS[SCHEMES[scheme].key_form]
            await sources.add(f"test-{scheme}", terms, secret=secret, actor=Actor(by="tests", via="command"))


@pytest.fixture(scope="module")
def every_source(gateway: RunningGateway) -> RunningGateway:
    """Opened while the gateway runs."""
    asyncio.run(_open_all(gateway))
    until(lambda: all(map(partial(_is_open, gateway), BODIES)), within_s=30, what="the sources are open")
    return gateway


def _is_open(gateway: RunningGateway, scheme: str) -> bool:
    return httpx2.post(f"{gateway.url}/webhooks/test-{scheme}", timeout=20).status_code != 404


@pytest.mark.parametrize("scheme", sorted(BODIES))
def test_a_delivery_is_let_in_once_and_kept(every_source: RunningGateway, scheme: str) -> None:
    """202, then 200 for the same again; what has no rule yet is ignored, with its type and the id that people know."""
    first = posted(every_source, scheme)
    assert first.status_code == 202, first.text
    again = posted(every_source, scheme)
    assert (again.status_code, again.json()["event_id"]) == (200, first.json()["event_id"])
    rows = every_source.rows()
    event_id = first.json()["event_id"]
    until(
        lambda: bool((rows["events"].find_one({"_id": event_id}) or {}).get("outcome")),
        within_s=30,
        what="it is applied",
    )
    event = rows["events"].find_one({"_id": event_id})
    assert event is not None
    assert (event["type"], event["tx_id"]) == KNOWN_AS[scheme]
    assert event["outcome"] == "ignored"
    assert event["reason"].startswith("no rule for ")


@pytest.mark.parametrize("scheme", sorted(BODIES))
def test_another_secret_is_refused(every_source: RunningGateway, scheme: str) -> None:
    """403, whatever else is right."""
    strange = "00" * 32 if scheme == "adyen" else "whsec_" + "QUJD" * 10
    assert posted(every_source, scheme, secret=strange).status_code == 403
