"""How each provider signs, one row each: where signature and time are, what is signed, what names the event.

A hex signature is written in lower case, as every provider does; another spelling of it is refused as malformed. Header names are
compared without case. Identity comes from what the signature covers: where the provider's own id travels unsigned (Razorpay,
Shopify, GitHub), the hash of the content is the name.

Sources: docs.stripe.com/webhooks (signatures), razorpay.com/docs/webhooks/validate-test, standardwebhooks.com (specification 1.0),
developer.paddle.com/webhooks/about/signature-verification, cashfree.com/docs (payment webhooks),
developer.squareup.com/docs/webhooks/step3validate, shopify.dev/docs/apps/build/webhooks/verify-deliveries, docs.github.com
(validating webhook deliveries), docs.adyen.com/development-resources/webhooks/verify-hmac-signatures. The native row is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Final

Path = tuple[str, ...]
"""Names that lead into a JSON object, from the outside in."""


class Piece(Enum):
    """A part of the signed bytes that comes from the delivery; literal parts stand as bytes between them."""

    TIMESTAMP = "timestamp"
    MESSAGE_ID = "id"
    BODY = "body"
    URL = "the address the provider was given, as the source knows it"


class Layout(Enum):
    """How the signature header is written."""

    BARE = "the signature alone, after an optional prefix"
    FIELDS = "key=value pairs with the time among them: t=1,v1=abc"
    VERSIONED = "space-separated version,signature pairs: v1,abc v1,def"


class KeyForm(Enum):
    TEXT = "the secret's UTF-8 bytes"
    WHSEC = "base64 after an optional whsec_ prefix"
    HEX = "hex digits"


class Encoding(Enum):
    HEX = "hex"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class Items:
    """A body that is a list of items, each with a signature of its own inside, over some of its fields joined by colons."""

    names: tuple[str, str]
    """The list's name in the body, and the name that wraps each item."""
    signature: Path
    signed: tuple[Path, ...]
    """The fields the signature covers, in its order. What is not among them is not believed."""
    numbers: tuple[Path, ...]
    """Those of them that are whole numbers; the others are text."""
    free_text: Path
    """The one signed field that may hold a colon itself; in any other it could shift a border between two fields."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to sign. Header names are in lower case; the second of two is an alias, tried when the first is absent."""

    name: str
    signature_headers: tuple[bytes, ...]
    signed: tuple[Piece | bytes, ...]
    layout: Layout = Layout.BARE
    prefix: bytes = b""
    version: bytes = b""
    """The marker of the signatures that count (`v1`); others are ignored."""
    separator: bytes = b","
    key_form: KeyForm = KeyForm.TEXT
    encoding: Encoding = Encoding.HEX
    timestamp_headers: tuple[bytes, ...] = ()
    timestamp_field: bytes = b""
    timestamp_per_second: int = 1
    timestamp_digits_min: int = 1
    """Where nothing stands between time and body, their border must be known by the time's length."""
    message_id_headers: tuple[bytes, ...] = ()
    body_form: bool = False
    """Whether time and signature may sit inside the JSON body instead, signed over its canonical form (RFC 8785)."""
    items: Items | None = None
    """Where the signatures sit inside the items of the body; the paths below then start at an item."""
    ids: tuple[tuple[Path, ...], ...] = ()
    """Ways to name the event, each by one or more places in the signed body: the first whose places all hold something is
    the name. None: the signed content's hash is."""
    account_path: Path = ()
    type_path: Path = ()
    reference_paths: tuple[Path, ...] = ()
    """Where to look for the id that people know the event by; the event's own id when none is there."""
    volatile: tuple[str, ...] = ()
    """Top-level fields that a provider's own retry may change without changing what is said."""

    @property
    def signs_time(self) -> bool:
        return bool(self.timestamp_headers or self.timestamp_field)

    @property
    def signs_url(self) -> bool:
        return Piece.URL in self.signed


def _places(*dotted: str) -> tuple[Path, ...]:
    return tuple(tuple(place.split(".")) for place in dotted)


_STANDARD_WEBHOOKS: Final = Scheme(
    name="standard-webhooks",
    signature_headers=(b"webhook-signature", b"svix-signature"),
    layout=Layout.VERSIONED,
    version=b"v1",
    separator=b" ",
    key_form=KeyForm.WHSEC,
    encoding=Encoding.BASE64,
    timestamp_headers=(b"webhook-timestamp", b"svix-timestamp"),
    message_id_headers=(b"webhook-id", b"svix-id"),
    signed=(Piece.MESSAGE_ID, b".", Piece.TIMESTAMP, b".", Piece.BODY),
    type_path=("type",),
)

