"""The HTTP around the wall where a client library cannot go: bodies that stall, vanish or never end. The rest is in journeys/."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gateway.errors import Limited, NotTheShape, Refusal, SignatureRefused, StoreUnavailable
from gateway.ingress.delivery import Delivery
from gateway.ingress.endpoint import DISCARD_BYTES_MAX, DISCARD_S_MAX, Receipt, WebhookEndpoint
from gateway.ingress.providers import SCHEMES, Source

Message = dict[str, Any]
GONE: Message = {"type": "http.disconnect"}


class Door:
    """The endpoint with everything around it recorded; `result` is what the pipeline does with a delivery."""

    def __init__(self, result: Receipt | Exception | None = None, *, refusals_allowed: int = 100) -> None:
        self.result = result or Receipt(True, "evt_1", "tx_1", {})
        self.received: list[Delivery] = []
        self.refused: list[tuple[Delivery, Refusal]] = []
        self.receipts: list[str] = []
        self.waited: list[float] = []
        self.refusals_left = refusals_allowed
        self.endpoint = WebhookEndpoint(
            {"stripe": Source("stripe", SCHEMES["stripe"], ())},
            self._receive,
            outcome_of=self._outcome_of,
            note_refusal=lambda delivery, refusal: self.refused.append((delivery, refusal)),
            note_receipt=lambda source, answer, seconds: self.receipts.append(answer),
            limits=self,
            clock=lambda: 5.0,
            body_bytes_max=1_000,
            body_timeout_s=0.2,
        )

    async def _receive(self, delivery: Delivery) -> Receipt:
        self.received.append(delivery)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    async def _outcome_of(self, event_id: str, wait_s: float) -> Mapping[str, Any]:
        self.waited.append(wait_s)
        return {"outcome": "applied"}

    def hit(self, group: str, key: str, *, rate: str | None = None) -> None:
        assert (group, key) == ("refused", "192.0.2.1")
        self.refusals_left -= 1
        if self.refusals_left < 0:
            raise Limited(7)

    def ask(
        self,
        pieces: Sequence[Message],
        *headers: tuple[bytes, bytes],
        media_type: bytes = b"application/json",
        stalls: bool = False,
    ) -> tuple[int, dict[str, str], Any]:
        """The answer to a request whose body comes in these pieces, after which the peer is gone or stalls: status, headers,
        JSON."""
        left = iter(pieces)
        sent: list[Message] = []

        async def receive() -> Message:
            for each in left:
                return each
            if stalls:
                await asyncio.Event().wait()
            return GONE

        async def send(message: Any) -> None:
            sent.append(message)

        scope: Any = {
            "type": "http",
            "method": "POST",
            "headers": [*headers, (b"content-type", media_type)],
            "client": ("192.0.2.1", 5),
            "path_params": {"source": "stripe"},
        }

        async def run() -> None:
            async with asyncio.timeout(30):
                await self.endpoint(scope, receive, send)

        asyncio.run(run())
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], answered, json.loads(sent[1]["body"])


def piece(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_the_bytes_arrive_as_they_were_sent() -> None:
    """In however many pieces: one body, raw headers, the time it was complete, and who sent it."""
    door = Door()
    headers_sent = [(b"x-a", b"\xff"), (b"content-type", b"application/json")]
    status, headers, told = door.ask(
        [piece(b'{"a"', more=True), piece(b"", more=True), piece(b":1}")], (b"x-a", b"\xff")
    )
    assert (status, headers["location"], told["status"]) == (202, "/events/evt_1", "accepted")
    assert door.received == [Delivery("stripe", headers_sent, b'{"a":1}', 5.0, "192.0.2.1")]
    assert (door.receipts, door.refused) == (["accepted"], [])


def test_a_duplicate_is_200_with_its_state() -> None:
    """What is known of the event stands beside its ids."""
    door = Door(Receipt(False, "evt_1", "tx_1", {"outcome": "applied"}))
    status, _, told = door.ask([piece(b"{}")])
    assert (status, told["status"], told["outcome"], door.receipts) == (200, "duplicate", "applied", ["duplicate"])


def test_a_body_that_stalls_is_given_up() -> None:
    """408 after the time a body may take, the connection closed behind it, and a row for the operator."""
    door = Door()
    status, headers, told = door.ask([piece(b"{", more=True)], stalls=True)
    assert (status, told["reason"], headers["connection"]) == (408, "slow_body", "close")
    assert [refusal.reason for _, refusal in door.refused] == ["slow_body"]
    assert door.received == []


def test_a_body_that_vanishes_is_nobodys_event() -> None:
    """The peer is gone before it was complete: nothing is received, the log says so."""
    door = Door()
    door.ask([piece(b"{", more=True)])
    assert [refusal.check for _, refusal in door.refused] == ["disconnected"]
    assert door.received == []


@pytest.mark.parametrize("sizes", [[1_001], [600, 600], [1_000, 1]])
def test_a_body_beyond_the_bound_is_refused(sizes: list[int]) -> None:
    """413 in one piece or in several, by what came and not by what was declared."""
    door = Door()
    pieces = [piece(b"x" * size, more=number < len(sizes) - 1) for number, size in enumerate(sizes)]
    assert door.ask(pieces)[0] == 413
    assert door.received == []


def test_a_body_of_exactly_the_bound_passes() -> None:
    """In pieces as well."""
    assert Door().ask([piece(b"x" * 500, more=True), piece(b"x" * 500)])[0] == 202


@pytest.mark.parametrize("declared", [b"1001", b"9" * 30])
def test_a_declared_length_beyond_the_bound_is_refused_unread(declared: bytes) -> None:
    """Whatever it says, it is answered without reading the body into memory."""
    assert Door().ask([], (b"content-length", declared))[0] == 413


def test_reading_on_after_a_refusal_is_bounded() -> None:
    """A refused peer that goes on sending is read for a moment, so that it sees its answer, and no further."""
    door = Door()
    endless = [piece(b"x" * 500_000, more=True)] * (DISCARD_BYTES_MAX // 500_000 + 5)
    began_at = time.monotonic()
    status, headers, _ = door.ask(endless, (b"content-length", b"99999"))
    assert (status, headers["connection"]) == (413, "close")
    assert time.monotonic() - began_at < DISCARD_S_MAX


def test_who_is_refused_too_often_is_told_to_wait() -> None:
    """429 with the time instead of the refusal; the evidence is kept all the same."""
    door = Door(SignatureRefused("signature_wrong"), refusals_allowed=1)
    assert door.ask([piece(b"{}")])[0] == 403
    status, headers, told = door.ask([piece(b"{}")])
    assert (status, headers["retry-after"], told["reason"]) == (429, "7", "limited")
    assert [refusal.reason for _, refusal in door.refused] == ["signature", "signature"]


def test_our_own_outage_is_not_counted_against_the_caller() -> None:
    """503 with Retry-After: no row among the refusals, nothing taken from the caller's allowance."""
    door = Door(StoreUnavailable("later"), refusals_allowed=0)
    status, headers, told = door.ask([piece(b"{}")])
    assert (status, headers["retry-after"], told["reason"]) == (503, "1", "store_unavailable")
    assert door.refused == []


