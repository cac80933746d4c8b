"""A good delivery of any scheme of the table, and ways to spoil it: a new row gets every test that is built on these."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from gateway.ingress.delivery import Delivery
from gateway.ingress.providers import SCHEMES, Secret, Source, Window
from gateway.ingress.providers.schemes import KeyForm, Layout
from gateway.ingress.providers.sources import signing_key
from gateway.ingress.sign import sign

NOW: Final = 1_763_712_000
WINDOW: Final = Window(past_s=300, future_s=5)
URL: Final = "https://pay.example/webhooks/tested"
SECRETS: Final = {
    KeyForm.TEXT: "a-secret-of-the-tests-0123456789",
    KeyForm.WHSEC: "whsec_c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5",
    KeyForm.HEX: "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056",
}
OTHER_KEY: Final = b"another-secret-of-the-tests-0123"
HEADER_SCHEMES: Final = sorted(name for name, row in SCHEMES.items() if row.signature_headers)
TIMED_SCHEMES: Final = sorted(name for name, row in SCHEMES.items() if row.signs_time)
ITEM: Final[dict[str, Any]] = {
    "pspReference": "8515131751004933",
    "merchantAccountCode": "ExampleMerchant",
    "merchantReference": "order 17: the red one",
    "amount": {"value": 1130, "currency": "EUR"},
    "eventCode": "AUTHORISATION",
    "success": "true",
}


def notification(*items: dict[str, Any]) -> bytes:
    """An Adyen notification of these items, not yet signed."""
    listed = [{"NotificationRequestItem": dict(item)} for item in items]
    return json.dumps({"live": "false", "notificationItems": listed}).encode()


def secret_of(name: str) -> str:
    return SECRETS[SCHEMES[name].key_form]


def key_of(name: str) -> bytes:
    return signing_key(secret_of(name), SCHEMES[name].key_form)


def source_of(name: str, **more: Any) -> Source:
    return replace(Source("tested", SCHEMES[name], (Secret("1", key_of(name)),), url=URL), **more)


def good(
    name: str,
    body: bytes | None = None,
    *,
    at: float = NOW,
    key: bytes | None = None,
    url: str = URL,
    received_at: float | None = None,
) -> Delivery:
    """A delivery that the scheme's source lets in, signed at `at` and there at once."""
    content = body if body is not None else notification(ITEM) if SCHEMES[name].items else b'{"id":"evt_1"}'
    headers, signed = sign(SCHEMES[name], key or key_of(name), content, at=at, message_id="msg_1", url=url)
    raw = [(header.encode(), value.encode()) for header, value in headers.items()]
    return Delivery("tested", raw, signed, at if received_at is None else received_at, "192.0.2.1")


def with_header(delivery: Delivery, header: bytes, value: bytes | None, *more: bytes) -> Delivery:
    """The same with another value of the header, several, or without it."""
    others = [(name, old) for name, old in delivery.headers if name != header]
    added = [] if value is None else [(header, each) for each in (value, *more)]
    return replace(delivery, headers=[*others, *added])


def header_of(delivery: Delivery, header: bytes) -> bytes:
    return next(value for name, value in delivery.headers if name == header)


def signature_of(name: str, delivery: Delivery) -> str:
    """The signature alone, wherever the scheme puts it."""
    row = SCHEMES[name]
    if row.items:
        item = json.loads(delivery.body)["notificationItems"][0]["NotificationRequestItem"]
        return str(item["additionalData"]["hmacSignature"])
    value = header_of(delivery, row.signature_headers[0]).decode()
    if row.layout is Layout.FIELDS:
        return value.split(f"{row.version.decode()}=")[1]
    return value.split(",")[1] if row.layout is Layout.VERSIONED else value.removeprefix(row.prefix.decode())


def with_signature(name: str, delivery: Delivery, change: Callable[[str], str]) -> Delivery:
    """The same with a changed signature and nothing else changed."""
    row = SCHEMES[name]
    old = signature_of(name, delivery)
    if row.items:
        body = json.loads(delivery.body)
        body["notificationItems"][0]["NotificationRequestItem"]["additionalData"]["hmacSignature"] = change(old)
        return replace(delivery, body=json.dumps(body).encode())
    header = row.signature_headers[0]
    value = header_of(delivery, header).decode().replace(old, change(old))
    return with_header(delivery, header, value.encode("latin-1"))
