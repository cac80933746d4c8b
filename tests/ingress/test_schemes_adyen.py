"""Signatures inside the items of a body: every item counts, and only what is signed is kept."""

import json
from dataclasses import replace
from typing import Any

import pytest
from table_deliveries import ITEM, NOW, OTHER_KEY, WINDOW, good, key_of, notification, secret_of, source_of

from gateway.errors import Refusal
from gateway.ingress.delivery import Delivery
from gateway.ingress.providers import Secret
from gateway.ingress.verify import verify
from simulators.signing import adyen_notification

SECOND = {**ITEM, "pspReference": "8515131751004934", "eventCode": "CAPTURE", "originalReference": "8515131751004933"}


def items_of(delivery: Delivery) -> list[Any]:
    return [each["NotificationRequestItem"] for each in json.loads(delivery.body)["notificationItems"]]


SIGNED = items_of(good("adyen"))[0]


def posted(body: Any) -> Delivery:
    return Delivery("tested", [], body if isinstance(body, bytes) else json.dumps(body).encode(), NOW, "192.0.2.1")


def wrapped(*items: Any) -> dict[str, Any]:
    return {"live": "false", "notificationItems": [{"NotificationRequestItem": item} for item in items]}


def check_of(delivery: Delivery, **source: Any) -> str:
    with pytest.raises(Refusal) as refused:
        verify(delivery, source_of("adyen", **source), WINDOW)
    return refused.value.check


def payload_of(body: Any) -> Any:
    return json.loads(verify(posted(body), source_of("adyen"), WINDOW).payload)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_a_notification_is_let_in_when_every_item_is_signed(count: int) -> None:
    """By a signer that shares no code with the wall."""
    items = [{**ITEM, "pspReference": f"851513175100493{number}"} for number in range(count)]
    payload = payload_of(adyen_notification(secret_of("adyen"), *items))
    assert [each["NotificationRequestItem"] for each in payload["notificationItems"]] == items


def test_items_count_once_and_in_no_order() -> None:
    """Listed twice or the other way round they are the same payload, so the same event."""
    both = payload_of(adyen_notification(secret_of("adyen"), ITEM, SECOND))
    for items in ((SECOND, ITEM), (ITEM, SECOND, ITEM), (SECOND, SECOND, ITEM)):
        assert payload_of(adyen_notification(secret_of("adyen"), *items)) == both
    assert payload_of(adyen_notification(secret_of("adyen"), ITEM, ITEM)) == payload_of(wrapped(SIGNED))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_item_spoils_the_notification(place: int) -> None:
    """Wherever it stands, changed or signed by another key or not at all."""
    good_items = items_of(good("adyen", notification(*[ITEM] * 3)))
    strange = items_of(good("adyen", notification(SECOND), key=OTHER_KEY))[0]
    for bad, check in (
        ({**SIGNED, "success": "false"}, "signature_wrong"),
        (strange, "signature_wrong"),
        (ITEM, "signature_missing"),
        ({**SIGNED, "additionalData": {"hmacSignature": "0"}}, "signature_malformed"),
    ):
        items = [*good_items[:place], bad, *good_items[place + 1 :]]
        assert check_of(posted(wrapped(*items))) == check


def test_items_of_two_keys_are_refused() -> None:
    """One secret has to vouch for all of them: the event says which one it was."""
    ours, theirs = (items_of(good("adyen", key=key))[0] for key in (None, OTHER_KEY))
    secrets = (Secret("1", key_of("adyen")), Secret("2", OTHER_KEY))
    assert check_of(posted(wrapped(ours, theirs)), secrets=secrets) == "signature_wrong"
    assert verify(posted(wrapped(theirs)), source_of("adyen", secrets=secrets), WINDOW).secret_id == "2"


