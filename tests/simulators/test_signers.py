"""The simulators' signers against the vectors that the providers' libraries publish."""

import base64
import hashlib
import hmac
import json

import pytest
from signature_vectors import VECTORS, Vector

from simulators.signing import SIGNERS, adyen_notification, native_body_form, sign

HEADERS = [vector for vector in VECTORS if vector.headers]


@pytest.mark.parametrize("vector", HEADERS, ids=str)
def test_a_signer_writes_the_headers_of_the_published_vector(vector: Vector) -> None:
    """Secret, body, time and id of a vector give exactly its headers."""
    at = round(vector.at * 1_000) if vector.scheme == "cashfree" else int(vector.at)
    headers = sign(vector.scheme, vector.secret, vector.body, at=at, message_id=vector.message_id, url=vector.url)
    written = {name.lower(): value for name, value in headers.items()}
    wanted = {name.lower(): value for name, value in vector.headers.items()}
    assert {name: written[name] for name in wanted} == wanted


def test_the_vectors_cover_every_provider_scheme() -> None:
    """A scheme without a vector would be tested against itself; only the gateway's own may be, and another's alias."""
    assert {vector.scheme for vector in HEADERS} == SIGNERS.keys() - {"native", "svix"}


def test_a_notification_has_the_published_signature() -> None:
    """Adyen's vector, item for item."""
    vector = next(vector for vector in VECTORS if vector.scheme == "adyen")
    published = json.loads(vector.body)
    item = dict(published["notificationItems"][0]["NotificationRequestItem"])
    del item["additionalData"]
    assert adyen_notification(vector.secret, item) == published


def test_the_native_signer_follows_its_definition() -> None:
    """Lower-case hex of HMAC-SHA256 over the time, a dot, and the raw body."""
    headers = sign("native", "a secret of enough bytes!", b'{"a": 1}', at=1_763_712_000)
    wanted = hmac.new(b"a secret of enough bytes!", b'1763712000.{"a": 1}', hashlib.sha256).hexdigest()
    assert headers == {"X-Timestamp": "1763712000", "X-Signature": wanted}


def test_the_native_body_form_signs_the_sorted_body_with_its_time() -> None:
    """The signature covers `time.JCS(body without signature)`; the time is one of the body's members."""
    signed = native_body_form("a secret of enough bytes!", {"tx_id": "t", "amount": "1.00"}, at=5)
    content = b'5.{"amount":"1.00","timestamp":5,"tx_id":"t"}'
    assert signed == {
        "tx_id": "t",
        "amount": "1.00",
        "timestamp": 5,
        "signature": hmac.new(b"a secret of enough bytes!", content, hashlib.sha256).hexdigest(),
    }


def test_a_new_time_gives_a_new_signature_where_time_is_signed() -> None:
    """A provider's retry is signed anew; it stays the same where no time is signed."""
    secret = "whsec_" + base64.b64encode(bytes(range(24))).decode()
    unchanged = {
        scheme
        for scheme in SIGNERS
        if sign(scheme, secret, b"{}", at=1, message_id="m") == sign(scheme, secret, b"{}", at=2, message_id="m")
    }
    assert unchanged == {"razorpay", "square", "shopify", "github"}