def test_the_fields_at_fault_are_named() -> None:
    """422 carries them."""
    status, _, told = Door(NotTheShape({"amount": "is required"})).ask([piece(b"{}")])
    assert (status, told["fields"]) == (422, {"amount": "is required"})


@pytest.mark.parametrize(
    ("preference", "waits"),
    [
        (b"wait=3", [3]),
        (b"respond-async, wait=3", [3]),
        (b"wait=3; other=1", [3]),
        (b"wait=999", [10]),
        (b"wait=0", [0]),
        (b"wait=1000", []),
        (b"wait=x", []),
        (b"await=3", []),
        (b"\xff", []),
    ],
)
def test_a_preferred_wait_is_bounded(preference: bytes, waits: list[float]) -> None:
    """At most ten seconds (RFC 7240), and only when it can be read."""
    door = Door()
    _, _, told = door.ask([piece(b"{}")], (b"prefer", preference))
    assert door.waited == waits
    assert told.get("outcome") == ("applied" if waits else None)


@pytest.mark.parametrize(
    ("media_type", "encoding", "status"),
    [
        (b"application/json", b"", 202),
        (b"application/json;charset=utf-8", b"identity", 202),
        (b"application/jsonp", b"", 415),
        (b"", b"", 415),
        (b"\xff/\xff", b"", 415),
        (b"application/json", b"br", 415),
    ],
)
def test_what_is_not_plain_json_is_refused(media_type: bytes, encoding: bytes, status: int) -> None:
    """Before anything is read."""
    headers = [(b"content-encoding", encoding)] if encoding else []
    assert Door().ask([piece(b"{}")], *headers, media_type=media_type)[0] == status
