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
from operator import itemgetter
from typing import Any, Final

from gateway.analysis.vector import NAMES, PLACES
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
            self.places = tuple(PLACES[name] for name in self.features)
            self.card: dict[str, Any] = dict(document["card"])
            self.version = version_of(document)
            self.name = f"{self.card['trained_on']}-{self.version}"
            """As insights name it: what it was trained on, and its version."""
            trees = list(document["trees"])
            if len(trees) > TREES_MAX:
                raise BadModel(f"A model has at most {TREES_MAX} trees.")
            values = [_source(tree, self.places) for tree in trees]
            self._answer = _compiled(["total = 0.0", *[f"total += {tree}" for tree in values], "return total"])
            moves = [line for tree in trees for line in _moves(tree, self.places)]
            moved = [f"m{place}" for place in self.places]
            self._moved = _compiled([*[f"{each} = 0.0" for each in moved], *moves, f"return [{', '.join(moved)}]"])
        except (KeyError, TypeError, ValueError, IndexError) as wrong:
            raise BadModel(f"Not a model of this gateway: {type(wrong).__name__} while reading it.") from wrong
        self.document = dict(document) | {"version": self.version}

    @property
    def currency(self) -> str | None:
        """The only currency it may judge; None: it looks at no absolute amounts and judges all."""
        currency = self.card.get("currency")
        return None if currency is None else str(currency)

    @property
    def simulated(self) -> bool:
        return bool(self.card["trained_on"] == SIMULATED)

    @property
    def support(self) -> float:
        """How sure its labels allow anybody to be: half at most for simulated ones, more the more real frauds it saw."""
        if self.simulated:
            return SIMULATED_SUPPORT
        return min(0.95, 0.5 + float(self.card.get("frauds", 0)) / 1_000)

    def raw(self, numbers: Sequence[float]) -> float:
        """The sum of the trees, in log-odds. `numbers` is a vector in the order of `NAMES`."""
        return float(self._answer(numbers))

    def probability(self, numbers: Sequence[float]) -> float:
        """Between 0 and 1."""
        return logistic(self.raw(numbers))

    def contributions(self, numbers: Sequence[float]) -> dict[str, float]:
        """How far each feature moved the answer, in log-odds, the ones that moved it up most first; only those that did."""
        moved = [each for each in zip(self._moved(numbers), self.features, strict=True) if each[0]]
        moved.sort(key=itemgetter(0), reverse=True)
        return {feature: amount for amount, feature in moved}


def _source(node: Any, places: Sequence[int], depth: int = 0) -> str:
    """One tree as an expression of the leaf's value. Only numbers that were checked get into it, never text of the document."""
    if depth > DEPTH_MAX:
        raise BadModel(f"A tree is at most {DEPTH_MAX} deep.")
    if not isinstance(node, list | tuple):
        return _finite(node)
    question, first, second = _split(node, places)
    yes, no = (_source(child, places, depth + 1) for child in (first, second))
    return f"({yes} if {question} else {no})"


def _moves(node: Any, places: Sequence[int]) -> list[str]:
    """One tree as statements that add to each feature on the way to the leaf how far its split moved the answer: a quarter of
    the time that looking up the leaf's path and adding along it takes."""
    if not isinstance(node, list | tuple):
        return []
    question, first, second = _split(node, places)
    lines: list[str] = []
    for answer, child in ((f"if {question}:", first), ("else:", second)):
        amount = (child[5] if isinstance(child, list | tuple) else child) - node[5]
        moved = f" m{places[int(node[0])]} += {_finite(amount)}"
        lines += [answer, moved, *[f" {line}" for line in _moves(child, places)]]
    return lines


def _split(node: Sequence[Any], places: Sequence[int]) -> tuple[str, Any, Any]:
    """What is asked of the vector, and which child follows a yes, which a no. An unknown is NaN and fails every comparison, so
    each node asks the question whose "no" is where it belongs."""
    feature, threshold, unknown_left, left, right, value = node
    _finite(value)
    name, bound = f"x{places[int(feature)]}", _finite(threshold)
    return (f"{name} > {bound}", right, left) if unknown_left else (f"{name} <= {bound}", left, right)


def _compiled(lines: Sequence[str]) -> Callable[[Sequence[float]], Any]:
    """A function of the vector; a third of the time that walking the trees as lists takes (16 and 46 µs side by side)."""
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
