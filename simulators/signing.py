"""The provider's side of each signature scheme: bytes in, headers out, nothing but HMAC-SHA256.

Written from the published constructions, not from the gateway's verifier. A new scheme is one function and one row.
"""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Final

Headers = dict[str, str]
Signer = Callable[[str, bytes, str, str], Headers]
"""(secret, body, signed time as the header writes it, message id) → headers."""


def sign(scheme: str, secret: str, body: bytes, *, at: int | str, message_id: str = "") -> Headers:
    """The headers a provider sends with `body`. `at` is unix seconds; an attacker may pass any text instead."""
    return SIGNERS[scheme](secret, body, str(at), message_id)


def mac_hex(key: bytes, content: bytes) -> str:
    """HMAC-SHA256 as lower-case hex."""
    return hmac.digest(key, content, "sha256").hex()


def mac_base64(key: bytes, content: bytes) -> str:
    """HMAC-SHA256 as padded standard base64."""
    return base64.b64encode(hmac.digest(key, content, "sha256")).decode()


def standard_key(secret: str) -> bytes:
    """The key bytes of a Standard Webhooks secret: base64 after `whsec_`."""
    return base64.b64decode(secret.removeprefix("whsec_"))


def native(secret: str, body: bytes, at: str, message_id: str) -> Headers:
    """The gateway's own scheme: hex over `timestamp.body`."""
    return {"X-Timestamp": at, "X-Signature": mac_hex(secret.encode(), at.encode() + b"." + body)}


def stripe(secret: str, body: bytes, at: str, message_id: str) -> Headers:
    """Hex over `t.body` with the whole `whsec_…` as key. Source: docs.stripe.com/webhooks/signature."""
    return {"Stripe-Signature": f"t={at},v1={mac_hex(secret.encode(), at.encode() + b'.' + body)}"}


def razorpay(secret: str, body: bytes, at: str, message_id: str) -> Headers:
    """Hex over the body alone; the event id travels unsigned. Source: razorpay.com/docs/webhooks/validate-test."""
    return {"X-Razorpay-Signature": mac_hex(secret.encode(), body), "X-Razorpay-Event-Id": message_id}


def standard_webhooks(secret: str, body: bytes, at: str, message_id: str) -> Headers:
    """Base64 over `id.timestamp.body`. Source: the Standard Webhooks specification."""
    signature = mac_base64(standard_key(secret), f"{message_id}.{at}.".encode() + body)
    return {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}


SIGNERS: Final[Mapping[str, Signer]] = {
    "native": native,
    "stripe": stripe,
    "razorpay": razorpay,
    "standard-webhooks": standard_webhooks,
}


def native_body_form(secret: str, fields: Mapping[str, object], *, at: int) -> dict[str, object]:
    """`fields` with `timestamp` and `signature` inside, the native scheme's other form.

    The signature covers `timestamp.JCS(fields with timestamp)` (RFC 8785); for ASCII keys, strings and integers JCS is
    sorted, compact JSON, so keep to those.
    """
    signed = {**fields, "timestamp": at}
    canonical = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {**signed, "signature": mac_hex(secret.encode(), f"{at}.{canonical}".encode())}
