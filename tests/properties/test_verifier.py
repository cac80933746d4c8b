"""The wall against everything: it is total, lets in what is signed, and nothing that differs by one byte."""

import json
import string
from contextlib import suppress
from typing import Any

import pytest
from booked_store import CIPHER, opened
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadRequest, NotTheShape, SignatureRefused, TimestampRefused
from gateway.events.event import NoMovement, Outcome, PaymentEvent, event_document
from gateway.events.normalise import normalise
from gateway.ingress.delivery import Delivery, VerifiedDelivery
from gateway.ingress.identity import identify
from gateway.ingress.providers import SCHEMES, Secret, Source
from gateway.ingress.providers.schemes import KeyForm
from gateway.ingress.providers.sources import Window, signing_key
from gateway.ingress.verify import verify
from simulators.signing import adyen_notification, native_body_form, sign

KEY = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5"
WINDOW = Window(past_s=300, future_s=5)
NOW = 1_763_712_000
URL = "https://pay.example/webhooks/tested"
HEX_KEY = "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056"
SOURCES = {
    name: Source(
        name, row, (Secret("1", signing_key(HEX_KEY if row.key_form is KeyForm.HEX else KEY, row.key_form)),), url=URL
    )
    for name, row in SCHEMES.items()
}
ANY_SCHEME = st.sampled_from(sorted(SCHEMES))
SCHEME = st.sampled_from(sorted(name for name, row in SCHEMES.items() if row.signature_headers))
HEADER_NAMES = sorted(
    {
        name
        for row in SCHEMES.values()
        for name in row.signature_headers + row.timestamp_headers + row.message_id_headers
    }
)
HEADER_PIECES = st.lists(
    st.sampled_from(
        [
            *(b"t=", b"v1=", b"v1,", b"v0=", b",", b" ", b".", b"=", b"sha256=", b"0" * 64, b"1763712000", b"\xff"),
            *(b"ts=", b"h1=", b";", b":", b"A" * 43 + b"=", b"1763712000000"),
        ]
    )
    | st.binary(max_size=20),
    max_size=6,
).map(b"".join)
HEADERS = st.lists(st.tuples(st.sampled_from(HEADER_NAMES) | st.binary(max_size=8), HEADER_PIECES), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
BODY_FORM = st.fixed_dictionaries(
    {"signature": st.text(max_size=70) | JSON}, optional={"timestamp": JSON | st.integers(0, 10**14), "more": JSON}
)
ITEM_TEXT = st.text(max_size=8) | st.none() | st.just("a:b") | JSON
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "pspReference": ITEM_TEXT,
        "originalReference": ITEM_TEXT,
        "merchantAccountCode": ITEM_TEXT,
        "merchantReference": ITEM_TEXT,
        "amount": st.fixed_dictionaries({}, optional={"value": st.integers() | JSON, "currency": ITEM_TEXT}) | JSON,
        "eventCode": ITEM_TEXT,
        "success": st.booleans() | ITEM_TEXT,
        "additionalData": st.fixed_dictionaries({"hmacSignature": st.text(max_size=50) | JSON}) | JSON,
    },
)
NOTIFICATION = st.fixed_dictionaries(
    {
        "notificationItems": st.lists(
            st.fixed_dictionaries({"NotificationRequestItem": ITEM | JSON}) | JSON, max_size=10
        )
        | JSON
    }
)
BODIES = st.binary(max_size=200) | (JSON | BODY_FORM | NOTIFICATION).map(lambda value: json.dumps(value).encode())


def _signed(scheme: str, body: bytes, *, message_id: str = "msg_1", at: int = NOW) -> Delivery:
    headers = sign(scheme, KEY, body, at=at, message_id=message_id, url=URL)
    return Delivery(scheme, [(name.lower().encode(), value.encode()) for name, value in headers.items()], body, NOW, "")


