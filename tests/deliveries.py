"""What providers send, for tests: signed deliveries of each source, with wallets and ids of the test's own."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import uuid4

from running_gateway import SECRETS

from simulators.signing import sign
from simulators.sources import SOURCES

ALL_SOURCES: Final = tuple(SOURCES)
TIMED_SOURCES: Final = ("payments", "stripe", "standard")
"""Those whose scheme signs a time."""


def new_id(prefix: str = "id") -> str:
    return f"{prefix}_{uuid4().hex[:16]}"


@dataclass(frozen=True)
class Signed:
    """One POST, ready to send: headers that the secret vouches for over exactly these bytes."""

    source: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/webhooks/{self.source}"

    def with_headers(self, **changed: str | None) -> "Signed":
        """The same with other headers (`_` is written for `-`); None leaves one out."""
        named = {name.replace("_", "-"): value for name, value in changed.items()}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in {n.lower() for n in named}}
        return replace(self, headers={**kept, **{name: value for name, value in named.items() if value is not None}})


def signed(
    source: str, body: bytes | Mapping[str, Any], *, at: float | str | None = None, message_id: str = "", key: str = ""
) -> Signed:
    """The delivery with a good signature; `at` is the signed time (default now), `key` another secret than the usual."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    row = SOURCES[source]
    moment = at if isinstance(at, str) else int(time.time() if at is None else at)
    headers = sign(row.scheme, key or SECRETS[row.setting], content, at=moment, message_id=message_id or new_id("msg"))
    return Signed(source, content, {"Content-Type": "application/json", **headers})


def transfer(
    amount: Any = "1.00", *, tx_id: str = "", sender: str = "", receiver: str = "", **more: Any
) -> dict[str, Any]:
    """A native payment."""
    return {
        "tx_id": tx_id or new_id("tx"),
        "amount": amount,
        "currency": "USD",
        "sender_account": sender or new_id("sender"),
        "receiver_account": receiver or new_id("receiver"),
        **more,
    }


def stripe_event(kind: str, thing: Mapping[str, Any], *, event_id: str = "") -> dict[str, Any]:
    return {
        "id": event_id or new_id("evt"),
        "object": "event",
        "type": kind,
        "created": int(time.time()),
        "data": {"object": dict(thing)},
    }


def stripe_captured(amount: int, *, payment: str, wallet: str | None, event_id: str = "") -> dict[str, Any]:
    """`payment_intent.succeeded`; without a wallet nobody is named."""
    thing = {"id": payment, "object": "payment_intent", "amount": amount, "amount_received": amount, "currency": "usd"}
    named = {"metadata": {"wallet_id": wallet}} if wallet else {}
    return stripe_event("payment_intent.succeeded", {**thing, **named}, event_id=event_id)


def stripe_charge_captured(amount: int, *, payment: str, wallet: str) -> dict[str, Any]:
    """`charge.captured` of the same payment intent: the second event that Stripe sends for one effect."""
    thing = {
        "id": new_id("ch"),
        "object": "charge",
        "payment_intent": payment,
        "amount": amount,
        "amount_captured": amount,
        "currency": "usd",
        "captured": True,
        "metadata": {"wallet_id": wallet},
    }
    return stripe_event("charge.captured", thing)


def stripe_refunded(amount: int, *, payment: str, refund: str = "") -> dict[str, Any]:
    thing = {
        "id": refund or new_id("re"),
        "object": "refund",
        "payment_intent": payment,
        "amount": amount,
        "currency": "usd",
        "status": "succeeded",
    }
    return stripe_event("refund.created", thing)


def razorpay_event(kind: str, **entities: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "entity": "event",
        "account_id": "acc_1",
        "event": kind,
        "contains": list(entities),
        "payload": {name: {"entity": dict(entity)} for name, entity in entities.items()},
        "created_at": int(time.time()),
    }


def razorpay_captured(amount: int, *, payment: str, wallet: str) -> dict[str, Any]:
    thing = {"id": payment, "amount": amount, "currency": "INR", "notes": {"wallet_id": wallet}, "method": "upi"}
    return razorpay_event("payment.captured", payment=thing)


def razorpay_refunded(amount: int, *, payment: str) -> dict[str, Any]:
    refund = {"id": new_id("rfnd"), "payment_id": payment, "amount": amount, "currency": "INR"}
    return razorpay_event("refund.processed", refund=refund)


def standard_event(kind: str, **told: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": "2026-11-21T10:00:00Z", "data": {"currency": "USD", **told}}


def payment_of(source: str, *, wallet: str, amount_minor: int = 100) -> dict[str, Any]:
    """One event of the source that puts `amount_minor` into `wallet`: what the sources have in common."""
    payment = new_id("pay")
    text = f"{amount_minor // 100}.{amount_minor % 100:02}"
    if source == "payments":
        return transfer(text, receiver=wallet)
    if source == "stripe":
        return stripe_captured(amount_minor, payment=payment, wallet=wallet)
    if source == "razorpay":
        return razorpay_captured(amount_minor, payment=payment, wallet=wallet)
    return standard_event("payment.captured", payment_id=payment, amount=text, wallet_id=wallet)
