"""How each provider signs, one row each: where signature and time are, what is signed, what names the event.

Sources: docs.stripe.com/webhooks (signatures), razorpay.com/docs/webhooks/validate-test, standardwebhooks.com (specification 1.0).
The native row is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class Piece(Enum):
    """A part of the signed bytes that comes from the delivery; literal parts stand as bytes between them."""

    TIMESTAMP = "timestamp"
    MESSAGE_ID = "id"
    BODY = "body"


class Layout(Enum):
    """How the signature header is written."""

    BARE = "the signature alone, after an optional prefix"
    FIELDS = "key=value pairs with the time among them: t=1,v1=abc"
    VERSIONED = "space-separated version,signature pairs: v1,abc v1,def"


class KeyForm(Enum):
    TEXT = "the secret's UTF-8 bytes"
    WHSEC = "base64 after an optional whsec_ prefix"


class Encoding(Enum):
    HEX = "hex"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to sign. Header names are in lower case; `*_aliases` are tried when the first name is absent."""

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
    message_id_headers: tuple[bytes, ...] = ()
    body_form: bool = False
    """Whether time and signature may sit inside the JSON body instead, signed over its canonical form (RFC 8785)."""
    id_path: tuple[str, ...] = ()
    """Where the signed body names the event; empty: the signed content's hash is the name."""
    account_path: tuple[str, ...] = ()
    type_path: tuple[str, ...] = ()
    reference_paths: tuple[tuple[str, ...], ...] = ()
    """Where to look for the id that people know the event by; the event's own id when none is there."""
    volatile: tuple[str, ...] = ()
    """Top-level fields that a provider's own retry may change without changing what is said."""

    @property
    def signs_time(self) -> bool:
        return bool(self.timestamp_headers or self.timestamp_field)


_ROWS: Final = (
    Scheme(
        name="native",
        signature_headers=(b"x-signature",),
        prefix=b"sha256=",
        timestamp_headers=(b"x-timestamp",),
        signed=(Piece.TIMESTAMP, b".", Piece.BODY),
        body_form=True,
        id_path=("tx_id",),
        volatile=("timestamp", "signature"),
    ),
    Scheme(
        name="stripe",
        signature_headers=(b"stripe-signature",),
        layout=Layout.FIELDS,
        version=b"v1",
        timestamp_field=b"t",
        signed=(Piece.TIMESTAMP, b".", Piece.BODY),
        id_path=("id",),
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
        reference_paths=(("payload", "refund", "entity", "id"), ("payload", "payment", "entity", "id")),
    ),
    Scheme(
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
    ),
)

SCHEMES: Final[Mapping[str, Scheme]] = MappingProxyType({row.name: row for row in _ROWS})
