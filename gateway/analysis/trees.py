"""A gradient-boosted tree model, evaluated in plain Python: vector → probability, and which features made it.

The format is our own JSON, written by `learning.train` from what LightGBM trained, and gives LightGBM's own answer:

    format      1
    features    names, a subset of `vector.NAMES`, in the model's order
    trees       each a nested list: [feature, threshold, unknown goes left, left, right, value], a leaf just its value
    card        what it was trained on, when, on how many rows, how well it does; see `card`
    version     the first 12 hex digits of SHA-256 over the rest, canonical

A value goes left when it is at most the threshold. `value` of a split is the mean answer of what came through it, from which
the contributions are taken: each split on the path moves the answer from its own value to its child's (Saabas, 2014).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from math import exp, isfinite
from typing import Any, Final

from gateway.analysis.vector import NAMES
from gateway.errors import BadModel

FORMAT: Final = 1
SIMULATED: Final = "simulated"
"""What the card of a model says it was trained on whose data were our own simulator's."""
SIMULATED_SUPPORT: Final = 0.5
TREES_MAX: Final = 500
DEPTH_MAX: Final = 40
CODES: Final = frozenset(NAMES)


class TreeModel:
    """A model that has been read and checked. Raises `BadModel` for a document that is not one."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        try:
            if document["format"] != FORMAT:
                raise BadModel(f"This gateway reads models of format {FORMAT}, not {document['format']}.")
            self.features = tuple(str(name) for name in document["features"])
            if unknown := set(self.features) - CODES:
                raise BadModel(f"The model asks for features that this gateway does not compute: {sorted(unknown)}.")
            self.places = tuple(NAMES.index(name) for name in self.features)
            self.card: dict[str, Any] = dict(document["card"])
            self.version = version_of(document)
            self.name = f"{self.card['trained_on']}-{self.version}"
            """As insights name it: what it was trained on, and its version."""
            trees = list(document["trees"])
            if len(trees) > TREES_MAX:
                raise BadModel(f"A model has at most {TREES_MAX} trees.")
            values = [_source(tree, self.places, None) for tree in trees]
            leaves = [_source(tree, self.places, count()) for tree in trees]
            self._answer = _compiled(["total = 0.0", *[f"total += {tree}" for tree in values], "return total"])
            self._leaf = _compiled([f"return ({''.join(f'{tree},' for tree in leaves)})"])
            self._paths = [_paths(tree) for tree in trees]
        except (KeyError, TypeError, ValueError, IndexError) as wrong:
            raise BadModel(f"Not a model of this gateway: {type(wrong).__name__} while reading it.") from wrong
        self.document = dict(document) | {"version": self.version}

    @property
    def currency(self) -> str | None:
        """The only currency it may judge; None: it looks at no absolute amounts and judges all."""
        currency = self.card.get("currency")
        return None if currency is None else str(currency)

    @property
    def support(self) -> float:
        """How sure its labels allow anybody to be: half at most for simulated ones, more the more real frauds it saw."""
        if self.card["trained_on"] == SIMULATED:
            return SIMULATED_SUPPORT
        return min(0.95, 0.5 + float(self.card.get("frauds", 0)) / 1_000)

    def raw(self, numbers: Sequence[float]) -> float:
        """The sum of the trees, in log-odds. `numbers` is a vector in the order of `NAMES`."""
        return float(self._answer(numbers))

    def probability(self, numbers: Sequence[float]) -> float:
        """Between 0 and 1."""
        return logistic(self.raw(numbers))

    def contributions(self, numbers: Sequence[float]) -> dict[str, float]:
        """How far each feature moved the answer, in log-odds, the features that moved it up most first."""
        moved: dict[int, float] = {}
        for paths, leaf in zip(self._paths, self._leaf(numbers), strict=True):
            for feature, amount in paths[leaf]:
                moved[feature] = moved.get(feature, 0.0) + amount
        ranked = sorted(moved.items(), key=_by_amount)
        return {self.features[feature]: amount for feature, amount in ranked}


_Path = tuple[tuple[int, float], ...]
"""The features on the way to a leaf, each with how far its split moved the answer."""


def _paths(node: Any, before: _Path = ()) -> list[_Path]:
    """The path to each leaf, from left to right."""
    if not isinstance(node, list | tuple):
        return [before]
    feature, _, _, left, right, value = node
    return [
        path
        for child in (left, right)
        for path in _paths(
            child, (*before, (int(feature), (child[5] if isinstance(child, list | tuple) else child) - value))
        )
    ]


def _source(node: Any, places: Sequence[int], leaves: Iterator[int] | None, depth: int = 0) -> str:
    """One tree as an expression of the leaf's value, or of its number if `leaves` counts them. Only numbers that were
    checked get into it, never text of the document."""
    if depth > DEPTH_MAX:
        raise BadModel(f"A tree is at most {DEPTH_MAX} deep.")
    if not isinstance(node, list | tuple):
        return _finite(node) if leaves is None else str(next(leaves))
    feature, threshold, unknown_left, left, right, value = node
    _finite(value)
    name, bound = f"x{places[int(feature)]}", _finite(threshold)
    low, high = (_source(child, places, leaves, depth + 1) for child in (left, right))
    # An unknown is NaN and fails every comparison, so each node asks the question whose "no" is where it belongs.
    return f"({high} if {name} > {bound} else {low})" if unknown_left else f"({low} if {name} <= {bound} else {high})"


def _compiled(lines: Sequence[str]) -> Callable[[Sequence[float]], Any]:
    """A function of the vector; a fifth of the time that walking the trees as lists takes."""
    unpacked = ", ".join(f"x{place}" for place in range(len(NAMES)))
    names: dict[str, Any] = {}
    source = "\n ".join(["def answer(numbers):", f"{unpacked} = numbers", *lines])
    exec(source, {"__builtins__": {}}, names)  # noqa: S102 - made of numbers only, see `_source`
    answer: Callable[[Sequence[float]], Any] = names["answer"]
    return answer


def _finite(number: Any) -> str:
    """As Python writes it; raises `BadModel` for what is not a finite number."""
    found = float(number)
    if isinstance(number, str) or not isfinite(found):
        raise BadModel("A model's leaves and thresholds are finite numbers.")
    return repr(found)


def _by_amount(moved: tuple[int, float]) -> float:
    return -moved[1]


def logistic(raw: float) -> float:
    """The probability of log-odds; no overflow, however large."""
    if raw >= 0:
        return 1.0 / (1.0 + exp(-min(raw, 700.0)))
    odds = exp(max(raw, -700.0))
    return odds / (1.0 + odds)


def version_of(document: Mapping[str, Any]) -> str:
    """Of the model's content: the same model has the same version wherever it is stored."""
    said = {name: document[name] for name in ("format", "features", "trees", "card")}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]


def new_document(features: Sequence[str], trees: Sequence[Any], card: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a model, with its version."""
    document = {"format": FORMAT, "features": list(features), "trees": list(trees), "card": dict(card)}
    return document | {"version": version_of(document)}
