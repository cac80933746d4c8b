"""The native body, read exactly; the journeys test its refusals over HTTP."""

import json

import orjson
import pytest

from gateway.errors import NotTheShape
from gateway.ingress.native import NativePayment, read_native

BODY = {"tx_id": "t1", "amount": "12.30", "currency": "USD", "sender_account": "a", "receiver_account": "b"}


def read(text: str) -> NativePayment:
    return read_native(orjson.loads(text), text.encode())


@pytest.mark.parametrize(
    ("written", "minor"),
    [
        ('"12.30"', 1_230),
        ("12.30", 1_230),
        ("12", 1_200),
        ("0.01", 1),
        ("90071992547409.91", 2**53 - 1),
        ("1e2", 10_000),
    ],
)
def test_an_amount_is_read_from_its_text(written: str, minor: int) -> None:
    """A JSON number's digits, not the float that a parser makes of them: 90071992547409.91 keeps its last cent."""
    text = json.dumps(BODY).replace('"12.30"', written)
    assert read(text).amount_minor == minor


@pytest.mark.parametrize("written", ["0.001", "1.005", "0", "-1", "1e-3", "90071992547409.92", "1e30", "1e308", "true"])
def test_an_amount_that_is_none_in_this_currency_is_refused(written: str) -> None:
    """Nothing is rounded; the field is named."""
    with pytest.raises(NotTheShape) as refused:
        read(json.dumps(BODY).replace('"12.30"', written))
    assert refused.value.fields.keys() == {"amount"}


def test_the_values_of_a_refused_body_are_not_repeated() -> None:
    """What a caller sent may be secret or hostile; the fields' names and rules are enough to mend it."""
    with pytest.raises(NotTheShape) as refused:
        read(json.dumps({**BODY, "tx_id": "p4ss word", "currency": "p4ss", "description": ["p4ss"]}))
    assert "p4ss" not in str(refused.value) + str(refused.value.fields)
    assert refused.value.fields.keys() == {"tx_id", "currency", "description"}
