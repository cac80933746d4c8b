"""Complete HTTP requests, signed before the clock runs: distinct events of one source, ready to be written to a socket.

The signatures are computed here from the providers' published constructions and share no code with the gateway, so a
mistake in the gateway's verifier cannot hide in its own mirror image.
"""

import base64
import hmac
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from time import time
from typing import Final

AGE_MAX_S: Final = 120.0
"""A request that waited longer is thrown away unsent: the gateway refuses what was signed 300 s ago."""

CHUNK: Final = 1_000
"""Requests that share one signing time; signing a chunk takes 5 to 10 ms."""

SECRET_SETTINGS: Final = {
    "payments": "HMAC_SECRET_KEY",
    "stripe": "STRIPE_WEBHOOK_SECRET",
    "razorpay": "RAZORPAY_WEBHOOK_SECRET",
    "standard": "STANDARD_WEBHOOKS_SECRET",
}
"""The sources that can be loaded, and the setting that holds the secret of each."""


@dataclass(frozen=True)
class Traffic:
    """What is sent: `run` begins every id, so no two runs share one; `secret` is as the source's setting has it."""

    source: str
    secret: str = field(repr=False)
    authority: str
    wallets: int
    run: str


@dataclass(frozen=True, slots=True)
class _Payment:
    """One payment before it takes a provider's form."""

    number: int
    reference: str
    amount_minor: int
    payer: str
    payee: str


_Signed = tuple[bytes, list[str]]
"""A body and the header lines that sign it."""


def request_builder(traffic: Traffic) -> Callable[[int, int], bytes]:
    """A function from (number of the event, unix seconds of its signature) to the bytes of its request."""
    sign = _SIGNERS[traffic.source]
    key = _key(traffic)
    head = (
        f"POST /webhooks/{traffic.source} HTTP/1.1\r\nHost: {traffic.authority}\r\nContent-Type: application/json\r\n"
    )
    random = Random(traffic.run)

    def build(number: int, signed_at: int) -> bytes:
        body, lines = sign(key, _payment(traffic, random, number), signed_at)
        signature = "\r\n".join(lines)
        return f"{head}{signature}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    return build


class Stock:
    """Signed requests waiting to be sent, newest ids last; `take` never runs dry, it signs one more instead."""

    def __init__(self, traffic: Traffic, *, wall_clock: Callable[[], float] = time) -> None:
        self._build = request_builder(traffic)
        self._wall_clock = wall_clock
        self._chunks: deque[tuple[float, deque[bytes]]] = deque()
        self._number = 0
        self.waiting = 0

    def sign(self, count: int) -> None:
        """Add `count` requests signed now, in chunks that each carry the time they were signed at."""
        while count > 0:
            now, size = self._wall_clock(), min(count, CHUNK)
            first, self._number = self._number, self._number + size
            self._chunks.append((now, deque(self._build(n, int(now)) for n in range(first, first + size))))
            self.waiting += size
            count -= size

    def take(self) -> bytes:
        """The next request; those signed more than `AGE_MAX_S` ago are dropped unsent."""
        oldest = self._wall_clock() - AGE_MAX_S
        while self._chunks and (not self._chunks[0][1] or self._chunks[0][0] < oldest):
            self.waiting -= len(self._chunks.popleft()[1])
        if not self._chunks:
            self.sign(1)
        self.waiting -= 1
        return self._chunks[0][1].popleft()


def _payment(traffic: Traffic, random: Random, number: int) -> _Payment:
    payer = int(random.random() * traffic.wallets)
    payee = (payer + 1 + int(random.random() * (traffic.wallets - 1))) % traffic.wallets
    return _Payment(
        number=number,
        reference=f"{traffic.run}-{number}",
        amount_minor=100 + int(random.random() * 50_000),
        payer=f"load-{payer}",
        payee=f"load-{payee}",
    )


