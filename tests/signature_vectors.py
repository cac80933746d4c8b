"""The signatures that providers' documentation and libraries publish, as the deliveries they belong to."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).parent / "vectors" / "signatures.json"
_HEADER: Final = {
    "github": ("x-hub-signature-256", "sha256="),
    "razorpay": ("x-razorpay-signature", ""),
    "shopify": ("x-shopify-hmac-sha256", ""),
    "square": ("x-square-hmacsha256-signature", ""),
}
_ADYEN_FIELDS: Final = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")


@dataclass(frozen=True)
class Vector:
    """`at` is the signed time in unix seconds, 0 where none is signed."""

    scheme: str
    name: str
    key: bytes = field(repr=False)
    secret: str = field(repr=False)
    headers: Mapping[str, str]
    body: bytes
    at: float = 0
    url: str = ""
    message_id: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}-{self.name}"


def _vector(told: dict[str, Any]) -> Vector:
    """Where a vector is only signed bytes and their signature, the delivery they stand for is put together."""
    scheme, name, expected = told["scheme"], told["name"], told["expected"]
    key = bytes.fromhex(told["key_hex"])
    signed = base64.b64decode(told["signed_bytes_b64"])
    body, at, url = signed, 0.0, ""
    if scheme == "razorpay-payment":  # the same construction over the two ids that a checkout returns
        scheme, name = "razorpay", "payment"
    if scheme == "stripe":
        at, headers, body = 1492774577, told["headers"], told["body"].encode()
    elif scheme == "standard-webhooks":
        at, headers, body = int(told["headers"]["webhook-timestamp"]), told["headers"], told["body"].encode()
    elif scheme == "paddle":
        stamp, _, body = signed.partition(b":")
        at, headers = int(stamp), {"Paddle-Signature": f"ts={stamp.decode()};h1={expected}"}
    elif scheme == "cashfree":
        stamp, body = signed[:13], signed[13:]
        at = int(stamp) / 1000
        headers = {"x-webhook-timestamp": stamp.decode(), "x-webhook-signature": expected}
    elif scheme == "adyen":
        headers, body = {}, _adyen_body(signed.decode(), expected)
    else:
        if scheme == "square":
            url, body = signed[: signed.index(b"{")].decode(), signed[signed.index(b"{") :]
        header, prefix = _HEADER[scheme]
        headers = {header: prefix + expected}
    secret = told.get("secret") or (told["key_hex"] if scheme == "adyen" else key.decode())
    return Vector(scheme, name, key, secret, headers, body, at, url, headers.get("webhook-id", ""))


def _adyen_body(signed: str, signature: str) -> bytes:
    *references, value, currency, event_code, success = signed.split(":")
    item = {
        **dict(zip(_ADYEN_FIELDS, references, strict=True)),
        "amount": {"value": int(value), "currency": currency},
        "eventCode": event_code,
        "success": success,
        "additionalData": {"hmacSignature": signature},
    }
    return json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}).encode()


VECTORS: Final = tuple(_vector(told) for told in json.loads(_FILE.read_text()))
