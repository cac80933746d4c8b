"""What a caller gets, row by row, over HTTP: everything a signed delivery can be answered with."""

import json
import time

import pytest
from deliveries import ALL_SOURCES, TIMED_SOURCES, Signed, new_id, payment_of, signed, transfer
from provider import Provider
from running_gateway import SECRETS

from gateway.events.at_rest import of_incident, plain_body
from simulators.signing import native_body_form


@pytest.mark.parametrize("source", ALL_SOURCES)
def test_a_new_event_is_accepted(provider: Provider, source: str) -> None:
    """202 with the ids, the event's address in Location, and the event in the store by then."""
    answer = provider.send(signed(source, payment_of(source, wallet=new_id("w"))))
    told = answer.json()
    assert answer.status_code == 202
    assert told.keys() == {"status", "event_id", "tx_id"}
    assert told["status"] == "accepted"
    assert answer.headers["location"] == f"/events/{told['event_id']}"
    assert provider.event(answer)["source"] == source


@pytest.mark.parametrize("source", ALL_SOURCES)
def test_the_same_event_again_is_a_duplicate(provider: Provider, source: str) -> None:
    """200 with the same ids and the present state; the wallet is credited once."""
    wallet = new_id("w")
    delivery = signed(source, payment_of(source, wallet=wallet))
    first = provider.send(delivery, wait=True).json()
    again = provider.send(delivery)
    assert again.status_code == 200
    assert again.json() == {
        "status": "duplicate",
        "event_id": first["event_id"],
        "tx_id": first["tx_id"],
        "outcome": "applied",
        "reason": first["reason"],
    }
    assert provider.balance(wallet, "INR" if source == "razorpay" else "USD") == 100


@pytest.mark.parametrize("source", TIMED_SOURCES)
def test_a_retry_signed_anew_is_a_duplicate(provider: Provider, source: str) -> None:
    """A provider's retry has a new time and a new signature; that is no attack and no second event."""
    body, message_id = payment_of(source, wallet=new_id("w")), new_id("msg")
    first = provider.send(signed(source, body, at=time.time() - 60, message_id=message_id))
    retry = provider.send(signed(source, body, message_id=message_id))
    assert (first.status_code, retry.status_code) == (202, 200)
    assert retry.json()["event_id"] == first.json()["event_id"]


@pytest.mark.parametrize("source", TIMED_SOURCES)
def test_a_used_id_with_other_content_is_a_conflict(provider: Provider, source: str) -> None:
    """409; the other content moves nothing, and is kept whole as an incident."""
    wallet, message_id = new_id("w"), new_id("msg")
    body = payment_of(source, wallet=wallet, amount_minor=100)
    text = signed(source, body).body
    changed = text.replace(b'"1.00"', b'"9.00"').replace(b": 100", b": 900")
    first = provider.send(signed(source, text, message_id=message_id), wait=True)
    answer = provider.send(signed(source, changed, message_id=message_id))
    assert changed != text
    assert answer.status_code == 409
    assert answer.json()["reason"] == "conflict"
    incident = provider.rows.incidents.find_one({"event_id": first.json()["event_id"]})
    assert incident is not None
    assert (incident["kind"], incident["source"]) == ("conflict", source)
    assert plain_body(incident, of_incident(incident["event_id"]), provider.gateway.cipher()) == changed
    assert incident["fingerprint_stored"] != incident["fingerprint_seen"]
    assert provider.balance(wallet) == 100
    assert provider.rows.events.count_documents({"_id": first.json()["event_id"]}) == 1


def test_the_same_amount_written_otherwise_is_no_conflict(provider: Provider) -> None:
    """12.5 and "12.50" are one amount: the native id with either is the same payment."""
    body = transfer("12.50")
    first = provider.send(signed("payments", body))
    again = provider.send(signed("payments", {**body, "amount": 12.5}))
    assert (first.status_code, again.status_code) == (202, 200)


def test_the_native_body_form_is_the_same_payment(provider: Provider) -> None:
    """With time and signature inside the JSON, and a retry with them in the headers: one event; changed, it is refused."""
    body = transfer("7.00")
    inside = native_body_form(SECRETS["HMAC_SECRET_KEY"], body, at=int(time.time()))
    answers = [
        provider.send(Signed("payments", json.dumps(sent).encode(), {"Content-Type": "application/json"}))
        for sent in (inside, {**inside, "amount": "70.00"})
    ]
    assert [answer.status_code for answer in answers] == [202, 403]
    assert provider.send(signed("payments", body)).json()["event_id"] == answers[0].json()["event_id"]


def test_the_order_of_a_retrys_fields_is_no_conflict(provider: Provider) -> None:
    """A Stripe retry whose fields come in another order, with fewer endpoints pending, says the same."""
    body = {**payment_of("stripe", wallet=new_id("w")), "pending_webhooks": 2}
    again = {**dict(reversed(body.items())), "pending_webhooks": 1}
    assert provider.send(signed("stripe", body)).status_code == 202
    assert provider.send(signed("stripe", again)).status_code == 200


@pytest.mark.parametrize("source", ALL_SOURCES)
def test_signed_bytes_that_are_not_json(provider: Provider, source: str) -> None:
    """400, whoever signed them: the secret vouches for the bytes, not for their form."""
    answer = provider.send(signed(source, b"{not json"))
    assert answer.status_code == 400
    assert answer.json()["reason"] == "not_json"


