"""What names an event of each provider: what its signature covers, and nothing else."""

import json
from typing import Any

import pytest
from table_deliveries import ITEM, WINDOW, good, notification, source_of

from gateway.ingress.identity import Identity, identify
from gateway.ingress.providers import SCHEMES
from gateway.ingress.verify import verify

PADDLE = {
    "event_id": "evt_01hv8x2acma2gz7he8kg2s0hna",
    "event_type": "transaction.completed",
    "notification_id": "ntf_01hv8x2af22yrfxppzavr6cgp6",
    "data": {"id": "txn_01hv8wptq8987qeep44cyrewp9"},
}
SQUARE = {
    "merchant_id": "6SSW7HV8K2ST5",
    "type": "payment.updated",
    "event_id": "13b867cf-db3d-4b1c-90b6-2f32a9d78124",
    "data": {"type": "payment", "id": "KkAkhdMsgzn59SM8A89WgKwekxLZY"},
}
CASHFREE = {
    "type": "PAYMENT_SUCCESS_WEBHOOK",
    "event_time": "2022-12-15T12:20:29+05:30",
    "data": {"order": {"order_id": "order_2"}, "payment": {"cf_payment_id": "1453002795", "payment_amount": 1}},
}
CASHFREE_REFUND = {
    "type": "REFUND_STATUS_WEBHOOK",
    "event_time": "2022-02-28T13:04:28+05:30",
    "data": {"refund": {"cf_refund_id": 11325632, "cf_payment_id": 789727431, "refund_status": "SUCCESS"}},
}


def identity(scheme: str, body: dict[str, Any] | bytes) -> Identity:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return identify(verify(good(scheme, content), source_of(scheme), WINDOW), SCHEMES[scheme])


def adyen(*items: dict[str, Any]) -> Identity:
    return identity("adyen", notification(*items))


@pytest.mark.parametrize(
    ("scheme", "body", "key", "type_", "tx_id"),
    [
        ("paddle", PADDLE, f"tested::{PADDLE['event_id']}", "transaction.completed", "txn_01hv8wptq8987qeep44cyrewp9"),
        (
            "square",
            SQUARE,
            f"tested:6SSW7HV8K2ST5:{SQUARE['event_id']}",
            "payment.updated",
            "KkAkhdMsgzn59SM8A89WgKwekxLZY",
        ),
        ("cashfree", CASHFREE, "tested::PAYMENT_SUCCESS_WEBHOOK:1453002795", "PAYMENT_SUCCESS_WEBHOOK", "1453002795"),
        (
            "cashfree",
            CASHFREE_REFUND,
            "tested::REFUND_STATUS_WEBHOOK:11325632:SUCCESS",
            "REFUND_STATUS_WEBHOOK",
            "11325632",
        ),
        ("svix", {"type": "invoice.paid"}, "tested::msg_1", "invoice.paid", "msg_1"),
    ],
)
def test_an_event_has_the_name_its_provider_signed(
    scheme: str, body: dict[str, Any], key: str, type_: str, tx_id: str
) -> None:
    """With a type to filter by and the id that people know it by."""
    named = identity(scheme, body)
    assert (named.event_key, named.type, named.tx_id) == (key, type_, tx_id)


@pytest.mark.parametrize("scheme", ["shopify", "github", "razorpay"])
def test_where_the_id_travels_unsigned_the_content_is_the_name(scheme: str) -> None:
    """So the same bytes under another id header are the same event, and other bytes are another."""
    named = identity(scheme, b'{"id":820982911946154508,"action":"opened"}')
    assert named.event_key.startswith("tested::sha256-")
    assert named.event_id == identity(scheme, b'{"id":820982911946154508,"action":"opened"}').event_id
    assert named.event_id != identity(scheme, b'{"id":820982911946154508,"action":"closed"}').event_id


def test_people_know_shopifys_and_githubs_by_what_the_body_says() -> None:
    """The topic and the event's kind are in unsigned headers and are not believed."""
    order = {"id": 1, "admin_graphql_api_id": "gid://shopify/Order/1"}
    assert (identity("shopify", order).tx_id, identity("shopify", order).type) == ("gid://shopify/Order/1", "unknown")
    change = {"id": 7, "action": "opened"}
    assert (identity("github", change).tx_id, identity("github", change).type) == ("7", "opened")


