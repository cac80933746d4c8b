"""What is known of a counterparty: volume by day, chargebacks from when they are known, and a bound on all of it."""

import random

import pytest
from bson import encode

from gateway.analysis.counterparty import DAYS_MAX, MATURE_DAYS, Counterparty, counterparty_id
from gateway.analysis.profile import DAY_S

START = 1_795_996_800.0
"""2026-11-30 00:00 UTC."""
TODAY = int(START // DAY_S)


def paid(shop: Counterparty, day: int, times: int = 1) -> None:
    for _ in range(times):
        shop.absorb(amount_minor=1_000, occurred_at=START + day * DAY_S + 60, new=False, suspicious=False)


def charged_back(shop: Counterparty, day: int, *, suspicious: bool = False, after_days: int = 7) -> None:
    at = START + day * DAY_S + 60
    shop.charge_back(paid_at=at, known_at=at + after_days * DAY_S, suspicious=suspicious)


@pytest.fixture
def shop() -> Counterparty:
    return Counterparty("USD:shop")


def test_only_matured_movements_are_judged(shop: Counterparty) -> None:
    """What is younger than the week in which it may still be disputed is neither good nor bad."""
    for day in range(10):
        paid(shop, day, times=2)
    charged_back(shop, 1)
    assert shop.matured(TODAY + 9) == (4, 2)  # days 1 and 2 are a week old; day 2 came after the chargeback
    assert shop.matured(TODAY + 9 + MATURE_DAYS) == (18, 16)


def test_a_suspicious_payment_says_little_of_its_counterparty(shop: Counterparty) -> None:
    """It is counted, and begins no run."""
    paid(shop, 0)
    charged_back(shop, 0, suspicious=True)
    assert (shop.ever, shop.run, shop.first_day) == (1, 0, None)


def test_a_run_ends_with_four_quiet_weeks(shop: Counterparty) -> None:
    """What was wrong last spring is not what is wrong now."""
    charged_back(shop, 0)
    charged_back(shop, 20)
    assert (shop.run, shop.first_day, shop.last_day) == (2, TODAY, TODAY + 20)
    charged_back(shop, 60)
    assert (shop.ever, shop.run, shop.first_day, shop.last_day) == (3, 1, TODAY + 60, TODAY + 60)


def test_one_that_was_won_is_taken_back(shop: Counterparty) -> None:
    """As if it had never been, when it was the only one; taking back what was not there changes nothing."""
    before = shop.to_document()
    charged_back(shop, 0)
    shop.take_back(suspicious=False)
    assert shop.to_document() == before
    shop.take_back(suspicious=False)
    assert shop.to_document() == before


def test_days_arrive_in_any_order(shop: Counterparty) -> None:
    """The buckets are the same, and what is older than all of them is left out."""
    other = Counterparty("USD:shop")
    days = [0, 5, 3, 3, 9, 1, 0]
    for day in days:
        paid(shop, day)
    for day in sorted(days):
        paid(other, day)
    assert (shop.days, shop.counts) == (other.days, other.counts)
    paid(shop, -DAYS_MAX)
    assert shop.days == other.days


def test_it_stays_small_and_survives_the_store(shop: Counterparty) -> None:
    """Three thousand movements with chargebacks fit four kilobytes, and what is read back goes on the same."""
    source = random.Random(3)
    for _ in range(3_000):
        at = START + source.uniform(0, 300) * DAY_S
        shop.absorb(amount_minor=source.randint(1, 10**12), occurred_at=at, new=True, suspicious=True)
        if source.random() < 0.3:
            shop.charge_back(paid_at=at, known_at=at + 9 * DAY_S, suspicious=source.random() < 0.3)
    document = shop.to_document()
    assert len(encode(document)) < 4_096
    assert Counterparty.from_document(document).to_document() == document


def test_another_shape_starts_anew(shop: Counterparty) -> None:
    """What an older gateway stored is replaced, not misread."""
    assert Counterparty.from_document({"_id": "USD:shop", "shape": 0}).to_document() == shop.to_document()


def test_its_id_names_nobody() -> None:
    """The name may be a person's."""
    assert "alice" not in counterparty_id("USD", "alice@example.com")
    assert counterparty_id("USD", "alice") != counterparty_id("EUR", "alice")
