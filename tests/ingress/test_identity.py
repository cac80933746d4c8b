"""What makes a delivery the same one again."""

import json

import pytest

from gateway.errors import NotJson, NotTheShape
from gateway.ingress.delivery import Delivery, VerifiedDelivery
from gateway.ingress.identity import Identity, event_id_of, identify
from gateway.ingress.providers import SCHEMES

NATIVE = {"tx_id": "t1", "amount": "12.30", "currency": "USD", "sender_account": "a", "receiver_account": "b"}
RAZORPAY = {"event": "refund.processed", "account_id": "acc_1", "payload": {"payment": {"entity": {"id": "pay_1"}}}}


def identity(scheme: str, body: object, *, message_id: str | None = None) -> Identity:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    unproven = Delivery("tested", [], payload, 1.0, "192.0.2.1")
    return identify(VerifiedDelivery(unproven, payload, "1", 1.0, message_id), SCHEMES[scheme])


def test_the_key_is_source_account_and_signed_id() -> None:
    """So two accounts, or two sources, may use one id."""
    named = identity("stripe", {"id": "evt_1", "account": "acct_1", "type": "t"})
    assert named.event_key == "tested:acct_1:evt_1"
    assert named.event_id == event_id_of("tested", "acct_1", "evt_1")
    assert named.event_id != identity("stripe", {"id": "evt_1", "type": "t"}).event_id
    assert (named.type, named.tx_id) == ("t", "evt_1")


def test_the_id_header_counts_where_it_is_signed() -> None:
    """Standard Webhooks sign theirs."""
    assert identity("standard-webhooks", {"type": "t"}, message_id="m1").tx_id == "m1"


def test_an_unsigned_id_does_not_count() -> None:
    """Razorpay's id header is not covered by the signature, so its events are named by what they say: a replay with
    another header is the same event. People know it by its refund, else by its payment."""
    first = identity("razorpay", RAZORPAY)
    assert first.event_key.startswith("tested:acc_1:sha256-")
    assert first.tx_id == "pay_1"
    refund = {**RAZORPAY, "payload": {**RAZORPAY["payload"], "refund": {"entity": {"id": "rfnd_1"}}}}  # type: ignore[dict-item]
    assert identity("razorpay", refund).tx_id == "rfnd_1"


@pytest.mark.parametrize("body", [{}, [], None, 5, {"id": ""}, {"id": 7.5}, {"id": "x" * 256}, {"id": "a\nb"}])
def test_a_provider_without_a_usable_id_is_named_by_its_content(body: object) -> None:
    """Whatever JSON was signed has a name, so it can be kept."""
    named = identity("stripe", body)
    assert named.event_key.startswith("tested::sha256-")
    assert named.type == "unknown"


@pytest.mark.parametrize("amount", ["12.3", 12.3, "12.30"])
def test_the_same_amount_is_the_same_content(amount: object) -> None:
    """However it is written."""
    assert identity("native", {**NATIVE, "amount": amount}).fingerprint == identity("native", NATIVE).fingerprint


def test_volatile_fields_and_order_are_no_content() -> None:
    """A retry's time and the count of pending endpoints may change; the rest may not."""
    later = dict(reversed({**NATIVE, "timestamp": 5}.items()))
    assert identity("native", later).fingerprint == identity("native", NATIVE).fingerprint
    stripe = {"id": "e", "type": "t", "pending_webhooks": 3}
    assert identity("stripe", {**stripe, "pending_webhooks": 0}).fingerprint == identity("stripe", stripe).fingerprint
    assert identity("stripe", {**stripe, "type": "u"}).fingerprint != identity("stripe", stripe).fingerprint


@pytest.mark.parametrize("field", ["amount", "currency", "sender_account", "receiver_account"])
def test_every_field_that_moves_money_is_content(field: str) -> None:
    """Another value under the used id is another content, so it becomes a conflict."""
    other = {**NATIVE, field: {"amount": "12.31", "currency": "EUR"}.get(field, "c")}
    changed = identity("native", other)
    assert changed.event_id == identity("native", NATIVE).event_id
    assert changed.fingerprint != identity("native", NATIVE).fingerprint


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"NaN", b'{"a":1e999}', b'"\\ud800"'])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """By our own error, whatever the parser below says."""
    with pytest.raises(NotJson):
        identity("stripe", body)


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"', b"{}"])
def test_a_native_body_has_to_be_a_payment(body: bytes) -> None:
    """The one shape that is ours to promise."""
    with pytest.raises(NotTheShape):
        identity("native", body)


def test_content_nested_deeper_than_the_writer_goes() -> None:
    """The reader accepts more depth than the writer; the hash of the bytes stands in, and nothing is raised."""
    deep = b'{"id":"e","n":' + b"[" * 900 + b"]" * 900 + b"}"
    assert len(identity("stripe", deep).fingerprint) == 64