def test_one_payment_of_cashfree_has_several_events() -> None:
    """It fails, succeeds and is charged for under one cf_payment_id; each is an event, and none a conflict with another."""
    types = (
        "PAYMENT_FAILED_WEBHOOK",
        "PAYMENT_SUCCESS_WEBHOOK",
        "PAYMENT_CHARGES_WEBHOOK",
        "PAYMENT_USER_DROPPED_WEBHOOK",
    )
    assert len({identity("cashfree", {**CASHFREE, "type": each}).event_id for each in types}) == 4
    cancelled = {"refund": {**CASHFREE_REFUND["data"]["refund"], "refund_status": "CANCELLED"}}  # type: ignore[index]
    assert (
        identity("cashfree", {**CASHFREE_REFUND, "data": cancelled}).event_id
        != identity("cashfree", CASHFREE_REFUND).event_id
    )


def test_cashfree_writes_its_ids_as_numbers_or_text() -> None:
    """Numbers until its version of 2023-08-01; the same payment either way."""
    as_number = {**CASHFREE, "data": {"payment": {"cf_payment_id": 1453002795}}}
    assert identity("cashfree", as_number).event_id == identity("cashfree", CASHFREE).event_id


def test_what_cashfree_sends_without_such_an_id_is_named_by_its_content() -> None:
    """Disputes and settlements: nothing is left out because we know no better name."""
    assert identity("cashfree", {"type": "DISPUTE_CREATED", "data": {"dispute": {"dispute_id": 1}}}).tx_id.startswith(
        "sha256-"
    )


@pytest.mark.parametrize(
    ("scheme", "body", "volatile", "lasting"),
    [
        ("paddle", PADDLE, {"notification_id": "ntf_another"}, {"event_type": "transaction.paid"}),
        (
            "cashfree",
            CASHFREE,
            {"event_time": "2022-12-15T12:25:29+05:30"},
            {"data": {"payment": {"cf_payment_id": "1453002795"}}},
        ),
    ],
)
def test_a_replay_by_the_provider_is_a_duplicate(
    scheme: str, body: dict[str, Any], volatile: dict[str, Any], lasting: dict[str, Any]
) -> None:
    """What names the sending may change; what it says may not, and is a conflict when it does."""
    first, again, other = (identity(scheme, {**body, **change}) for change in ({}, volatile, lasting))
    assert first.event_id == again.event_id == other.event_id
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_adyen_is_named_by_account_code_reference_and_success() -> None:
    """Reports have one reference for all merchant accounts, so the account counts too."""
    named = adyen(ITEM)
    assert named.event_key == "tested:ExampleMerchant:AUTHORISATION:8515131751004933:true"
    assert (named.type, named.tx_id, named.account) == ("AUTHORISATION", "8515131751004933", "ExampleMerchant")
    assert adyen({**ITEM, "merchantAccountCode": "Other"}).event_id != named.event_id


def test_a_refused_payment_of_adyen_that_succeeds_later_is_another_event() -> None:
    """Both are stored; a 409 for the second would be retried for days and the success never be known."""
    assert adyen({**ITEM, "success": "false"}).event_id != adyen(ITEM).event_id


def test_another_amount_under_adyens_name_is_other_content() -> None:
    """The same code, reference and success with another amount contradict each other: a conflict."""
    raised = adyen({**ITEM, "amount": {"value": 9999, "currency": "EUR"}})
    assert raised.event_id == adyen(ITEM).event_id
    assert raised.fingerprint != adyen(ITEM).fingerprint


def test_what_adyen_does_not_sign_makes_no_other_event_and_no_conflict() -> None:
    """Adyen repeats a notification with a newer date and more details: a duplicate."""
    later = {**ITEM, "eventDate": "2026-11-21T11:00:00+01:00", "reason": "another"}
    assert adyen(later).event_id == adyen(ITEM).event_id
    assert adyen(later).fingerprint == adyen(ITEM).fingerprint


def test_several_items_are_one_event_named_by_all_of_them() -> None:
    """In one order and once each; too many for a name, and the content is the name."""
    capture = {**ITEM, "eventCode": "CAPTURE", "pspReference": "9"}
    both = adyen(capture, ITEM)
    assert both == adyen(ITEM, capture) == adyen(ITEM, capture, ITEM)
    assert both.event_key == "tested:ExampleMerchant:AUTHORISATION:8515131751004933:true+CAPTURE:9:true"
    assert (both.type, both.tx_id) == ("AUTHORISATION+CAPTURE", "8515131751004933")
    assert both.event_id != adyen(ITEM).event_id
    many = adyen(*({**ITEM, "pspReference": f"{number:040}"} for number in range(8)))
    assert many.event_key.startswith("tested:ExampleMerchant:sha256-")
    assert adyen({**ITEM, "merchantReference": "", "pspReference": ""}).event_key.startswith(
        "tested:ExampleMerchant:sha256-"
    )