_ROWS: Final = (
    Scheme(
        name="native",
        signature_headers=(b"x-signature",),
        prefix=b"sha256=",
        timestamp_headers=(b"x-timestamp",),
        signed=(Piece.TIMESTAMP, b".", Piece.BODY),
        body_form=True,
        ids=(_places("tx_id"),),
        volatile=("timestamp", "signature"),
    ),
    Scheme(
        name="stripe",
        signature_headers=(b"stripe-signature",),
        layout=Layout.FIELDS,
        version=b"v1",
        timestamp_field=b"t",
        signed=(Piece.TIMESTAMP, b".", Piece.BODY),
        ids=(_places("id"),),
        account_path=("account",),
        type_path=("type",),
        volatile=("pending_webhooks",),  # counts down as other endpoints answer
    ),
    Scheme(
        name="razorpay",
        signature_headers=(b"x-razorpay-signature",),
        signed=(Piece.BODY,),
        account_path=("account_id",),
        type_path=("event",),
        reference_paths=_places("payload.refund.entity.id", "payload.payment.entity.id"),
    ),
    _STANDARD_WEBHOOKS,
    replace(
        _STANDARD_WEBHOOKS,
        name="svix",
        signature_headers=(b"svix-signature", b"webhook-signature"),
        timestamp_headers=(b"svix-timestamp", b"webhook-timestamp"),
        message_id_headers=(b"svix-id", b"webhook-id"),
    ),
    Scheme(
        name="paddle",
        signature_headers=(b"paddle-signature",),
        layout=Layout.FIELDS,
        version=b"h1",
        separator=b";",
        timestamp_field=b"ts",
        signed=(Piece.TIMESTAMP, b":", Piece.BODY),
        ids=(_places("event_id"),),
        type_path=("event_type",),
        reference_paths=_places("data.id"),
        volatile=("notification_id",),  # a replay is a new notification of the same event
    ),
    Scheme(
        name="cashfree",
        signature_headers=(b"x-webhook-signature",),
        encoding=Encoding.BASE64,
        timestamp_headers=(b"x-webhook-timestamp",),
        timestamp_per_second=1_000,
        timestamp_digits_min=13,
        signed=(Piece.TIMESTAMP, Piece.BODY),
        # One payment fails, succeeds and is charged for under one id, and a refund's only event type names any status of it.
        ids=(
            _places("type", "data.refund.cf_refund_id", "data.refund.refund_status"),
            _places("type", "data.payment.cf_payment_id"),
        ),
        type_path=("type",),
        reference_paths=_places("data.refund.cf_refund_id", "data.payment.cf_payment_id", "data.order.order_id"),
        volatile=("event_time",),  # when the webhook was made, not the payment
    ),
    Scheme(
        name="square",
        signature_headers=(b"x-square-hmacsha256-signature",),
        encoding=Encoding.BASE64,
        signed=(Piece.URL, Piece.BODY),
        ids=(_places("event_id"),),
        account_path=("merchant_id",),
        type_path=("type",),
        reference_paths=_places("data.id"),
    ),
    # Shopify's topic is in an unsigned header too. Where one order means different things by topic, give each a source.
    Scheme(
        name="shopify",
        signature_headers=(b"x-shopify-hmac-sha256",),
        encoding=Encoding.BASE64,
        signed=(Piece.BODY,),
        reference_paths=_places("admin_graphql_api_id", "id"),
    ),
    Scheme(
        name="github",
        signature_headers=(b"x-hub-signature-256",),
        prefix=b"sha256=",
        signed=(Piece.BODY,),
        type_path=("action",),
        reference_paths=_places("id"),
    ),
    Scheme(
        name="adyen",
        signature_headers=(),
        signed=(),
        key_form=KeyForm.HEX,
        encoding=Encoding.BASE64,
        items=Items(
            names=("notificationItems", "NotificationRequestItem"),
            signature=("additionalData", "hmacSignature"),
            signed=_places(
                "pspReference",
                "originalReference",
                "merchantAccountCode",
                "merchantReference",
                "amount.value",
                "amount.currency",
                "eventCode",
                "success",
            ),
            numbers=_places("amount.value"),
            free_text=("merchantReference",),
        ),
        # Adyen's plugins tell duplicates apart by `success` too: a refused payment that is tried again and succeeds keeps its
        # reference, and a 409 for the second would be retried for days.
        ids=(_places("eventCode", "pspReference", "success"),),
        account_path=("merchantAccountCode",),
        type_path=("eventCode",),
        reference_paths=_places("pspReference"),
    ),
)

SCHEMES: Final[Mapping[str, Scheme]] = MappingProxyType({row.name: row for row in _ROWS})
