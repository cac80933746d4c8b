"""The providers' real shapes, through normalise and into the books: what each event means and what each edge posts."""

from collections.abc import Iterable, Sequence
from itertools import permutations

import pytest
from fixture_table import MOVES, STANDS_STILL, fixture_names, stored_fixture

from gateway.events.event import NoMovement, Outcome, PaymentEvent
from gateway.events.normalise import normalise, razorpay, stripe
from gateway.ledger.books import Applied, Books

DOCUMENTED = {
    "stripe": (
        "payment_intent.amount_capturable_updated payment_intent.succeeded payment_intent.payment_failed "
        "payment_intent.canceled charge.succeeded charge.captured charge.refunded charge.refund.updated refund.created "
        "refund.updated refund.failed charge.dispute.created charge.dispute.updated charge.dispute.closed "
        "charge.dispute.funds_withdrawn charge.dispute.funds_reinstated payout.created payout.paid payout.failed "
        "payout.canceled customer.subscription.created customer.subscription.updated customer.subscription.deleted "
        "customer.subscription.paused customer.subscription.resumed customer.subscription.trial_will_end "
        "customer.subscription.pending_update_applied customer.subscription.pending_update_expired invoice.paid "
        "invoice.payment_failed"
    ),
    "razorpay": (
        "payment.authorized payment.captured payment.failed order.paid refund.created refund.processed refund.failed "
        "payment.dispute.created payment.dispute.under_review payment.dispute.action_required payment.dispute.won "
        "payment.dispute.lost payment.dispute.closed payout.initiated payout.processed payout.reversed payout.failed "
        "subscription.authenticated subscription.activated subscription.charged subscription.pending subscription.halted "
        "subscription.paused subscription.resumed subscription.cancelled subscription.completed subscription.updated"
    ),
    "standard": (
        "payment.authorized payment.captured payment.failed payment.canceled refund.created refund.succeeded refund.failed "
        "refund.canceled"
    ),
    "native": "payment transfer withdrawal withdrawal_processed withdrawal_failed withdrawal_reversed",
}
"""Every event name the ledger promises to understand."""

CAPTURED = "stripe/payment_intent.succeeded__card"
R_CAPTURED = "razorpay/payment.captured__card"

Wallets = dict[str, tuple[int, int, int]]

