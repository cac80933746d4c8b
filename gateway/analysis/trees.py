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
from collections.abc import Callable, Mapping, Sequence
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
            self._nested = list(document["trees"])
            if len(self._nested) > TREES_MAX:
                raise BadModel(f"A model has at most {TREES_MAX} trees.")
            self._answer = _compiled([self._source(tree) for tree in self._nested])
        except (KeyError, TypeError, ValueError, IndexError) as wrong:
            raise BadModel(f"Not a model of this gateway: {type(wrong).__name__} while reading it.") from wrong
        self.document = dict(document) | {"version": self.version}

    @property
    def name(self) -> str:
        """As insights name it: what it was trained on, and its version."""
        return f"{self.card['trained_on']}-{self.version}"

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
        return self._answer(numbers)

    def probability(self, numbers: Sequence[float]) -> float:
        """Between 0 and 1."""
        return logistic(self.raw(numbers))

    def contributions(self, numbers: Sequence[float]) -> dict[str, float]:
        """How far each feature moved the answer, in log-odds, the features that moved it up most first."""
        moved: dict[int, float] = {}
        for tree in self._nested:
            node = tree
            while node.__class__ is list:
                feature, threshold, unknown_left, left, right, value = node
                number = numbers[self.places[feature]]
                goes_left = number <= threshold or (unknown_left and number != number)
                node = left if goes_left else right
                after = node[5] if node.__class__ is list else node
                moved[feature] = moved.get(feature, 0.0) + after - value
        ranked = sorted(moved.items(), key=_by_amount)
        return {self.features[feature]: amount for feature, amount in ranked}

    def _source(self, node: Any, depth: int = 0) -> str:
        """One tree as an expression. Only numbers that were checked get into it, never text of the document."""
        if depth > DEPTH_MAX:
            raise BadModel(f"A tree is at most {DEPTH_MAX} deep.")
        if not isinstance(node, list | tuple):
            return _finite(node)
        feature, threshold, unknown_left, left, right, value = node
        _finite(value)
        name, bound = f"x{self.places[int(feature)]}", _finite(threshold)
        low, high = self._source(left, depth + 1), self._source(right, depth + 1)
        # An unknown is NaN and fails every comparison, so each node asks the question whose "no" is where it belongs.
        return f"({high} if {name} > {bound} else {low})" if unknown_left else f"({low} if {name} <= {bound} else {high})"


def _compiled(trees: Sequence[str]) -> Callable[[Sequence[float]], float]:
    """The trees as one function: 7 µs for 60 of them, where walking them as lists takes 30."""
    lines = [
        "def answer(numbers):",
        f" {', '.join(f'x{place}' for place in range(len(NAMES)))} = numbers",
        " total = 0.0",
        *[f" total += {tree}" for tree in trees],
        " return total",
    ]
    names: dict[str, Any] = {}
    exec("\n".join(lines), {"__builtins__": {}}, names)  # noqa: S102 - made of numbers only, see `_source`
    answer: Callable[[Sequence[float]], float] = names["answer"]
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