def _key(traffic: Traffic) -> bytes:
    """The signing key: the first secret of a rotation's list. Only Standard Webhooks wraps its key in base64."""
    secret = traffic.secret.split(",")[0].strip()
    return base64.b64decode(secret.removeprefix("whsec_")) if traffic.source == "standard" else secret.encode()


def _native(key: bytes, payment: _Payment, signed_at: int) -> _Signed:
    """`X-Signature` is over `timestamp.body` (the seed's scheme, header form)."""
    body = (
        f'{{"tx_id":"{payment.reference}","amount":"{payment.amount_minor // 100}.{payment.amount_minor % 100:02d}",'
        f'"currency":"USD","sender_account":"{payment.payer}","receiver_account":"{payment.payee}"}}'
    ).encode()
    signature = hmac.digest(key, b"%d.%b" % (signed_at, body), "sha256").hex()
    return body, [f"X-Timestamp: {signed_at}", f"X-Signature: {signature}"]


def _stripe(key: bytes, payment: _Payment, signed_at: int) -> _Signed:
    """`Stripe-Signature: t=,v1=` over `t.body` (docs.stripe.com/webhooks/signature)."""
    intent = {
        "id": f"pi_{payment.reference}",
        "object": "payment_intent",
        "amount": payment.amount_minor,
        "amount_received": payment.amount_minor,
        "currency": "usd",
        "metadata": {"wallet_id": payment.payee},
        "status": "succeeded",
    }
    event = {
        "id": f"evt_{payment.reference}",
        "object": "event",
        "api_version": "2025-03-31.basil",
        "created": signed_at,
        "data": {"object": intent},
        "livemode": False,
        "type": "payment_intent.succeeded",
    }
    body = _compact(event)
    signature = hmac.digest(key, b"%d.%b" % (signed_at, body), "sha256").hex()
    return body, [f"Stripe-Signature: t={signed_at},v1={signature}"]


def _razorpay(key: bytes, payment: _Payment, signed_at: int) -> _Signed:
    """`X-Razorpay-Signature` over the body alone (razorpay.com/docs/webhooks/validate-test)."""
    entity = {
        "id": f"pay_{payment.reference}",
        "entity": "payment",
        "amount": payment.amount_minor,
        "currency": "INR",
        "status": "captured",
        "captured": True,
        "notes": {"wallet_id": payment.payee},
        "created_at": signed_at,
    }
    event = {
        "entity": "event",
        "account_id": "acc_load",
        "event": "payment.captured",
        "contains": ["payment"],
        "payload": {"payment": {"entity": entity}},
        "created_at": signed_at,
    }
    body = _compact(event)
    signature = hmac.digest(key, body, "sha256").hex()
    return body, [f"X-Razorpay-Signature: {signature}", f"X-Razorpay-Event-Id: {payment.reference}"]


def _standard(key: bytes, payment: _Payment, signed_at: int) -> _Signed:
    """`webhook-signature: v1,<base64>` over `id.timestamp.body` (standardwebhooks.com)."""
    identity = f"msg_{payment.reference}"
    content = {
        "payment_id": f"pay_{payment.reference}",
        "amount": f"{payment.amount_minor // 100}.{payment.amount_minor % 100:02d}",
        "currency": "USD",
        "wallet_id": payment.payee,
    }
    body = _compact({"type": "payment.captured", "timestamp": "2026-11-21T10:00:00Z", "data": content})
    digest = hmac.digest(key, f"{identity}.{signed_at}.".encode() + body, "sha256")
    signature = base64.b64encode(digest).decode()
    return body, [f"webhook-id: {identity}", f"webhook-timestamp: {signed_at}", f"webhook-signature: v1,{signature}"]


def _compact(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


_SIGNERS: Final[dict[str, Callable[[bytes, _Payment, int], _Signed]]] = {
    "payments": _native,
    "stripe": _stripe,
    "razorpay": _razorpay,
    "standard": _standard,
}