@pytest.mark.parametrize("source", TIMED_SOURCES)
@pytest.mark.parametrize(
    ("at", "check"),
    [
        (lambda: time.time() - 305, "timestamp_too_old"),
        (lambda: time.time() + 20, "timestamp_in_future"),
        (lambda: "soon", "timestamp_unreadable"),
        (lambda: "-5", "timestamp_unreadable"),
        (lambda: "12345678901234", "timestamp_unreadable"),
    ],
)
def test_a_time_outside_the_window(provider: Provider, source: str, at: object, check: str) -> None:
    """408 "stale" on both sides and for what is no time, although the signature is right; the log names which it was."""
    assert callable(at)
    delivery = signed(source, payment_of(source, wallet=new_id("w")), at=at())
    answer = provider.send(delivery)
    assert answer.status_code == 408
    assert answer.json()["reason"] == "stale"
    assert check.removeprefix("timestamp_").replace("_", " ") not in answer.json().values()
    assert provider.refusal(delivery)["check"] == check


@pytest.mark.parametrize("source", TIMED_SOURCES)
def test_a_missing_time(provider: Provider, source: str) -> None:
    """408 as well: without a time nothing says that it is fresh."""
    delivery = signed(source, payment_of(source, wallet=new_id("w")))
    value = delivery.headers.get("Stripe-Signature", "")
    timeless = delivery.with_headers(
        X_Timestamp=None, webhook_timestamp=None, Stripe_Signature=value.partition(",")[2] or None
    )
    answer = provider.send(timeless)
    assert (answer.status_code, answer.json()["reason"]) == (408, "stale")
    assert provider.refusal(timeless)["check"] == "timestamp_missing"


def test_the_window_is_exact(provider: Provider) -> None:
    """Just inside on both sides is fresh."""
    for offset_s in (-290, 4):
        delivery = signed("payments", transfer(), at=time.time() + offset_s)
        assert provider.send(delivery).status_code == 202


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"tx_id": None}, {"tx_id"}),
        ({"tx_id": "a b"}, {"tx_id"}),
        ({"amount": "-1.00"}, {"amount"}),
        ({"amount": "1.001"}, {"amount"}),
        ({"amount": 0}, {"amount"}),
        ({"amount": True}, {"amount"}),
        ({"currency": "usd"}, {"currency"}),
        ({"currency": "XXX"}, {"currency"}),
        ({"sender_account": "", "receiver_account": 5}, {"sender_account", "receiver_account"}),
        ({"sender_account": "suspense:stripe"}, {"sender_account"}),
        ({"sender_account": "same", "receiver_account": "same"}, {"receiver_account"}),
        ({"description": "x" * 1_001}, {"description"}),
    ],
)
def test_a_native_body_of_another_shape(provider: Provider, changed: dict[str, object], fields: set[str]) -> None:
    """422 with the fields at fault, and nothing of their values; nothing is stored."""
    body = {name: value for name, value in {**transfer("1.00"), **changed}.items() if value is not None}
    answer = provider.send(signed("payments", body))
    assert answer.status_code == 422
    assert answer.json()["reason"] == "not_the_shape"
    assert answer.json()["fields"].keys() == fields
    assert provider.rows.events.count_documents({"tx_id": body.get("tx_id", "")}) == 0


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"text"', b"{}"])
def test_native_json_that_is_no_payment(provider: Provider, body: bytes) -> None:
    """422 for any JSON whatever, not only for objects."""
    assert provider.send(signed("payments", body)).status_code == 422


@pytest.mark.parametrize("source", ["stripe", "razorpay", "standard"])
@pytest.mark.parametrize("garbage", [[], None, {}, "text", {"id": 5, "type": [], "event": {}, "data": "x"}])
def test_a_providers_garbage_is_kept(provider: Provider, source: str, garbage: object) -> None:
    """Authentic and useless: 202, so that it is not sent again for days, and stored with an outcome."""
    body = json.dumps({**garbage, "n": new_id()} if isinstance(garbage, dict) else [garbage, new_id()]).encode()
    answer = provider.send(signed(source, body), wait=True)
    assert answer.status_code == 202
    assert provider.gateway.body(provider.event(answer)) == body
    assert provider.event(answer)["outcome"] in ("rejected", "ignored")


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("stripe", {"id": "", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi", "currency": "usd"}}}),
        ("razorpay", {"event": "payment.captured", "payload": {}}),
        ("standard", {"type": "payment.captured", "data": {"payment_id": "p", "amount": 5, "currency": "USD"}}),
    ],
)
def test_a_known_type_that_cannot_be_read_is_stored_as_rejected(
    provider: Provider, source: str, body: dict[str, object]
) -> None:
    """202, and the stored event says which field was at fault."""
    answer = provider.send(signed(source, {**body, "n": new_id()}), wait=True)
    event = provider.event(answer)
    assert answer.status_code == 202
    assert event["outcome"] == "rejected"
    assert "missing" in event["reason"] or "must" in event["reason"] or "no amount" in event["reason"]


def test_a_caller_that_prefers_to_wait_is_told_the_outcome_and_the_insight(provider: Provider) -> None:
    """`Prefer: wait=N`: the answer comes with what became of the event."""
    told = provider.send(signed("payments", transfer("3.00")), wait=True).json()
    assert (told["outcome"], told["reason"]) == ("applied", "transfer")
    assert told["insight"].keys() == {"score", "level", "reasons", "confidence", "model", "narrative"}


@pytest.mark.parametrize("preference", ["respond-async", "wait", "wait=abc", "wait=1000", "await=5", "wait=-1"])
def test_another_preference_is_ignored(provider: Provider, preference: str) -> None:
    """A preference that is none of ours, or unreadable, changes nothing (RFC 7240, 2)."""
    delivery = signed("payments", transfer())
    answer = provider.send(Signed(delivery.source, delivery.body, {**delivery.headers, "Prefer": preference}))
    assert answer.status_code == 202
    assert answer.json()["status"] == "accepted"
