"""The protocol: which days are trained on and tested on, and which cards are out."""

from array import array

from gateway.analysis.learning.protocol import Fold, folds
from gateway.analysis.learning.stream import Seen


def seen(day: int, card: str, fraud: bool = False) -> Seen:
    return Seen(day, card, fraud, array("d"), 0, 0.0)


def test_a_is_one_split_and_b_four_weeks_of_them() -> None:
    """A week of training, a week's wait, a week of test."""
    (fold,) = folds("A", 115)
    assert [day for day in range(200) if fold.trains_on(day)] == list(range(115, 122))
    assert [day for day in range(200) if fold.tests_on(day)] == list(range(129, 136))
    assert [each.start for each in folds("B", 115)] == [115, 122, 129, 136]


def test_a_card_with_a_fraud_in_training_is_out() -> None:
    """It was blocked before the test began; one with a fraud before the training week is not looked at."""
    rows = [seen(109, "old", fraud=True), seen(116, "a", fraud=True), *[seen(130, card) for card in ("a", "b", "old")]]
    assert [each.customer for each in Fold(115).test(rows)] == ["b", "old"]


def test_a_card_goes_when_its_fraud_becomes_known() -> None:
    """A fraud of day 123, in the week of the delay, is known a week later: the card is tested until day 130 and not after."""
    rows = [seen(123, "a", fraud=True), *[seen(day, "a") for day in range(129, 136)]]
    assert [each.day for each in Fold(115).test(rows)] == [129, 130]


def test_a_fraud_of_the_test_week_is_not_known_in_it() -> None:
    """Its card stays: it is what the test is about."""
    rows = [seen(129, "a", fraud=True), seen(135, "a", fraud=True)]
    assert Fold(115).test(rows) == rows
