"""The provider's side of each signature scheme: bytes in, headers out, nothing but HMAC-SHA256.

Written from the published constructions, not from the gateway's verifier. A new scheme is one function and one row.
"""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

Headers = dict[str, str]
Signer = Callable[[str, bytes, str, str, str], Headers]
"""(secret, body, signed time in unix seconds, message id, the webhook's address) → headers."""


def sign(scheme: str, secret: str, body: bytes, *, at: int | str, message_id: str = "", url: str = "") -> Headers:
    """The headers a provider sends with `body`. `at` is unix seconds; an attacker may pass any text instead."""
    return SIGNERS[scheme](secret, body, str(at), message_id, url)


def mac_hex(key: bytes, content: bytes) -> str:
    """HMAC-SHA256 as lower-case hex."""
    return hmac.digest(key, content, "sha256").hex()


def mac_base64(key: bytes, content: bytes) -> str:
    """HMAC-SHA256 as padded standard base64."""
    return base64.b64encode(hmac.digest(key, content, "sha256")).decode()


def standard_key(secret: str) -> bytes:
    """The key bytes of a Standard Webhooks secret: base64 after `whsec_`."""
    return base64.b64decode(secret.removeprefix("whsec_"))


def native(secret: str, body: bytes, at: str, message_id: str, url: str) -> Headers:
    """The gateway's own scheme: hex over `timestamp.body`."""
    return {"X-Timestamp": at, "X-Signature": mac_hex(secret.encode(), at.encode() + b"." + body)}


def stripe(secret: str, body: bytes, at: str, message_id: str, url: str) -> Headers:
    """Hex over `t.body` with the whole `whsec_…` as key. Source: docs.stripe.com/webhooks/signature."""
    return {"Stripe-Signature": f"t={at},v1={mac_hex(secret.encode(), at.encode() + b'.' + body)}"}


def razorpay(secret: str, body: bytes, at: str, message_id: str, url: str) -> Headers:
    """Hex over the body alone; the event id travels unsigned. Source: razorpay.com/docs/webhooks/validate-test."""
    return {"X-Razorpay-Signature": mac_hex(secret.encode(), body), "X-Razorpay-Event-Id": message_id}


def standard_webhooks(secret: str, body: bytes, at: str, message_id: str, url: str) -> Headers:
    """Base64 over `id.timestamp.body`. Source: the Standard Webhooks specification."""
    signature = mac_base64(standard_key(secret), f"{message_id}.{at}.".encode() + body)
    return {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}


def svix(secret: str, body: bytes, at: str, message_id: str, url: str) -> Headers:
    """Standard Webhooks under its older names. Source: docs.svix.com."""
    standard = standard_webhooks(secret, body, at, message_id, url)
    return {name.replace("webhook-", "svix-"): value for name, value in standard.items()}


def paddle(secret: str, body: bytes, at: str, message_id: str, url: str) -> Headers:
    """Hex over `ts:body`. Source: developer.paddle.com (verify webhook signatures)."""
    return {"Paddle-Signature": f"ts={at};h1={mac_hex(secret.encode(), at.encode() + b':' + body)}"}


def cashfree(secret: str, body: bytes, at: str, message_id: str, url: str) -> Headers:
    """Base64 over milliseconds and body, nothing between them. Source: cashfree.com/docs (webhook signature verification)."""
    stamp = at if len(at) == 13 else f"{at}000"
    return {
        "x-webhook-timestamp": stamp,
        "x-webhook-signature": mac_base64(secret.encode(), stamp.encode() + body),
    }


def square(secret: str, body: bytes, at: str, message_id: str, url: str) -> Headers:
    """Base64 over the webhook's address and the body. Source: developer.squareup.com/docs/webhooks/step3validate."""
    return {"x-square-hmacsha256-signature": mac_base64(secret.encode(), url.encode() + body)}


def shopify(secret: str, body: bytes, at: str, message_id: str, url: str) -> Headers:
    """Base64 over the body alone; ids and topic travel unsigned. Source: shopify.dev (verify webhook deliveries)."""
    return {"X-Shopify-Hmac-SHA256": mac_base64(secret.encode(), body), "X-Shopify-Event-Id": message_id}


def github(secret: str, body: bytes, at: str, message_id: str, url: str) -> Headers:
    """Hex over the body alone; the id travels unsigned. Source: docs.github.com (validating webhook deliveries)."""
    return {"X-Hub-Signature-256": f"sha256={mac_hex(secret.encode(), body)}", "X-GitHub-Delivery": message_id}


SIGNERS: Final[Mapping[str, Signer]] = {
    "native": native,
    "stripe": stripe,
    "razorpay": razorpay,
    "standard-webhooks": standard_webhooks,
    "svix": svix,
    "paddle": paddle,
    "cashfree": cashfree,
    "square": square,
    "shopify": shopify,
    "github": github,
}
"""The schemes whose signature is a header; Adyen's is in the body."""


def adyen_notification(secret: str, *items: Mapping[str, Any]) -> dict[str, object]:
    """The notification that Adyen sends, a signature inside each item: base64 over eight of its fields joined by colons, with the
    hex-decoded secret. Source: docs.adyen.com/development-resources/webhooks/verify-hmac-signatures."""
    signed = []
    for item in items:
        amount = item["amount"]
        fields = (
            item["pspReference"],
            item.get("originalReference", ""),
            item["merchantAccountCode"],
            item["merchantReference"],
            str(amount["value"]),
            amount["currency"],
            item["eventCode"],
            item["success"],
        )
        signature = mac_base64(bytes.fromhex(secret), ":".join(fields).encode())
        signed.append({"NotificationRequestItem": {**item, "additionalData": {"hmacSignature": signature}}})
    return {"live": "false", "notificationItems": signed}


def native_body_form(secret: str, fields: Mapping[str, object], *, at: int) -> dict[str, object]:
    """`fields` with `timestamp` and `signature` inside, the native scheme's other form.

    The signature covers `timestamp.JCS(fields with timestamp)` (RFC 8785); for ASCII keys, strings and integers JCS is
    sorted, compact JSON, so keep to those.
    """
    signed = {**fields, "timestamp": at}
    canonical = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {**signed, "signature": mac_hex(secret.encode(), f"{at}.{canonical}".encode())}
