"""The HTTP around the wall: `POST /webhooks/{source}` as a small ASGI application of its own.

Not through Starlette's `Request`: that costs more than the verification itself (measured 8,000/s against 4,900/s). Headers are
read once, the body is bounded in size and time, and each refusal is a problem document for the caller and a row for the operator.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple, Protocol

import orjson
from starlette.types import Receive, Scope, Send

from gateway.clock import Clock
from gateway.errors import (
    BadRequest,
    GatewayError,
    Refusal,
    SlowBody,
    TooLarge,
    UnknownSource,
    WrongMediaType,
    WrongMethod,
)
from gateway.ingress.at_once import BODY_IS_HERE
from gateway.ingress.delivery import Delivery, RawHeaders
from gateway.ingress.providers.sources import Source
from gateway.problem import problem_response

WAIT_S_MAX: Final = 10.0
"""The longest that `Prefer: wait=N` (RFC 7240) is honoured."""
DISCARD_BYTES_MAX: Final = 4_000_000
DISCARD_S_MAX: Final = 1.0
_WAIT: Final = re.compile(rb"(?:^|[,;\s])wait=(\d{1,3})(?:$|[,;\s])")
_JSON_TYPES: Final = (b"application/json", b"text/json")


class Receipt(NamedTuple):
    """The answer to a verified delivery: `created` tells a 202 from a 200, `state` is what is known beyond the ids."""

    created: bool
    event_id: str
    tx_id: str
    state: Mapping[str, Any]


class Limiter(Protocol):
    """Counts; raises `Limited` when a group's allowance is used up, or the `rate` that stands in its place for this key."""

    def hit(self, group: Literal["refused", "webhooks"], key: str, *, rate: str | None = None) -> None: ...


Receiver = Callable[[Delivery], Awaitable[Receipt]]
Waiter = Callable[[str, float], Awaitable[Mapping[str, Any]]]
NoteRefusal = Callable[[Delivery, Refusal], None]
NoteReceipt = Callable[[str, str, float], None]


class WebhookEndpoint:
    """`receive` proves and stores a delivery, `outcome_of` waits for what became of it, `note_*` keep the evidence."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        receive: Receiver,
        *,
        outcome_of: Waiter,
        note_refusal: NoteRefusal,
        note_receipt: NoteReceipt,
        limits: Limiter,
        clock: Clock,
        body_bytes_max: int,
        body_timeout_s: float,
    ) -> None:
        self._sources = sources
        self._receive = receive
        self._outcome_of = outcome_of
        self._note_refusal = note_refusal
        self._note_receipt = note_receipt
        self._limits = limits
        self._clock = clock
        self._body_bytes_max = body_bytes_max
        self._body_timeout_s = body_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        remote = client[0] if client else "unknown"
        headers: RawHeaders = scope["headers"]
        source = scope["path_params"]["source"]
        body: bytes | None = None
        started_at = self._clock()
        try:
            bytes_max = self._check_request(scope["method"], source, headers)
            if BODY_IS_HERE in scope.get("extensions", ()):  # a timer for nothing would cost 5 % of all that follows
                body = await _whole_body(receive, bytes_max)
            else:
                body = await self._read_body(receive, bytes_max)
            delivery = Delivery(source, headers, body, self._clock(), remote)
            receipt = await self._receive(delivery)
            state = await self._waited(headers, receipt)
        except GatewayError as refused:
            answer = self._refuse(Delivery(source, headers, body or b"", self._clock(), remote), refused)
            more = {"Allow": "POST"} if isinstance(answer, WrongMethod) else {}
            if body is None:
                await self._discard(receive)
                more["Connection"] = "close"
            await problem_response(answer, headers=more)(scope, receive, send)
            return
        await _answer(send, receipt, state)
        self._note_receipt(source, "accepted" if receipt.created else "duplicate", self._clock() - started_at)

    def _refuse(self, delivery: Delivery, refused: GatewayError) -> GatewayError:
        """Keep the evidence and count the caller; the answer is the refusal, or 429 for one who is refused too often."""
        if not isinstance(refused, Refusal):
            return refused
        self._note_refusal(delivery, refused)
        try:
            self._limits.hit("refused", delivery.remote)
        except GatewayError as limited:
            return limited
        return refused

    def _check_request(self, method: str, source: str, headers: RawHeaders) -> int:
        """Everything that can be refused before a byte of the body is read; how many it may have."""
        known = self._sources.get(source)
        if known is None:
            raise UnknownSource("There is no open source of this name.")
        if method != "POST":
            raise WrongMethod("A webhook is sent with POST.")
        declared: bytes | None = None
        media_type = encoding = b""
        for name, value in headers:
            if name == b"content-length":
                declared = value
            elif name == b"content-type":
                media_type = value
            elif name == b"content-encoding":
                encoding = value
        if media_type.partition(b";")[0].strip().lower() not in _JSON_TYPES or encoding not in (b"", b"identity"):
            raise WrongMediaType("Send application/json, not compressed.")
        bytes_max = known.body_bytes_max or self._body_bytes_max
        if declared is not None and declared.isdigit() and int(declared[:20]) > bytes_max:
            raise _too_large(bytes_max)
        return bytes_max

    async def _read_body(self, receive: Receive, bytes_max: int) -> bytes:
        """The whole body, at most `bytes_max` bytes within `body_timeout_s`."""
        try:
            async with asyncio.timeout(self._body_timeout_s):
                return await _whole_body(receive, bytes_max)
        except TimeoutError:
            raise SlowBody(f"The body did not arrive within {self._body_timeout_s:g} s.") from None

    async def _discard(self, receive: Receive) -> None:
        """Read on for a moment before closing: a peer that is still sending would see a reset instead of its answer."""
        size = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_S_MAX):
                while size <= DISCARD_BYTES_MAX:
                    message = await receive()
                    size += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return

    async def _waited(self, headers: RawHeaders, receipt: Receipt) -> Mapping[str, Any]:
        """The state to answer with: at once, or after the time the caller prefers to wait for an outcome."""
        for name, value in headers:
            if name == b"prefer" and (wanted := _WAIT.search(value)):
                wait_s = min(int(wanted[1]), WAIT_S_MAX)
                return {**receipt.state, **await self._outcome_of(receipt.event_id, wait_s)}
        return receipt.state


async def _whole_body(receive: Receive, bytes_max: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    chunks = [body]
    size = len(body)
    while message.get("more_body", False):
        if size > bytes_max:
            break
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if message["type"] == "http.disconnect":
        raise BadRequest("The peer went away before its body was complete.", check="disconnected")
    if size > bytes_max:
        raise _too_large(bytes_max)
    return body if len(chunks) == 1 else b"".join(chunks)


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"The body may have at most {bytes_max} bytes.")


async def _answer(send: Send, receipt: Receipt, state: Mapping[str, Any]) -> None:
    status = "accepted" if receipt.created else "duplicate"
    body = orjson.dumps({"status": status, "event_id": receipt.event_id, "tx_id": receipt.tx_id, **state})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"location", b"/events/" + receipt.event_id.encode()),
    ]
    await send({"type": "http.response.start", "status": 202 if receipt.created else 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
