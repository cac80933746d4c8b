"""The evaluator: LightGBM's own answer without LightGBM, and nothing read that is not a model."""

import copy
import random
import warnings
from math import isnan, nan
from typing import Any

import pytest

from gateway.analysis.default_model import default_model
from gateway.analysis.learning.train import exported, fit
from gateway.analysis.trees import TreeModel, logistic, new_document
from gateway.analysis.vector import AMOUNTS, NAMES
from gateway.errors import BadModel

CARD = {"trained_on": "test", "rows": 4, "frauds": 1}
STUMP = [2, 1.5, False, 0.25, [0, 10.0, True, -1.0, 2.0, 1.0], 0.5]
"""On amount_z; to its right on amount, whose unknown goes left."""


def vector(**known: float) -> list[float]:
    return [known.get(name, nan) for name in NAMES]


@pytest.fixture
def model() -> TreeModel:
    return TreeModel(new_document(NAMES, [STUMP, 0.5], CARD))


@pytest.mark.parametrize(
    ("numbers", "raw"),
    [
        (vector(amount_z=1.5, amount=99.0), 0.75),
        (vector(amount_z=1.6, amount=10.0), -0.5),
        (vector(amount_z=1.6, amount=10.1), 2.5),
        (vector(amount_z=1.6), -0.5),
        (vector(amount=99.0), 2.5),
    ],
    ids=["at the threshold", "below", "above", "unknown goes left", "unknown goes right"],
)
def test_a_value_takes_its_way(model: TreeModel, numbers: list[float], raw: float) -> None:
    """At most the threshold is left; what is unknown goes where the node sends it."""
    assert model.raw(numbers) == raw


def test_contributions_are_what_the_path_moved(model: TreeModel) -> None:
    """From the mean of all to the leaf, each step given to the feature that was asked."""
    assert model.contributions(vector(amount_z=2.0, amount=11.0)) == {"amount": 1.0, "amount_z": 0.5}


def test_contributions_and_roots_sum_to_the_answer() -> None:
    """In the model that is shipped, for any vector."""
    model, source = default_model(), random.Random(5)
    roots = sum(tree[5] if isinstance(tree, list) else tree for tree in model.document["trees"])
    for _ in range(50):
        numbers = [source.choice([nan, source.uniform(-5, 50)]) for _ in NAMES]
        assert roots + sum(model.contributions(numbers).values()) == pytest.approx(model.raw(numbers))


def test_contributions_are_those_of_the_walk_to_each_leaf() -> None:
    """To the last digit, however they are compiled: of the shipped model, for any vector."""
    model, source = default_model(), random.Random(6)
    for _ in range(50):
        numbers = [source.choice([nan, source.randint(-5, 50), source.uniform(-5, 50)]) for _ in NAMES]
        moved: dict[str, float] = {}
        for tree in model.document["trees"]:
            walk(tree, model, numbers, moved)
        told = model.contributions(numbers)
        assert told == {name: amount for name, amount in moved.items() if amount}
        assert list(told.values()) == sorted(told.values(), reverse=True)


def walk(node: Any, model: TreeModel, numbers: list[float], moved: dict[str, float]) -> None:
    """One tree, the slow way."""
    while isinstance(node, list):
        place, threshold, unknown_left, left, right, value = node
        number = numbers[model.places[place]]
        goes_left = unknown_left if isnan(number) else number <= threshold
        child = left if goes_left else right
        amount = (child[5] if isinstance(child, list) else child) - value
        moved[model.features[place]] = moved.get(model.features[place], 0.0) + amount
        node = child


def test_the_deepest_trees_are_read() -> None:
    """As many and as deep as a model may have them; one step deeper is refused."""
    tree: Any = 0.5
    for step in range(40):
        tree = [step, float(step), step % 2 == 0, tree, 0.1, 0.2]
    model = TreeModel(new_document(NAMES, [tree] * 10, CARD))
    assert model.raw([-1.0] * len(NAMES)) == 5.0
    assert model.contributions([-1.0] * len(NAMES)) == pytest.approx({"amount": 3.0})
    with pytest.raises(BadModel):
        TreeModel(new_document(NAMES, [[0, 1.0, True, tree, 0.1, 0.2]], CARD))


@pytest.mark.parametrize("with_amounts", [True, False])
def test_the_same_answer_as_lightgbm(with_amounts: bool) -> None:
    """For 400 rows with values missing, to the last digits; without amounts, no tree asks for one."""
    pytest.importorskip("lightgbm", reason="LightGBM is an extra: pip install 'auto-pay-gateway[train]'")
    source = random.Random(11)
    rows = [[nan if source.random() < 0.2 else source.gauss(0, 3) for _ in NAMES] for _ in range(400)]
    labels = [source.random() < (0.6 if row[2] > 1 or row[30] > 2 else 0.05) for row in rows]
    booster = fit(rows, labels, with_amounts=with_amounts)
    model = exported(booster, CARD)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = booster.predict(rows)
    assert [model.probability(row) for row in rows] == pytest.approx(list(theirs), abs=1e-12)
    assert with_amounts or not AMOUNTS & {NAMES[place] for place in asked(model.document["trees"])}


def asked(node: Any) -> set[int]:
    """The features that trees ask for."""
    if not isinstance(node, list):
        return set()
    here = {node[0]} if len(node) == 6 and isinstance(node[2], bool) else set[int]()
    return here.union(*map(asked, node))


def test_the_version_is_the_content() -> None:
    """The same content has the same version, any change another."""
    document = new_document(NAMES, [STUMP], CARD)
    assert TreeModel(document).version == TreeModel(copy.deepcopy(document)).version == document["version"]
    assert TreeModel({**document, "trees": [0.5]}).version != document["version"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": 2},
        {"features": ["shoe_size"]},
        {"trees": [[0, 1.0]]},
        {"trees": ["half"]},
        {"trees": [float("inf")]},
        {"trees": [[999, 1.0, True, 0.0, 0.0, 0.0]]},
        {"trees": [0.1] * 501},
        {"card": None},
    ],
    ids=["format", "feature", "node", "leaf", "infinite", "place", "many", "card"],
)
def test_what_is_no_model_is_refused(wrong: dict[str, Any]) -> None:
    """With our own error, whatever is wrong."""
    with pytest.raises(BadModel):
        TreeModel({**new_document(NAMES, [STUMP], CARD), **wrong})


def test_the_shipped_model_says_what_it_is() -> None:
    """Trained on our simulator, in its name and its card; it judges every currency because it looks at no amounts."""
    model = default_model()
    assert model.name.startswith("simulated-")
    assert "simulator" in model.card["note"]
    assert model.currency is None
    assert not AMOUNTS & {NAMES[place] for place in asked(model.document["trees"])}
    assert model.support <= 0.5


@pytest.mark.parametrize(("raw", "probability"), [(0.0, 0.5), (-1e9, 0.0), (1e9, 1.0)])
def test_log_odds_never_overflow(raw: float, probability: float) -> None:
    """Whatever the trees sum to is a probability."""
    assert logistic(raw) == pytest.approx(probability)
