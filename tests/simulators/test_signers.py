"""The simulators' signers against the vectors that the providers' libraries publish."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from simulators.signing import SIGNERS, native_body_form, sign

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "signatures.json").read_text())

WHOLE = [vector for vector in VECTORS if {"body", "headers"} <= vector.keys() and vector["scheme"] in SIGNERS]


def _secret(vector: dict[str, Any]) -> str:
    return str(vector.get("secret") or bytes.fromhex(vector["key_hex"]).decode())


def _signed_at(headers: dict[str, str]) -> str:
    if "stripe-signature" in headers:
        return headers["stripe-signature"].split(",")[0].removeprefix("t=")
    return headers.get("webhook-timestamp", "0")


@pytest.mark.parametrize("vector", WHOLE, ids=lambda vector: f"{vector['scheme']}-{vector['name']}")
def test_a_signer_writes_the_headers_of_the_published_vector(vector: dict[str, Any]) -> None:
    """Secret, body, time and id of a vector give exactly its headers."""
    wanted = vector["headers"]
    message_id = wanted.get("webhook-id", "")
    headers = sign(
        vector["scheme"], _secret(vector), vector["body"].encode(), at=_signed_at(wanted), message_id=message_id
    )
    written = {name.lower(): value for name, value in headers.items()}
    assert {name: written[name] for name in wanted} == wanted


def test_the_vectors_cover_every_provider_scheme() -> None:
    """A scheme without a vector would be tested against itself; only the gateway's own may be."""
    assert {vector["scheme"] for vector in WHOLE} == SIGNERS.keys() - {"native"}


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
    """A provider's retry is signed anew; only Razorpay's stays, because it signs no time."""
    secret = "whsec_" + base64.b64encode(bytes(range(24))).decode()
    changed = {
        scheme: sign(scheme, secret, b"{}", at=1, message_id="m") != sign(scheme, secret, b"{}", at=2, message_id="m")
        for scheme in SIGNERS
    }
    assert changed == {"native": True, "stripe": True, "razorpay": False, "standard-webhooks": True}