@settings(max_examples=200)
@given(scheme=ANY_SCHEME, headers=HEADERS, body=BODIES, received_at=st.floats(0, 1e11))
def test_any_headers_and_bytes_are_refused_by_our_refusals(
    scheme: str, headers: list[tuple[bytes, bytes]], body: bytes, received_at: float
) -> None:
    """Nothing that was not signed comes in, and nothing but our two refusals comes out."""
    with pytest.raises((SignatureRefused, TimestampRefused)):
        verify(Delivery(scheme, headers, body, received_at, ""), SOURCES[scheme], WINDOW)


@settings(max_examples=100)
@given(
    scheme=SCHEME,
    body=st.binary(max_size=200),
    message_id=st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=40),
    at=st.integers(1_000_000_000, 9_999_999_999),
)
def test_what_is_signed_is_let_in_unchanged(scheme: str, body: bytes, message_id: str, at: int) -> None:
    """Any bytes, any id, any time within the window of it."""
    headers = sign(scheme, KEY, body, at=at, message_id=message_id, url=URL)
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    verified = verify(Delivery(scheme, raw, body, at, ""), SOURCES[scheme], WINDOW)
    assert (verified.payload, verified.secret_id) == (body, "1")
    assert verified.signed_at in (at, None)


@settings(max_examples=300)
@given(scheme=SCHEME, body=st.binary(min_size=1, max_size=60), place=st.integers(0), mask=st.integers(1, 255))
def test_one_changed_byte_anywhere_is_refused(scheme: str, body: bytes, place: int, mask: int) -> None:
    """In the body, the signature, the time or the id: whatever bits of one byte are flipped, it is refused. (An id that is
    not signed, such as Razorpay's, is not believed either.)"""
    good = _signed(scheme, body)
    parts = [value for name, value in good.headers if name in HEADER_NAMES] + [good.body]
    place %= sum(map(len, parts))
    number = 0
    while place >= len(parts[number]):
        place -= len(parts[number])
        number += 1
    part = bytearray(parts[number])
    part[place] ^= mask
    parts[number] = bytes(part)
    names = [name for name, _ in good.headers if name in HEADER_NAMES]
    changed = Delivery(scheme, list(zip(names, parts[:-1], strict=True)), parts[-1], NOW, "")
    with pytest.raises((SignatureRefused, TimestampRefused)):
        verify(changed, SOURCES[scheme], WINDOW)


@settings(max_examples=100)
@given(scheme=SCHEME, body=st.binary(max_size=60), extra=st.binary(min_size=1, max_size=5), front=st.booleans())
def test_a_body_that_grew_or_shrank_is_refused(scheme: str, body: bytes, extra: bytes, front: bool) -> None:
    """Bytes before, after, or missing: the border between time and body cannot be moved."""
    good = _signed(scheme, body + extra)
    for other in (body, extra + body + extra if front else body + extra + extra):
        with pytest.raises(SignatureRefused):
            verify(Delivery(scheme, good.headers, other, NOW, ""), SOURCES[scheme], WINDOW)


SIGNED_ITEMS = [
    adyen_notification(HEX_KEY, *({**told, "amount": {"value": number, "currency": "EUR"}} for number in range(count)))
    for count in (1, 3)
    for told in (
        {
            "pspReference": "85",
            "merchantAccountCode": "Shop",
            "merchantReference": "a: b",
            "eventCode": "AUTHORISATION",
        },
    )
    for told in ({**told, "success": "true", "reason": "not signed", "eventDate": "2026-11-21T10:00:00+01:00"},)
]


@settings(max_examples=300)
@given(notification=st.sampled_from(SIGNED_ITEMS), place=st.integers(0), mask=st.integers(1, 255))
def test_one_changed_byte_of_a_notification_changes_nothing_that_is_kept(
    notification: dict[str, object], place: int, mask: int
) -> None:
    """It is refused, or the byte was in what no signature covers and no payload has."""
    body = json.dumps(notification).encode()
    changed = bytearray(body)
    changed[place % len(body)] ^= mask
    kept = verify(Delivery("adyen", [], body, NOW, ""), SOURCES["adyen"], WINDOW).payload
    with suppress(SignatureRefused, TimestampRefused):
        assert verify(Delivery("adyen", [], bytes(changed), NOW, ""), SOURCES["adyen"], WINDOW).payload == kept