@pytest.mark.parametrize(
    ("body", "check"),
    [
        (b"", "signature_missing"),
        (b"{", "signature_missing"),
        (b"\xff\xfe", "signature_missing"),
        (b"[" * 5_000, "signature_missing"),
        ([], "signature_missing"),
        ("text", "signature_missing"),
        ({}, "items_missing"),
        ({"notificationItems": []}, "items_missing"),
        ({"notificationItems": None}, "items_missing"),
        ({"notificationItems": {"NotificationRequestItem": SIGNED}}, "items_missing"),
        ({"notificationItems": [SIGNED]}, "item_malformed"),
        ({"notificationItems": [None]}, "item_malformed"),
        ({"notificationItems": [{"NotificationRequestItem": [SIGNED]}]}, "item_malformed"),
        (wrapped(*[SIGNED] * 9), "signatures_too_many"),
        (wrapped({**SIGNED, "additionalData": None}), "signature_missing"),
        (wrapped({**SIGNED, "additionalData": "x"}), "signature_missing"),
        (wrapped({**SIGNED, "additionalData": {"hmacSignature": ""}}), "signature_missing"),
        (wrapped({**SIGNED, "additionalData": {"hmacSignature": 5}}), "signature_missing"),
        (wrapped({**SIGNED, "additionalData": {"hmacSignature": ["x"]}}), "signature_missing"),
        (wrapped({**SIGNED, "additionalData": {"hmacSignature": "é" * 44}}), "signature_malformed"),
        (wrapped({**SIGNED, "pspReference": 8515131751004933}), "item_malformed"),
        (wrapped({**SIGNED, "eventCode": ["AUTHORISATION"]}), "item_malformed"),
        (wrapped({**SIGNED, "amount": {"value": "1130", "currency": "EUR"}}), "item_malformed"),
        (wrapped({**SIGNED, "amount": {"value": 1130.0, "currency": "EUR"}}), "item_malformed"),
        (wrapped({**SIGNED, "amount": {"value": 2**70, "currency": "EUR"}}), "item_malformed"),
        (wrapped({**SIGNED, "amount": {"value": True, "currency": "EUR"}}), "item_malformed"),
        (wrapped({**SIGNED, "amount": None}), "signature_wrong"),
        (wrapped({**SIGNED, "merchantReference": "another"}), "signature_wrong"),
    ],
)
def test_each_refusal_has_a_name(body: Any, check: str) -> None:
    """No items is refused as loudly as a wrong signature: nothing vouches for an empty list."""
    assert check_of(posted(body)) == check


def test_a_signature_header_is_not_looked_at() -> None:
    """Adyen's is in the body; a header of any name proves nothing."""
    headers = [(b"hmacsignature", SIGNED["additionalData"]["hmacSignature"].encode()), (b"x-signature", b"0" * 64)]
    assert check_of(replace(posted(wrapped(ITEM)), headers=headers)) == "signature_missing"


def test_the_border_between_fields_cannot_be_moved() -> None:
    """The signed bytes are `…:merchantReference:value:…`: only the reference may hold a colon, so one text has one reading."""
    moved = {**SIGNED, "merchantReference": "order 17", "amount": {"value": 1130, "currency": " the red one:1130:EUR"}}
    assert check_of(posted(wrapped(moved))) == "item_malformed"
    shifted = {**SIGNED, "merchantAccountCode": "ExampleMerchant:order 17", "merchantReference": " the red one"}
    assert check_of(posted(wrapped(shifted))) == "item_malformed"


def test_what_is_not_signed_is_not_kept() -> None:
    """A captured item with another reason, date or payment method is the same payload: nobody can add to what was signed."""
    added = {**SIGNED, "reason": "fraud", "eventDate": "2099-01-01", "paymentMethod": "visa", "operations": ["REFUND"]}
    body = {**wrapped(added), "live": "true", "more": 1}
    assert payload_of(body) == payload_of(wrapped(SIGNED)) == {"notificationItems": [{"NotificationRequestItem": ITEM}]}


def test_one_meaning_has_one_payload() -> None:
    """Absent, null and empty are signed alike, and so are true and "true"."""
    for same in ({"originalReference": None}, {"originalReference": ""}, {"success": True}):
        assert payload_of(wrapped({**SIGNED, **same})) == payload_of(wrapped(SIGNED))


def test_an_amount_of_nothing_is_signed_as_zero() -> None:
    """A report or a card check has the value 0, which is not the same as none."""
    free = {**ITEM, "amount": {"value": 0, "currency": "EUR"}}
    assert (
        payload_of(adyen_notification(secret_of("adyen"), free))["notificationItems"][0]["NotificationRequestItem"]
        == free
    )
