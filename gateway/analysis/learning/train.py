"""Vectors and labels → a tree model. LightGBM trains it (the extra `[train]`); nothing else of the gateway needs it.

Small on purpose: 60 trees of 15 leaves are evaluated in plain Python within microseconds, and a week of labels supports no more.
Classes are not reweighted: it would ruin the calibration, and the ranking hardly changes.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from gateway.analysis.trees import TreeModel, new_document
from gateway.analysis.vector import AMOUNTS, NAMES
from gateway.errors import BadModel

TREES: Final = 60
LEAVES: Final = 15
PARAMETERS: Final[Mapping[str, Any]] = {
    "objective": "binary",
    "num_leaves": LEAVES,
    "learning_rate": 0.06,
    "min_data_in_leaf": 20,
    "lambda_l2": 5.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "seed": 7,
    "verbosity": -1,
}
FRAUDS_MIN: Final = 20
"""Fewer labelled frauds teach a tree nothing."""


def require_lightgbm() -> None:
    """Raises `BadModel` with what to install."""
    if find_spec("lightgbm") is None:
        raise BadModel("Training needs LightGBM: pip install 'auto-pay-gateway[train]'. Scoring never does.")


def fit(vectors: Sequence[Sequence[float]], labels: Sequence[bool], *, with_amounts: bool) -> Any:
    """LightGBM's booster. Raises `BadModel` when it is not installed or there is too little to learn from."""
    require_lightgbm()
    if sum(labels) < FRAUDS_MIN or all(labels):
        raise BadModel(f"{sum(labels)} labelled frauds among {len(labels)} events: too few, {FRAUDS_MIN} are needed.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependencies deprecate each other while they are imported
        lightgbm, numpy = import_module("lightgbm"), import_module("numpy")
        table = numpy.array(vectors, dtype=float)
        if not with_amounts:
            table[:, [NAMES.index(name) for name in sorted(AMOUNTS)]] = math.nan
        learned = lightgbm.Dataset(table, numpy.array(labels, dtype=float), feature_name=list(NAMES))
        return lightgbm.train(dict(PARAMETERS), learned, num_boost_round=TREES)


def exported(booster: Any, card: Mapping[str, Any]) -> TreeModel:
    """The booster as a model of ours, which gives the same answers."""
    dump = booster.dump_model()
    return TreeModel(new_document(NAMES, [_node(each["tree_structure"]) for each in dump["tree_info"]], card))


def _node(node: Mapping[str, Any]) -> Any:
    if "leaf_value" in node:
        return float(node["leaf_value"])
    threshold = float(node["threshold"])
    # Where no value was missing in training, LightGBM takes an unknown for zero.
    unknown_left = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0.0
    left, right = _node(node["left_child"]), _node(node["right_child"])
    return [int(node["split_feature"]), threshold, unknown_left, left, right, float(node["internal_value"])]
