"""What each fixture means: one row per file of `tests/fixtures`, held against the providers' documentation by hand.

A row is the event in our words, `(kind, step, object, parent, amount in minor units, currency, wallet)`, or the outcome and reason
of one that moves nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from booked_store import opened, stored

CARD: Final = "pi_3SVkVCfXjY54bj0nEz5HKvdf"
PARTIAL: Final = "pi_3SVkVCfXjY54bj0hHkeWm39G"
REFUND: Final = "re_3SVkVCfXjY54bj0WsG52YHJp"
DISPUTE: Final = "du_1SVkVCfXjY54bjWQJmfWRQDy"
PAYOUT: Final = "po_1SVkVCfXjY54bjNJAVjBeFTb"
SUBSCRIPTION: Final = "sub_1SVkVCfXjY54bjeHWSGsGXWN"
INVOICE: Final = "in_1SVkVCfXjY54bjXyEtxTTeYA"
CUSTOMER: Final = "cus_TLWh6DpD79vJ2m"
R_CARD: Final = "pay_RXpLR3D5ADVAZB"
R_LAPSED: Final = "pay_RAJ2ccy5p6af7w"
R_REFUND: Final = "rfnd_RhzfbNqzjEHxAy"
R_DISPUTE: Final = "disp_R5qr4jPvTyAmFH"
R_PAYOUT: Final = "pout_RhfcgY6Jfk4JCT"
R_SUBSCRIPTION: Final = "sub_R7JVCFQ2PgjPGg"
R_CUSTOMER: Final = "cust_RzvNy46VrTQ5RK"
R_UPI: Final = "pay_RtyXKe5F45fj2C"
RELEASED: Final = "pi_3SVkVCfXjY54bj0Xs3X2uu4G"
ISK: Final = "pi_3SVkVCfXjY54bj0cwusZUJuF"
KWD: Final = "pi_3SVkVCfXjY54bj0rhk6fN42t"

Row = tuple[str, str, str, str | None, int, str, str | None]

MOVES: Final[Mapping[str, Row]] = {
    "native/payment__decimal_string": ("transfer", "completed", "order-1", None, 1_230, "INR", "alice"),
    "native/payment__in_body_signature": ("transfer", "completed", "order-5", None, 1_230, "INR", "alice"),
    "native/payment__kwd": ("transfer", "completed", "order-4", None, 1_234, "KWD", "alice"),
    "native/payment__number": ("transfer", "completed", "order-2", None, 1_230, "INR", "alice"),
    "native/payment__whole_number": ("transfer", "completed", "order-3", None, 1_200, "INR", "alice"),
    "native/transfer__inr": ("transfer", "completed", "transfer-1", None, 3_000, "INR", "alice"),
    "native/withdrawal__inr": ("payout", "requested", "withdrawal-1", None, 10_000, "INR", "alice"),
    "native/withdrawal_failed__inr": ("payout", "failed", "withdrawal-1", None, 10_000, "INR", "alice"),
    "native/withdrawal_processed__inr": ("payout", "processed", "withdrawal-1", None, 10_000, "INR", "alice"),
    "native/withdrawal_reversed__inr": ("payout", "reversed", "withdrawal-1", None, 10_000, "INR", "alice"),
    "razorpay/order.paid__upi": ("payment", "captured", R_UPI, None, 50_000, "INR", "alice"),
    "razorpay/payment.authorized__card": ("payment", "authorized", R_CARD, None, 50_000, "INR", "alice"),
    "razorpay/payment.authorized__lapsing": ("payment", "authorized", R_LAPSED, None, 50_000, "INR", "alice"),
    "razorpay/payment.captured__card": ("payment", "captured", R_CARD, None, 50_000, "INR", "alice"),
    "razorpay/payment.captured__guest": ("payment", "captured", "pay_RNWBJw9MbHKVz8", None, 9_900, "INR", None),
    "razorpay/payment.captured__jpy": ("payment", "captured", "pay_RXWmz7YedVDBfB", None, 400, "JPY", "alice"),
    "razorpay/payment.captured__kwd": ("payment", "captured", "pay_R9yN74VsRCAa2c", None, 295_990, "KWD", "alice"),
    "razorpay/payment.captured__netbanking_customer": (
        "payment",
        "captured",
        "pay_RfyFLTqgzeagTc",
        None,
        120_050,
        "INR",
        R_CUSTOMER,
    ),
    "razorpay/payment.captured__upi": ("payment", "captured", R_UPI, None, 50_000, "INR", "alice"),
    "razorpay/payment.dispute.action_required__chargeback": (
        "dispute",
        "updated",
        R_DISPUTE,
        R_CARD,
        50_000,
        "INR",
        None,
    ),
    "razorpay/payment.dispute.closed__fraud": ("dispute", "closed", R_DISPUTE, R_CARD, 50_000, "INR", None),
    "razorpay/payment.dispute.created__chargeback": ("dispute", "created", R_DISPUTE, R_CARD, 50_000, "INR", None),
    "razorpay/payment.dispute.lost__chargeback": ("dispute", "lost", R_DISPUTE, R_CARD, 50_000, "INR", None),
    "razorpay/payment.dispute.under_review__chargeback": ("dispute", "updated", R_DISPUTE, R_CARD, 50_000, "INR", None),
    "razorpay/payment.dispute.won__chargeback": ("dispute", "won", R_DISPUTE, R_CARD, 50_000, "INR", None),
    "razorpay/payment.failed__card": ("payment", "failed", "pay_RvjAuFVDkkcmLW", None, 50_000, "INR", "alice"),
    "razorpay/payout.failed__imps": ("payout", "failed", R_PAYOUT, None, 30_000, "INR", "alice"),
    "razorpay/payout.initiated__imps": ("payout", "requested", R_PAYOUT, None, 30_000, "INR", "alice"),
    "razorpay/payout.processed__imps": ("payout", "processed", R_PAYOUT, None, 30_000, "INR", "alice"),
    "razorpay/payout.reversed__imps": ("payout", "reversed", R_PAYOUT, None, 30_000, "INR", "alice"),
    "razorpay/refund.created__auto_refund": ("payment", "canceled", R_LAPSED, None, 50_000, "INR", "alice"),
    "razorpay/refund.created__instant": ("refund", "created", R_REFUND, R_CARD, 20_000, "INR", None),
    "razorpay/refund.created__normal": ("refund", "created", R_REFUND, R_CARD, 20_000, "INR", None),
    "razorpay/refund.failed__bank": ("refund", "failed", R_REFUND, R_CARD, 20_000, "INR", None),
    "razorpay/refund.processed__auto_refund": ("payment", "canceled", R_LAPSED, None, 50_000, "INR", "alice"),
    "razorpay/refund.processed__normal": ("refund", "succeeded", R_REFUND, R_CARD, 20_000, "INR", None),
    "razorpay/subscription.activated__card": ("subscription", "active", R_SUBSCRIPTION, None, 0, "", "alice"),
    "razorpay/subscription.activated__customer_only": (
        "subscription",
        "active",
        R_SUBSCRIPTION,
        None,
        0,
        "",
        R_CUSTOMER,
    ),
    "razorpay/subscription.authenticated__card": (
        "subscription",
        "authenticated",
        R_SUBSCRIPTION,
        None,
        0,
        "",
        "alice",
    ),
    "razorpay/subscription.cancelled__card": ("subscription", "canceled", R_SUBSCRIPTION, None, 0, "", "alice"),
    "razorpay/subscription.charged__card": ("subscription", "active", R_SUBSCRIPTION, None, 0, "", "alice"),
    "razorpay/subscription.completed__card": ("subscription", "completed", R_SUBSCRIPTION, None, 0, "", "alice"),
    "razorpay/subscription.halted__card": ("subscription", "halted", R_SUBSCRIPTION, None, 0, "", "alice"),
    "razorpay/subscription.paused__card": ("subscription", "paused", R_SUBSCRIPTION, None, 0, "", "alice"),
    "razorpay/subscription.pending__card": ("subscription", "pending", R_SUBSCRIPTION, None, 0, "", "alice"),
    "razorpay/subscription.resumed__card": ("subscription", "active", R_SUBSCRIPTION, None, 0, "", "alice"),
    "razorpay/subscription.updated__cancelled": ("subscription", "canceled", R_SUBSCRIPTION, None, 0, "", "alice"),
    "razorpay/subscription.updated__card": ("subscription", "active", R_SUBSCRIPTION, None, 0, "", "alice"),
    "standard/payment.authorized__usd": ("payment", "authorized", "pmt_7f3a", None, 4_200, "USD", "alice"),
    "standard/payment.canceled__usd": ("payment", "canceled", "pmt_7f3a", None, 4_200, "USD", "alice"),
    "standard/payment.captured__guest": ("payment", "captured", "pmt_guest", None, 999, "EUR", None),
    "standard/payment.captured__jpy": ("payment", "captured", "pmt_jpy", None, 500, "JPY", "alice"),
    "standard/payment.captured__kwd": ("payment", "captured", "pmt_kwd", None, 1_234, "KWD", "alice"),
    "standard/payment.captured__partial": ("payment", "captured", "pmt_7f3a", None, 3_000, "USD", "alice"),
    "standard/payment.captured__usd": ("payment", "captured", "pmt_7f3a", None, 4_200, "USD", "alice"),
    "standard/payment.failed__declined": ("payment", "failed", "pmt_7f3a", None, 4_200, "USD", "alice"),
    "standard/refund.canceled__usd": ("refund", "canceled", "rfd_19c2", "pmt_7f3a", 1_200, "USD", None),
    "standard/refund.created__pending": ("refund", "created", "rfd_19c2", "pmt_7f3a", 1_200, "USD", None),
    "standard/refund.failed__usd": ("refund", "failed", "rfd_19c2", "pmt_7f3a", 1_200, "USD", None),
    "standard/refund.succeeded__usd": ("refund", "succeeded", "rfd_19c2", "pmt_7f3a", 1_200, "USD", None),
    "stripe/charge.captured__partial": ("payment", "captured", PARTIAL, None, 6_000, "USD", "bob"),
    "stripe/charge.captured__without_intent": (
        "payment",
        "captured",
        "ch_3SVkVCfXjY54bj0JxySrvnVY",
        None,
        1_500,
        "USD",
        "carol",
    ),
    "stripe/charge.dispute.closed__charge_refunded": ("dispute", "closed", DISPUTE, CARD, 4_200, "USD", None),
    "stripe/charge.dispute.closed__lost": ("dispute", "lost", DISPUTE, CARD, 4_200, "USD", None),
    "stripe/charge.dispute.closed__warning_closed": ("dispute", "won", DISPUTE, CARD, 4_200, "USD", None),
    "stripe/charge.dispute.closed__won": ("dispute", "won", DISPUTE, CARD, 4_200, "USD", None),
    "stripe/charge.dispute.created__needs_response": ("dispute", "created", DISPUTE, CARD, 4_200, "USD", None),
    "stripe/charge.dispute.created__partial": ("dispute", "created", DISPUTE, CARD, 1_700, "USD", None),
    "stripe/charge.dispute.created__warning_needs_response": ("dispute", "created", DISPUTE, CARD, 4_200, "USD", None),
    "stripe/charge.dispute.funds_reinstated__won": ("dispute", "reinstated", DISPUTE, CARD, 4_200, "USD", None),
    "stripe/charge.dispute.funds_withdrawn__fraudulent": ("dispute", "withdrawn", DISPUTE, CARD, 4_200, "USD", None),
    "stripe/charge.dispute.updated__under_review": ("dispute", "updated", DISPUTE, CARD, 4_200, "USD", None),
    "stripe/charge.refund.updated__failed": ("refund", "failed", REFUND, CARD, 1_200, "USD", None),
    "stripe/charge.refund.updated__succeeded": ("refund", "succeeded", REFUND, CARD, 1_200, "USD", None),
    "stripe/charge.refunded__authorization_released": ("payment", "canceled", RELEASED, None, 8_000, "USD", "alice"),
    "stripe/charge.refunded__listed": ("refund", "succeeded", REFUND, CARD, 1_200, "USD", None),
    "stripe/charge.refunded__partial_capture_listed": (
        "refund",
        "succeeded",
        "re_3SVkVCfXjY54bj0nTUqa4kzV",
        PARTIAL,
        1_000,
        "USD",
        None,
    ),
    "stripe/charge.succeeded__authorized": ("payment", "authorized", PARTIAL, None, 10_000, "USD", "bob"),
    "stripe/charge.succeeded__card": ("payment", "captured", CARD, None, 4_200, "USD", "alice"),
    "stripe/customer.subscription.created__customer_only": (
        "subscription",
        "active",
        SUBSCRIPTION,
        None,
        0,
        "",
        CUSTOMER,
    ),
    "stripe/customer.subscription.created__incomplete": ("subscription", "created", SUBSCRIPTION, None, 0, "", "alice"),
    "stripe/customer.subscription.created__trialing": ("subscription", "trialing", SUBSCRIPTION, None, 0, "", "alice"),
    "stripe/customer.subscription.deleted__canceled": ("subscription", "canceled", SUBSCRIPTION, None, 0, "", "alice"),
    "stripe/customer.subscription.paused__trial_ended": ("subscription", "paused", SUBSCRIPTION, None, 0, "", "alice"),
    "stripe/customer.subscription.pending_update_applied__active": (
        "subscription",
        "active",
        SUBSCRIPTION,
        None,
        0,
        "",
        "alice",
    ),
    "stripe/customer.subscription.pending_update_expired__active": (
        "subscription",
        "active",
        SUBSCRIPTION,
        None,
        0,
        "",
        "alice",
    ),
    "stripe/customer.subscription.resumed__active": ("subscription", "active", SUBSCRIPTION, None, 0, "", "alice"),
    "stripe/customer.subscription.trial_will_end__trialing": (
        "subscription",
        "trialing",
        SUBSCRIPTION,
        None,
        0,
        "",
        "alice",
    ),
    "stripe/customer.subscription.updated__active": ("subscription", "active", SUBSCRIPTION, None, 0, "", "alice"),
    "stripe/customer.subscription.updated__incomplete_expired": (
        "subscription",
        "expired",
        SUBSCRIPTION,
        None,
        0,
        "",
        "alice",
    ),
    "stripe/customer.subscription.updated__past_due": ("subscription", "past_due", SUBSCRIPTION, None, 0, "", "alice"),
    "stripe/customer.subscription.updated__unpaid": ("subscription", "halted", SUBSCRIPTION, None, 0, "", "alice"),
    "stripe/invoice.paid__expanded_customer": ("invoice", "paid", INVOICE, None, 0, "", CUSTOMER),
    "stripe/invoice.paid__subscription_cycle": ("invoice", "paid", INVOICE, None, 0, "", CUSTOMER),
    "stripe/invoice.payment_failed__card_declined": ("invoice", "payment_failed", INVOICE, None, 0, "", CUSTOMER),
    "stripe/payment_intent.amount_capturable_updated__manual_capture": (
        "payment",
        "authorized",
        PARTIAL,
        None,
        10_000,
        "USD",
        "bob",
    ),
    "stripe/payment_intent.canceled__abandoned": ("payment", "canceled", RELEASED, None, 8_000, "USD", "alice"),
    "stripe/payment_intent.payment_failed__card_declined": (
        "payment",
        "failed",
        "pi_3SVkVCfXjY54bj0dDdKGYn3P",
        None,
        4_200,
        "USD",
        "alice",
    ),
    "stripe/payment_intent.succeeded__card": ("payment", "captured", CARD, None, 4_200, "USD", "alice"),
    "stripe/payment_intent.succeeded__customer": (
        "payment",
        "captured",
        "pi_3SVkVCfXjY54bj0YFxAV4Vv5",
        None,
        3_100,
        "USD",
        CUSTOMER,
    ),
    "stripe/payment_intent.succeeded__expanded_customer": (
        "payment",
        "captured",
        "pi_3SVkVCfXjY54bj0NjqMcGTEE",
        None,
        2_500,
        "EUR",
        CUSTOMER,
    ),
    "stripe/payment_intent.succeeded__guest": (
        "payment",
        "captured",
        "pi_3SVkVCfXjY54bj0vnQzZhj3M",
        None,
        1_999,
        "USD",
        None,
    ),
    "stripe/payment_intent.succeeded__isk": ("payment", "captured", ISK, None, 500, "ISK", "alice"),
    "stripe/payment_intent.succeeded__jpy": (
        "payment",
        "captured",
        "pi_3SVkVCfXjY54bj0x34qJL7C6",
        None,
        500,
        "JPY",
        "alice",
    ),
    "stripe/payment_intent.succeeded__kwd": ("payment", "captured", KWD, None, 12_340, "KWD", "alice"),
    "stripe/payment_intent.succeeded__mga": (
        "payment",
        "captured",
        "pi_3SVkVCfXjY54bj0t7xpDfFEt",
        None,
        500_000,
        "MGA",
        "alice",
    ),
    "stripe/payment_intent.succeeded__partial_capture": ("payment", "captured", PARTIAL, None, 6_000, "USD", "bob"),
    "stripe/payment_intent.succeeded__ugx": (
        "payment",
        "captured",
        "pi_3SVkVCfXjY54bj0zU4FCx9PD",
        None,
        15_000,
        "UGX",
        "alice",
    ),
    "stripe/payout.canceled__pending": ("payout", "canceled", PAYOUT, None, 150_000, "USD", "alice"),
    "stripe/payout.created__standard": ("payout", "requested", PAYOUT, None, 150_000, "USD", "alice"),
    "stripe/payout.failed__account_closed": ("payout", "failed", PAYOUT, None, 150_000, "USD", "alice"),
    "stripe/payout.paid__standard": ("payout", "processed", PAYOUT, None, 150_000, "USD", "alice"),
    "stripe/refund.created__isk": ("refund", "succeeded", "re_3SVkVCfXjY54bj0tMeNpbMXr", ISK, 200, "ISK", None),
    "stripe/refund.created__kwd": ("refund", "succeeded", "re_3SVkVCfXjY54bj06XsGYseBR", KWD, 2_340, "KWD", None),
    "stripe/refund.created__pending": ("refund", "created", REFUND, CARD, 1_200, "USD", None),
    "stripe/refund.created__requires_action": ("refund", "created", REFUND, CARD, 1_200, "USD", None),
    "stripe/refund.created__succeeded": ("refund", "succeeded", REFUND, CARD, 1_200, "USD", None),
    "stripe/refund.failed__expired_card": ("refund", "failed", REFUND, CARD, 1_200, "USD", None),
    "stripe/refund.updated__canceled": ("refund", "canceled", REFUND, CARD, 1_200, "USD", None),
    "stripe/refund.updated__failed": ("refund", "failed", REFUND, CARD, 1_200, "USD", None),
    "stripe/refund.updated__succeeded": ("refund", "succeeded", REFUND, CARD, 1_200, "USD", None),
}

STANDS_STILL: Final[Mapping[str, tuple[str, str]]] = {
    "stripe/payout.paid__automatic": ("ignored", "an automatic payout to the merchant's own bank account"),
    "razorpay/refund.failed__auto_refund": ("ignored", "no rule for refund.failed"),
    "stripe/charge.refunded__without_list": ("ignored", "no rule for charge.refunded"),
    "stripe/payment_intent.succeeded__isk_with_a_fraction": ("rejected", "amount is no whole ISK"),
}

_FIXTURES: Final = Path(__file__).parents[1] / "fixtures"
_SENDERS: Final = {
    "stripe": ("stripe", "stripe"),
    "razorpay": ("razorpay", "razorpay"),
    "standard": ("standard", "standard-webhooks"),
    "native": ("payments", "native"),
}


def fixture_names() -> list[str]:
    """Every file, as "<provider>/<event>__<variant>"."""
    return sorted(f"{file.parent.name}/{file.stem}" for file in _FIXTURES.glob("*/*.json"))


def body_of(name: str) -> dict[str, Any]:
    return dict(json.loads((_FIXTURES / f"{name}.json").read_text()))


def stored_fixture(name: str) -> dict[str, Any]:
    """The event as the web process stores it and the worker opens it."""
    source, scheme = _SENDERS[name.partition("/")[0]]
    return opened(stored(body_of(name), source=source, scheme=scheme))