STORIES: dict[str, tuple[Sequence[str], Sequence[str], Wallets]] = {
    "two events, one capture": (
        [CAPTURED, "stripe/charge.succeeded__card"],
        ["capture", "duplicate"],
        {"USD:alice": (4_200, 0, 0)},
    ),
    "a capture in part, authorised before": (
        [
            "stripe/charge.succeeded__authorized",
            "stripe/payment_intent.amount_capturable_updated__manual_capture",
            "stripe/payment_intent.succeeded__partial_capture",
            "stripe/charge.captured__partial",
        ],
        ["state", "duplicate", "capture", "duplicate"],
        {"USD:bob": (6_000, 0, 0)},
    ),
    "what a capture in part leaves is no refund": (
        ["stripe/payment_intent.succeeded__partial_capture", "stripe/charge.refunded__partial_capture_listed"],
        ["capture", "refund"],
        {"USD:bob": (5_000, 0, 0)},
    ),
    "declined": (["stripe/payment_intent.payment_failed__card_declined"], ["state"], {}),
    "an authorisation released": (
        ["stripe/payment_intent.canceled__abandoned", "stripe/charge.refunded__authorization_released"],
        ["state", "duplicate"],
        {},
    ),
    "a refund, told four times": (
        [
            CAPTURED,
            "stripe/refund.created__pending",
            "stripe/refund.updated__succeeded",
            "stripe/charge.refund.updated__succeeded",
            "stripe/charge.refunded__listed",
        ],
        ["capture", "state", "refund", "duplicate", "duplicate"],
        {"USD:alice": (3_000, 0, 0)},
    ),
    "a refund that succeeded fails": (
        [
            CAPTURED,
            "stripe/refund.created__succeeded",
            "stripe/refund.failed__expired_card",
            "stripe/refund.updated__failed",
        ],
        ["capture", "refund", "refund_failed", "duplicate"],
        {"USD:alice": (4_200, 0, 0)},
    ),
    "a refund given up": (
        [CAPTURED, "stripe/refund.created__requires_action", "stripe/refund.updated__canceled"],
        ["capture", "state", "state"],
        {"USD:alice": (4_200, 0, 0)},
    ),
    "a dispute holds, is taken, is lost": (
        [
            CAPTURED,
            "stripe/charge.dispute.created__needs_response",
            "stripe/charge.dispute.updated__under_review",
            "stripe/charge.dispute.funds_withdrawn__fraudulent",
            "stripe/charge.dispute.closed__lost",
        ],
        ["capture", "dispute_opened", "stale", "dispute_withdrawn", "state"],
        {"USD:alice": (0, 0, 0)},
    ),
    "a dispute is taken, won and given back once": (
        [
            CAPTURED,
            "stripe/charge.dispute.funds_withdrawn__fraudulent",
            "stripe/charge.dispute.closed__won",
            "stripe/charge.dispute.funds_reinstated__won",
        ],
        ["capture", "dispute_withdrawn", "dispute_reinstated", "stale"],
        {"USD:alice": (4_200, 0, 0)},
    ),
    "a dispute of a part holds that part": (
        [CAPTURED, "stripe/charge.dispute.created__partial"],
        ["capture", "dispute_opened"],
        {"USD:alice": (4_200, 1_700, 0)},
    ),
    "an inquiry that closes lets go": (
        [
            CAPTURED,
            "stripe/charge.dispute.created__warning_needs_response",
            "stripe/charge.dispute.closed__warning_closed",
        ],
        ["capture", "dispute_opened", "dispute_released"],
        {"USD:alice": (4_200, 0, 0)},
    ),
    "a payout that was paid comes back": (
        ["stripe/payout.created__standard", "stripe/payout.paid__standard", "stripe/payout.failed__account_closed"],
        ["payout_requested", "payout_done", "payout_return"],
        {"USD:alice": (0, 0, 0)},
    ),
    "a payout is called off": (
        ["stripe/payout.created__standard", "stripe/payout.canceled__pending"],
        ["payout_requested", "payout_released"],
        {"USD:alice": (0, 0, 0)},
    ),
    "dinars have three decimals": (
        ["stripe/payment_intent.succeeded__kwd", "stripe/refund.created__kwd"],
        ["capture", "refund"],
        {"KWD:alice": (10_000, 0, 0)},
    ),
    "króna are told in hundredths": (
        ["stripe/payment_intent.succeeded__isk", "stripe/refund.created__isk"],
        ["capture", "refund"],
        {"ISK:alice": (300, 0, 0)},
    ),
    "nobody is named": (
        ["stripe/payment_intent.succeeded__guest"],
        ["capture"],
        {"USD:suspense:stripe": (1_999, 0, 0)},
    ),
    "a subscription lives and ends without moving money": (
        [
            "stripe/customer.subscription.created__trialing",
            "stripe/customer.subscription.updated__active",
            "stripe/customer.subscription.updated__past_due",
            "stripe/customer.subscription.deleted__canceled",
        ],
        ["state", "state", "state", "state"],
        {},
    ),
    "an invoice fails and is paid": (
        ["stripe/invoice.payment_failed__card_declined", "stripe/invoice.paid__subscription_cycle"],
        ["state", "state"],
        {},
    ),
    "Razorpay: authorised, captured": (
        ["razorpay/payment.authorized__card", R_CAPTURED],
        ["state", "capture"],
        {"INR:alice": (50_000, 0, 0)},
    ),
    "Razorpay: an order's payment is told twice": (
        ["razorpay/payment.captured__upi", "razorpay/order.paid__upi"],
        ["capture", "duplicate"],
        {"INR:alice": (50_000, 0, 0)},
    ),
    "Razorpay: a refund": (
        [R_CAPTURED, "razorpay/refund.created__normal", "razorpay/refund.processed__normal"],
        ["capture", "state", "refund"],
        {"INR:alice": (30_000, 0, 0)},
    ),
    "Razorpay: a refund fails after it was processed": (
        [R_CAPTURED, "razorpay/refund.processed__normal", "razorpay/refund.failed__bank"],
        ["capture", "refund", "refund_failed"],
        {"INR:alice": (50_000, 0, 0)},
    ),
    "Razorpay: an authorisation lapses and is refunded to the card": (
        [
            "razorpay/payment.authorized__lapsing",
            "razorpay/refund.created__auto_refund",
            "razorpay/refund.processed__auto_refund",
        ],
        ["state", "state", "duplicate"],
        {},
    ),
    "Razorpay: a dispute is contested and lost": (
        [
            R_CAPTURED,
            "razorpay/payment.dispute.created__chargeback",
            "razorpay/payment.dispute.under_review__chargeback",
            "razorpay/payment.dispute.lost__chargeback",
        ],
        ["capture", "dispute_opened", "stale", "dispute_withdrawn"],
        {"INR:alice": (0, 0, 0)},
    ),
    "Razorpay: a dispute is won": (
        [R_CAPTURED, "razorpay/payment.dispute.created__chargeback", "razorpay/payment.dispute.won__chargeback"],
        ["capture", "dispute_opened", "dispute_released"],
        {"INR:alice": (50_000, 0, 0)},
    ),
    "Razorpay: a fraud alert is closed": (
        [R_CAPTURED, "razorpay/payment.dispute.created__chargeback", "razorpay/payment.dispute.closed__fraud"],
        ["capture", "dispute_opened", "dispute_released"],
        {"INR:alice": (50_000, 0, 0)},
    ),
    "Razorpay: a payout is reversed after it was processed": (
        [
            R_CAPTURED,
            "razorpay/payout.initiated__imps",
            "razorpay/payout.processed__imps",
            "razorpay/payout.reversed__imps",
        ],
        ["capture", "payout_requested", "payout_done", "payout_return"],
        {"INR:alice": (50_000, 0, 0)},
    ),
    "Razorpay: a payout fails": (
        [R_CAPTURED, "razorpay/payout.initiated__imps", "razorpay/payout.failed__imps"],
        ["capture", "payout_requested", "payout_released"],
        {"INR:alice": (50_000, 0, 0)},
    ),
    "standard: authorised, captured in part, refunded": (
        [
            "standard/payment.authorized__usd",
            "standard/payment.captured__partial",
            "standard/refund.created__pending",
            "standard/refund.succeeded__usd",
        ],
        ["state", "capture", "state", "refund"],
        {"USD:alice": (1_800, 0, 0)},
    ),
    "native: a payment happened, whatever the sender had": (
        ["native/payment__decimal_string"],
        ["transfer"],
        {"INR:alice": (0, 0, 1_230), "INR:bob": (1_230, 0, 0)},
    ),
    "native: a transfer asks first": (
        ["native/transfer__inr"],
        ["insufficient funds (PAY_002)"],
        {},
    ),
    "native: a withdrawal is held, sent and sent back": (
        [
            R_CAPTURED,
            "native/withdrawal__inr",
            "native/withdrawal_processed__inr",
            "native/withdrawal_reversed__inr",
        ],
        ["capture", "payout_requested", "payout_done", "payout_return"],
        {"INR:alice": (50_000, 0, 0)},
    ),
    "native: a withdrawal fails": (
        [R_CAPTURED, "native/withdrawal__inr", "native/withdrawal_failed__inr"],
        ["capture", "payout_requested", "payout_released"],
        {"INR:alice": (50_000, 0, 0)},
    ),
}


