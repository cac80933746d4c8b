"""What an unproven caller gets: the same answer whatever was wrong, while the operator's log says what it was."""

import asyncio
import http.client
import json
from collections.abc import Callable

import pytest
from deliveries import ALL_SOURCES, Signed, new_id, payment_of, signed, transfer
from provider import Provider

from simulators.http import chunked, exchange, request_bytes

SIGNATURE_HEADER = {
    "payments": "X-Signature",
    "stripe": "Stripe-Signature",
    "razorpay": "X-Razorpay-Signature",
    "standard": "webhook-signature",
}


def _with_signature(delivery: Signed, change: Callable[[str], str | None]) -> Signed:
    name = SIGNATURE_HEADER[delivery.source]
    return delivery.with_headers(**{name: change(delivery.headers[name])})


def _of(source: str) -> Signed:
    return signed(source, payment_of(source, wallet=new_id("w")))


FORGERIES: dict[str, tuple[str, Callable[[Signed], Signed]]] = {
    "missing": ("signature_missing", lambda good: _with_signature(good, lambda _: None)),
    "empty": ("signature_missing", lambda good: _with_signature(good, lambda _: "")),
    "of other bytes": ("signature_wrong", lambda good: Signed(good.source, good.body + b" ", good.headers)),
    "by another key": (
        "signature_wrong",
        lambda good: signed(good.source, good.body, key="whsec_" + "b3RoZXItc2VjcmV0LW9mLXRoZS10ZXN0cy0wMQ=="),
    ),
    "cut short": ("signature_malformed", lambda good: _with_signature(good, lambda value: value[:-2])),
    "too long": ("header_too_long", lambda good: _with_signature(good, lambda value: value + "0" * 3_000)),
    "with another character": (
        "signature_malformed",
        lambda good: _with_signature(good, lambda value: value[:-3] + "!" + value[-2:]),
    ),
}


@pytest.mark.parametrize("source", ALL_SOURCES)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_refused_with_one_answer_for_all(provider: Provider, source: str, forgery: str) -> None:
    """403 "signature" and nothing about which check failed; the rejections collection has the check, and no body."""
    check, forge = FORGERIES[forgery]
    delivery = forge(_of(source))
    answer = provider.send(delivery)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "The signature is missing or wrong.",
        "reason": "signature",
    }
    row = provider.refusal(delivery)
    assert (row["reason"], row["check"], row["status"], row["source"]) == ("signature", check, 403, source)
    assert row["body_bytes"] == len(delivery.body)
    told = {"_id", "at", "source", "reason", "check", "status", "remote", "network", "address"}
    assert row.keys() == told | {"body_bytes", "body_sha256", "headers", "headers_bytes"}
    assert provider.gateway.count_stored(delivery.body) == 0


@pytest.mark.parametrize("source", ALL_SOURCES)
def test_a_doubled_signature_is_refused(provider: Provider, source: str) -> None:
    """Two headers of one name: which one counts is a question an attacker must not be able to ask."""
    good = _of(source)
    headers = [*good.headers.items(), (SIGNATURE_HEADER[source], good.headers[SIGNATURE_HEADER[source]])]
    answer = provider.client.post(good.path, content=good.body, headers=headers)
    assert answer.status_code == 403
    assert provider.refusal(good)["check"] == "header_doubled"


def test_a_signature_of_another_source_opens_nothing(provider: Provider) -> None:
    """Each source has its own secret and its own way to sign."""
    for other in ("stripe", "razorpay", "standard"):
        native = _of("payments")
        assert provider.send(Signed(other, native.body, native.headers)).status_code == 403


@pytest.mark.parametrize("source", ALL_SOURCES)
def test_a_stale_and_unsigned_request_learns_nothing_of_the_window(provider: Provider, source: str) -> None:
    """Without the key the answer is 403, however old the time: clocks are spoken of to those who signed."""
    delivery = signed(source, payment_of(source, wallet=new_id("w")), at=1_000_000_000)
    assert provider.send(Signed(source, delivery.body + b" ", delivery.headers)).status_code == 403


def test_an_unknown_source(provider: Provider) -> None:
    """404, and the operator sees that somebody tried."""
    answer = provider.client.post("/webhooks/nobody", content=b"{}", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_source")


@pytest.mark.parametrize("path", ["/webhooks", "/webhooks/", "/webhooks/stripe/more", "/nothing"])
def test_a_path_without_a_door(provider: Provider, path: str) -> None:
    """404 as a problem document, like every refusal."""
    answer = provider.client.post(path, content=b"{}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method(provider: Provider, method: str) -> None:
    """405 with the one that works."""
    answer = provider.client.request(method, "/webhooks/stripe")
    assert (answer.status_code, answer.json()["reason"]) == (405, "wrong_method")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
        {"Content-Type": None},
        {"Content-Encoding": "gzip"},
    ],
)
def test_another_media_type(provider: Provider, headers: dict[str, str | None]) -> None:
    """415, also for a compressed body: what is signed must be what is read."""
    answer = provider.send(_of("payments").with_headers(**headers))
    assert (answer.status_code, answer.json()["reason"]) == (415, "wrong_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "text/json"])
def test_ways_to_write_json(provider: Provider, media_type: str) -> None:
    """Parameters and capitals make no other type."""
    assert provider.send(_of("payments").with_headers(**{"Content-Type": media_type})).status_code == 202


BODY_BYTES_MAX = 262_144


def test_a_body_that_is_declared_too_large(provider: Provider) -> None:
    """413 before the body is read."""
    delivery = signed("payments", b" " * (BODY_BYTES_MAX + 1))
    answer = provider.send(delivery)
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")


def test_a_body_that_grows_too_large_in_chunks(provider: Provider) -> None:
    """413 also without a declared length, as soon as it is too much, however long it would go on."""
    delivery = signed("payments", b" " * (BODY_BYTES_MAX + 1))
    headers = [("Host", "gateway"), ("Transfer-Encoding", "chunked"), *delivery.headers.items()]
    wire = request_bytes("POST", delivery.path, headers, chunked(delivery.body * 8))
    answer = asyncio.run(exchange(provider.gateway.url, wire))
    assert (answer.status, answer.told()["reason"]) == (413, "too_large")


def test_the_largest_body_passes(provider: Provider) -> None:
    """The bound itself is allowed, declared and chunked."""
    body = json.dumps(transfer()).encode()
    padded = body + b" " * (BODY_BYTES_MAX - len(body))
    delivery = signed("payments", padded)
    assert provider.send(delivery).status_code == 202
    chunks = (padded[at : at + 50_000] for at in range(0, len(padded), 50_000))
    assert provider.client.post(delivery.path, content=chunks, headers=dict(delivery.headers)).status_code == 200


def test_a_length_that_lies(provider: Provider) -> None:
    """A body that ends before its declared length is nobody's event: the connection is given up, nothing is stored."""
    delivery = _of("payments")
    headers = [("Host", "gateway"), ("Content-Length", str(len(delivery.body) + 10)), *delivery.headers.items()]
    connection = http.client.HTTPConnection(provider.gateway.url.removeprefix("http://"), timeout=10)
    connection.connect()
    connection.sock.sendall(request_bytes("POST", delivery.path, headers, delivery.body))
    connection.close()
    assert provider.send(delivery).status_code == 202
