"""The rules: each fires for its own reason, says its numbers, and keeps quiet without evidence."""

from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from gateway.analysis.features import Features, Movement, features
from gateway.analysis.model import HISTORY_MIN, RULES, Reason, reasons
from gateway.analysis.profile import Profile

MONDAY = 1_795_996_800.0  # 2026-11-30 00:00:00 UTC

Make = Callable[..., Movement]


def codes(found: tuple[Reason, ...]) -> list[str]:
    return [reason.code for reason in found]


def learn(profile: Profile, *movements: Movement) -> None:
    for each in movements:
        profile.absorb(
            amount_minor=each.amount_minor,
            direction=each.direction,
            counterparty=each.counterparty,
            occurred_at=each.occurred_at,
        )


def test_an_ordinary_payment_has_no_reasons(movement: Make, settled: Profile) -> None:
    """The usual amount, counterparty and hour give nothing to say."""
    assert reasons(features(movement(counterparty="shop"), settled)) == ()


def test_a_large_amount_is_compared_with_the_wallets_own(movement: Make, settled: Profile) -> None:
    """The sentence holds the amount, the usual one and their ratio."""
    (reason, *_) = reasons(features(movement(amount_minor=100_000, counterparty="shop"), settled))
    assert (reason.code, reason.points, reason.value) == ("amount", 45, "1000.00 USD")
    assert reason.usual == "10.35 USD"
    assert reason.text == "1000.00 USD is 96.6 times this wallet's usual 10.35 USD (90 movements)."


def test_amounts_are_written_in_the_currencys_own_decimals(movement: Make) -> None:
    """JPY has no decimals, KWD three."""
    profile = Profile("JPY:alice")
    learn(profile, *[movement(currency="JPY")] * 10)
    (reason, *_) = reasons(features(movement(currency="JPY", amount_minor=100_000), profile))
    assert (reason.value, reason.usual) == ("100000 JPY", "1000 JPY")


def test_no_amount_is_unusual_before_there_is_a_history(movement: Make) -> None:
    """With one movement too few the rule is silent, and the cold start is said with no points."""
    profile = Profile("USD:alice")
    learn(profile, *[movement()] * (HISTORY_MIN - 1))
    (reason,) = reasons(features(movement(amount_minor=10**9), profile))
    assert (reason.code, reason.points, reason.value) == ("cold_start", 0, str(HISTORY_MIN - 1))


def test_a_burst_is_compared_with_the_usual_rate(movement: Make, settled: Profile) -> None:
    """Twenty payments within an hour, where three a day are usual."""
    learn(settled, *[movement(counterparty="shop", occurred_at=MONDAY + 36_000 + n * 60) for n in range(19)])
    found = reasons(features(movement(counterparty="shop", occurred_at=MONDAY + 36_000 + 1_200), settled))
    (reason,) = [reason for reason in found if reason.code == "velocity"]
    assert (reason.points, reason.value, reason.usual) == (30, "20", "0.1")


def test_a_burst_of_a_new_wallet_is_said_to_be_incomparable(movement: Make) -> None:
    """Without a full day behind it the wallet has no usual rate; fewer points, and the text says so."""
    profile = Profile("USD:alice")
    learn(profile, *[movement(occurred_at=MONDAY + n) for n in range(60)])
    (reason,) = reasons(features(movement(occurred_at=MONDAY + 61), profile))
    assert (reason.code, reason.points, reason.usual) == ("burst_unknown", 20, None)


def test_a_new_counterparty_surprises_a_wallet_that_meets_few(movement: Make, settled: Profile) -> None:
    """All earlier payments were with one shop."""
    (reason,) = reasons(features(movement(counterparty="stranger"), settled))
    assert (reason.code, reason.points, reason.value) == ("new_counterparty", 15, "new")


def test_a_new_counterparty_is_nothing_to_a_shop(movement: Make) -> None:
    """A wallet whose payers are always new is not alarmed by the next one."""
    shop = Profile("USD:shop")
    learn(shop, *[movement(counterparty=f"c{n}") for n in range(50)])
    assert "new_counterparty" not in codes(reasons(features(movement(counterparty="next"), shop)))


def test_an_hour_is_odd_for_a_wallet_that_never_used_it(movement: Make, settled: Profile) -> None:
    """Three in the morning, where everything happened by day."""
    (reason,) = reasons(features(movement(counterparty="shop", occurred_at=MONDAY + 3 * 3_600), settled))
    assert (reason.code, reason.points, reason.value, reason.usual) == ("odd_hour", 10, "03:00 UTC", "0.0%")


def test_no_hour_is_odd_after_one_busy_day(movement: Make) -> None:
    """A hundred payments within one hour do not make the next hour odd."""
    profile = Profile("USD:alice")
    learn(profile, *[movement(occurred_at=MONDAY + n) for n in range(100)])
    assert "odd_hour" not in codes(reasons(features(movement(occurred_at=MONDAY + 5 * 3_600), profile)))


def test_the_days_spend_is_compared_with_the_usual_day(movement: Make, settled: Profile) -> None:
    """Eleven ordinary amounts within a day, where three are usual."""
    learn(settled, *[movement(counterparty="shop", occurred_at=MONDAY + n * 7_200) for n in range(11)])
    found = reasons(features(movement(counterparty="shop", occurred_at=MONDAY + 80_000), settled))
    (reason,) = [reason for reason in found if reason.code == "spend_24h"]
    assert reason.points == 10
    assert reason.value == "120.00 USD"


def test_a_wallet_that_wakes_up_is_mentioned(movement: Make, settled: Profile) -> None:
    """Forty days without a movement."""
    found = reasons(features(movement(counterparty="shop", occurred_at=MONDAY + 40 * 86_400), settled))
    assert ("dormant", 5) in [(reason.code, reason.points) for reason in found]


def test_the_strongest_reason_comes_first(movement: Make, settled: Profile) -> None:
    """Most points first; equal points in the order of the table."""
    unusual = movement(amount_minor=100_000, counterparty="stranger", occurred_at=MONDAY + 3 * 3_600)
    assert codes(reasons(features(unusual, settled))) == ["amount", "spend_24h", "new_counterparty", "odd_hour"]


def test_points_decide_the_order_and_not_the_table(movement: Make, settled: Profile) -> None:
    """A strong rule from further down comes before a weak one from above."""
    ordinary = features(movement(counterparty="shop"), settled)
    mixed = replace(ordinary, amount_z=3.5, amount_ratio=4.0, hourly_ratio=20.0, count_1h=20)
    assert [(reason.code, reason.points) for reason in reasons(mixed)] == [("velocity", 30), ("amount", 20)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_table_is_sound(rule: object) -> None:
    """Every step names a feature that exists, and steps fall in points."""
    names = {field.name for field in fields(Features)}
    assert all(set(step.at_least) <= names for step in rule.steps)  # type: ignore[attr-defined]
    points = [step.points for step in rule.steps]  # type: ignore[attr-defined]
    assert points == sorted(points, reverse=True)