def read(name: str) -> tuple[PaymentEvent, ...]:
    found = normalise(stored_fixture(name))
    assert not isinstance(found, NoMovement), (name, found)
    return found


def word(applied: Applied) -> str:
    """The effect, the refusal or the verdict, in one word of the tables."""
    return applied.reason.partition(":")[0]


def held(books: Books) -> Wallets:
    """Every wallet that was ever posted to: balance, hold and debt."""
    return {
        key: (wallet.balance_minor, wallet.locked_minor, wallet.receivable_minor)
        for key, wallet in books.wallets.items()
    }


def told(events: Iterable[PaymentEvent]) -> Books:
    """The books after the events in this order, the parked ones tried again while anything changes."""
    books, waiting = Books(), list(events)
    while True:
        parked = [event for event in waiting if books.apply(event).outcome is Outcome.PARKED]
        if len(parked) == len(waiting):
            return books
        waiting = parked


def test_every_fixture_has_its_row() -> None:
    """No file without a meaning, no meaning without a file."""
    assert fixture_names() == sorted([*MOVES, *STANDS_STILL])


@pytest.mark.parametrize("name", MOVES)
def test_a_fixture_means_what_its_row_says(name: str) -> None:
    """One step of one object, with the provider's amount as ISO 4217's minor units."""
    (event,) = read(name)
    assert (
        event.kind,
        event.step,
        event.object_id,
        event.parent_id,
        event.amount_minor,
        event.currency,
        event.wallet,
    ) == MOVES[name]


@pytest.mark.parametrize("name", STANDS_STILL)
def test_what_moves_nothing_says_why(name: str) -> None:
    """Stored with an outcome, never dropped and never guessed at."""
    found = normalise(stored_fixture(name))
    assert isinstance(found, NoMovement)
    assert (found.outcome.value, found.reason) == STANDS_STILL[name]


@pytest.mark.parametrize("provider", DOCUMENTED)
def test_every_event_name_has_a_fixture(provider: str) -> None:
    """In the provider's shape, under a name that says event and variant."""
    shown = {name.partition("/")[2].partition("__")[0] for name in fixture_names() if name.startswith(provider)}
    assert shown == set(DOCUMENTED[provider].split())


def test_the_tables_know_no_name_without_a_fixture() -> None:
    """But `subscription.expired`: Razorpay documents the state and no webhook of it."""
    assert set(stripe._TYPES) == set(DOCUMENTED["stripe"].split())
    assert set(razorpay._TYPES) == {*DOCUMENTED["razorpay"].split(), "subscription.expired"}


@pytest.mark.parametrize("story", STORIES)
def test_each_edge_posts_what_the_tables_say(story: str) -> None:
    """The effects in order, and what the wallets hold, have on hold and owe at the end."""
    names, effects, wallets = STORIES[story]
    books = Books()
    assert [word(books.apply(event)) for name in names for event in read(name)] == effects
    assert held(books) == wallets


ASKED_FOR = {"native: a withdrawal is held, sent and sent back", "native: a withdrawal fails"}
"""Funds decide, so it matters whether the deposit came first."""


@pytest.mark.parametrize("story", sorted(STORIES.keys() - ASKED_FOR))
def test_any_order_of_a_story_ends_in_the_same_wallets(story: str) -> None:
    """Providers deliver late and in any order. Wallets that only some orders touch hold nothing."""
    events = [event for name in STORIES[story][0] for event in read(name)]
    nothing = (0, 0, 0)
    ends = {
        frozenset((key, wallet) for key, wallet in held(told(order)).items() if wallet != nothing)
        for order in permutations(events)
    }
    assert ends == {frozenset((key, wallet) for key, wallet in STORIES[story][2].items() if wallet != nothing)}