NAMES = st.text(string.ascii_letters, min_size=1, max_size=8).filter(
    lambda name: name not in ("timestamp", "signature")
)
VALUES = st.text(string.printable, max_size=12) | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none()


@settings(max_examples=75)
@given(fields=st.dictionaries(NAMES, VALUES, min_size=1, max_size=5), choice=st.randoms(use_true_random=False))
def test_one_changed_field_of_the_body_form_is_refused(fields: dict[str, Any], choice: Any) -> None:
    """Signed over its canonical form: order and spacing are free, values and names are not."""
    source = SOURCES["native"]
    body = native_body_form(KEY, fields, at=NOW)
    shuffled = dict(choice.sample(list(body.items()), len(body)))
    verified = verify(Delivery("native", [], json.dumps(shuffled, indent=1).encode(), NOW, ""), source, WINDOW)
    assert json.loads(verified.payload) == {**fields, "timestamp": NOW}
    name = choice.choice(sorted(fields))
    for changed in (
        {**body, name: "another value of the field"},
        {key: value for key, value in body.items() if key != name},
        {**body, "another-name": 1},
        {**body, "timestamp": NOW - 1},
    ):
        with pytest.raises((SignatureRefused, TimestampRefused)):
            verify(Delivery("native", [], json.dumps(changed).encode(), NOW, ""), source, WINDOW)


WORDS = [
    *("id", "type", "event", "account", "account_id", "data", "object", "payload", "payment", "refund", "entity"),
    *("amount", "currency", "amount_received", "metadata", "notes", "wallet_id", "status", "payment_intent", "refunds"),
    *("tx_id", "sender_account", "receiver_account", "timestamp", "created", "payment_id", "refund_id", "dispute"),
]
TYPES = [
    *("payment_intent.succeeded", "charge.refunded", "refund.created", "charge.dispute.closed", "payout.paid"),
    *(
        "customer.subscription.updated",
        "invoice.paid",
        "payment.captured",
        "refund.processed",
        "payment.dispute.closed",
    ),
    *("subscription.charged", "payout.processed", "payment.failed", "refund.succeeded", "unheard.of"),
]
LEAVES = (
    st.sampled_from(
        [*TYPES, "usd", "USD", "JPY", "succeeded", "won", "active", "1.00", "suspense:x", "9999-12-31T23:59:59Z"]
    )
    | st.sampled_from([0, -1, 1, 100, 2**53, 10**18, 253_402_300_800, 1e300, True, None, "", "\0", "\u2028"])
    | st.text(max_size=6)
)
PROVIDERS_JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=25,
)
SHAPED = st.builds(
    lambda kind, top, thing: {**top, "type": kind, "event": kind, "data": {**thing, "object": thing},
                              "payload": {name: {"entity": thing} for name in ("payment", "refund", "dispute")}},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(WORDS), LEAVES, max_size=3),
    st.dictionaries(st.sampled_from(WORDS), PROVIDERS_JSON, max_size=8),
)  # fmt: skip


@settings(max_examples=250)
@given(
    scheme=SCHEME, body=(PROVIDERS_JSON | SHAPED).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)
)
def test_whatever_was_signed_gets_a_name_and_a_reading(scheme: str, body: bytes) -> None:
    """`identify` names it or refuses it as ours; `normalise` reads steps with sound amounts, or says why not."""
    unproven = Delivery(scheme, [], body, NOW, "")
    verified = VerifiedDelivery(unproven, body, "1", NOW, "msg_1" if scheme == "standard-webhooks" else None)
    try:
        identity = identify(verified, SCHEMES[scheme])
    except (BadRequest, NotTheShape):
        return
    assert len(identity.event_id) == 36
    assert 0 < len(identity.tx_id) <= 255
    reading = normalise(opened(event_document(verified, identity, scheme, CIPHER)))
    if isinstance(reading, NoMovement):
        assert reading.outcome in (Outcome.REJECTED, Outcome.IGNORED)
        assert reading.reason
        return
    assert reading
    for event in reading:
        assert isinstance(event, PaymentEvent)
        assert 0 <= event.amount_minor < 2**62
        assert 0 < event.occurred_at < 253_402_300_800
