"""Every scheme against what its provider publishes, through the wall itself."""

import json
from pathlib import Path

import pytest
from signature_vectors import VECTORS, Vector

from gateway.errors import SignatureRefused
from gateway.ingress.delivery import Delivery
from gateway.ingress.providers import SCHEMES, Secret, Source, Window
from gateway.ingress.providers.sources import signing_key
from gateway.ingress.sign import sign
from gateway.ingress.verify import verify

WINDOW = Window(past_s=300, future_s=5)
FILE = Path(__file__).parents[1] / "vectors" / "signatures.json"
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=str)


def source_of(vector: Vector) -> Source:
    return Source("tested", SCHEMES[vector.scheme], (Secret("1", vector.key),), url=vector.url)


def delivery_of(vector: Vector, *, body: bytes | None = None) -> Delivery:
    headers = [(name.lower().encode(), value.encode()) for name, value in vector.headers.items()]
    return Delivery("tested", headers, vector.body if body is None else body, vector.at or 1.0, "192.0.2.1")


def test_the_vectors_cover_every_provider_scheme() -> None:
    """A scheme without a vector would be tested against itself. Ours alone may be; svix is standard-webhooks by other names."""
    assert len(VECTORS) == len(json.loads(FILE.read_text()))
    assert {vector.scheme for vector in VECTORS} == SCHEMES.keys() - {"native", "svix"}


@each_vector
def test_a_vector_verifies_at_its_time(vector: Vector) -> None:
    """What the providers publish is let in, at the time it was signed."""
    verified = verify(delivery_of(vector), source_of(vector), WINDOW)
    assert verified.signed_at == (vector.at or None)
    assert verified.message_id == (vector.message_id or None)
    if vector.scheme != "adyen":
        assert verified.payload == vector.body


@each_vector
def test_a_vector_with_another_body_does_not(vector: Vector) -> None:
    """One byte more in what is signed, and the published signature is worth nothing."""
    body = vector.body.replace(b"1130", b"1131") if vector.scheme == "adyen" else vector.body + b" "
    with pytest.raises(SignatureRefused) as refused:
        verify(delivery_of(vector, body=body), source_of(vector), WINDOW)
    assert refused.value.check == "signature_wrong"


@each_vector
def test_the_secret_of_a_vector_is_read_as_its_key(vector: Vector) -> None:
    """As an operator pastes it: text, base64 after whsec_, or hex."""
    assert signing_key(vector.secret, SCHEMES[vector.scheme].key_form) == vector.key


@each_vector
def test_the_signer_writes_the_published_headers(vector: Vector) -> None:
    """The table read backwards gives the vector again."""
    row = SCHEMES[vector.scheme]
    headers, body = sign(row, vector.key, vector.body, at=vector.at, message_id=vector.message_id, url=vector.url)
    assert headers == {name.lower(): value for name, value in vector.headers.items()}
    assert json.loads(body) == json.loads(vector.body) if row.items else body == vector.body
