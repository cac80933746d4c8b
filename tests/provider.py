"""A provider for tests: sends deliveries to one running gateway, and looks into its database afterwards."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from deliveries import Signed
from running_gateway import Rows, RunningGateway, until


class Provider:
    def __init__(self, gateway: RunningGateway, client: httpx2.Client) -> None:
        self.gateway = gateway
        self.client = client

    @property
    def rows(self) -> Rows:
        return self.gateway.rows()

    def send(self, delivery: Signed, *, wait: bool = False) -> httpx2.Response:
        """The answer. With `wait`, it says what became of the event."""
        headers = {**delivery.headers, **({"Prefer": "wait=10"} if wait else {})}
        return self.client.post(delivery.path, content=delivery.body, headers=headers)

    def outcome(self, delivery: Signed) -> tuple[str, str]:
        """Send it, and tell the outcome and its reason."""
        told = self.send(delivery, wait=True).json()
        return told["outcome"], told["reason"]

    def balance(self, wallet: str, currency: str = "USD") -> int | None:
        """In minor units; None while the wallet does not exist."""
        found = self.rows.wallets.find_one({"_id": f"{currency}:{wallet}"})
        return found["balance_minor"] if found else None

    def event(self, answer: httpx2.Response) -> dict[str, Any]:
        """The stored event that an answer names."""
        found = self.rows.events.find_one({"_id": answer.json()["event_id"]})
        assert found is not None
        return found

    def refusal(self, delivery: Signed) -> dict[str, Any]:
        """The row that the operator finds about a refused delivery; it is written behind the answer."""
        wanted = {"body_sha256": hashlib.sha256(delivery.body).hexdigest()}
        until(lambda: self.rows.rejections.count_documents(wanted) > 0, within_s=30, what="the refusal is noted")
        found = self.rows.rejections.find_one(wanted, sort=[("$natural", -1)])
        assert found is not None
        return found


@contextmanager
def provider_for(gateway: RunningGateway) -> Iterator[Provider]:
    with httpx2.Client(base_url=gateway.url, timeout=30) as client:
        yield Provider(gateway, client)
