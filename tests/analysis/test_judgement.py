"""The model's word: where it is given, what it adds to the score, and that nothing is added without a reason."""

from math import nan
from typing import Any

import pytest

from gateway.analysis.assessment import Assessment, assess, recommended, score_of
from gateway.analysis.counterparty import Counterparty
from gateway.analysis.features import Movement, features
from gateway.analysis.judgement import TEXTS, judge
from gateway.analysis.model import MODEL
from gateway.analysis.profile import DAY_S, Profile
from gateway.analysis.trees import TreeModel, new_document
from gateway.analysis.vector import AMOUNTS, NAMES, vector

MONDAY = 1_795_996_800.0


def says(raw: float, **card: Any) -> TreeModel:
    """A model that answers `raw` log-odds to movements of more than twice the wallet's mean, and is sure of the others."""
    tree = [NAMES.index("amount_times_usual"), 2.0, False, -8.0, raw, -7.0]
    usual = {"amount_times_usual": 1.0}
    return TreeModel(new_document(NAMES, [tree], {"trained_on": "history", "frauds": 400, "usual": usual, **card}))


def judged(model: TreeModel, movement: Movement, profile: Profile) -> Assessment:
    seen = features(movement, profile, None)
    return assess(seen, judge(model, movement, seen, profile, None))


@pytest.fixture
def larger(movement: Any) -> Movement:
    """Somewhat more than usual: not enough for a rule."""
    found: Movement = movement(amount_minor=2_200, counterparty="shop", occurred_at=MONDAY + 12 * 3_600)
    return found


def test_the_model_raises_the_score_and_says_why(settled: Profile, larger: Movement) -> None:
    """What it adds to the rules' points stands as a reason with the value and its usual, and the sum is the score."""
    assessment = judged(says(0.0), larger, settled)
    assert (assessment.probability, assessment.recommendation, assessment.score) == (0.5, "review", 60)
    assert assessment.level == "high"
    assert sum(each.points for each in assessment.reasons) == assessment.score
    first = assessment.reasons[0]
    assert (first.code, first.usual) == ("model_amount_times_usual", "1")
    assert first.text.startswith("The model weighs the amount as a multiple of this wallet's mean: 2.")
    assert assessment.model == f"{MODEL}+{says(0.0).name}"


def test_where_it_sees_nothing_the_rules_stand(settled: Profile, larger: Movement) -> None:
    """The probability is stored, and adds neither points nor reasons."""
    assessment = judged(says(-5.0), larger, settled)
    assert assessment.probability == pytest.approx(0.0067)
    assert assessment.recommendation == "none"
    assert [each.code for each in assessment.reasons] == [
        each.code for each in assess(features(larger, settled)).reasons
    ]


def test_simulated_labels_support_half_of_a_certainty(settled: Profile, larger: Movement) -> None:
    """The confidence of a score that such a model made says so."""
    assert judged(says(0.0, trained_on="simulated"), larger, settled).confidence == 0.5
    assert judged(says(0.0), larger, settled).confidence > 0.5


@pytest.mark.parametrize(
    ("said", "card"),
    [
        ({"kind": "dispute_opened"}, {}),
        ({"kind": "payment authorized"}, {}),
        ({"currency": "JPY"}, {"currency": "USD"}),
        ({"direction": "out"}, {}),
    ],
    ids=["a dispute", "no money moved", "another currency", "cold start"],
)
def test_it_is_silent_where_it_has_nothing_to_go_by(
    movement: Any, settled: Profile, said: dict[str, Any], card: dict[str, Any]
) -> None:
    """Then the rules score alone, and there is neither probability nor advice. The wallet has no history of money out."""
    assessment = judged(says(9.0, **card), movement(amount_minor=9_000, **said), settled)
    assert (assessment.probability, assessment.recommendation, assessment.model) == (None, None, MODEL)


@pytest.mark.parametrize(
    ("probability", "advice", "score"),
    [
        (0.0, "none", 0),
        (0.0999, "none", 29),
        (0.1, "review", 30),
        (0.5, "review", 60),
        (0.9, "block", 80),
        (1.0, "block", 100),
    ],
)
def test_advice_and_score_of_a_probability(probability: float, advice: str, score: int) -> None:
    """Worth a review is level medium; what is advised to be blocked is critical."""
    assert (recommended(probability), score_of(probability)) == (advice, score)


def test_every_feature_can_be_a_reason() -> None:
    """With words of its own."""
    assert set(TEXTS) == set(NAMES)
    assert set(NAMES) > AMOUNTS


def test_the_vector_knows_only_the_past(movement: Any) -> None:
    """A wallet and a counterparty that nobody knows give unknowns, not zeros that would mean something."""
    first = movement(counterparty="shop")
    profile = Profile(first.profile_id)
    named = dict(zip(NAMES, vector(first, features(first, profile), profile, Counterparty("USD:1")), strict=True))
    assert len(named) == len(NAMES)
    unknown = {name for name, number in named.items() if number != number}
    assert {
        "amount_z",
        "amount_times_usual",
        "gap_days",
        "counterparty_age_days",
        "days_since_first_chargeback",
    } <= unknown
    assert repr(nan) not in repr([named[name] for name in ("count_1h", "history", "chargebacks_ever", "hour")])


def test_chargebacks_of_the_counterparty_are_in_rules_and_vector(movement: Any, settled: Profile) -> None:
    """Three in a row of what could be judged: the rules alone call it high."""
    shop = Counterparty("USD:shop")
    for day in (12, 11, 10):
        at = MONDAY - day * DAY_S
        shop.absorb(amount_minor=1_000, occurred_at=at, new=False, suspicious=False)
        shop.charge_back(paid_at=at, known_at=at + 7 * DAY_S, suspicious=False)
    now = movement(counterparty="shop", occurred_at=MONDAY + 12 * 3_600)
    seen = features(now, settled, shop)
    assert assess(seen).reasons[0].code == "counterparty_chargebacks"
    assert assess(seen).level == "high"
    named = dict(zip(NAMES, vector(now, seen, settled, shop), strict=True))
    assert (named["chargebacks_7d"], named["chargebacks_28d"], named["chargeback_rate_since_first"]) == (3, 3, 1.0)
    assert (named["days_since_first_chargeback"], named["good_since_last_chargeback"]) == (12, 0)
