"""How events really arrive: some twice, some late, a refund now and then before its own capture."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from simulators.traffic.item import Item

WINDOW: Final = 20
"""How many places an event may be moved, and how long after the first copy its repetition may come."""


@dataclass(frozen=True, slots=True)
class Send:
    """One posting of an item; `copy` is 0 for the first, 1 for a provider's repetition of it."""

    item: Item
    copy: int = 0


def plan_deliveries(
    items: Sequence[Item], *, seed: int, duplicates: float = 0.0, reorder: float = 0.0, window: int = WINDOW
) -> list[Send]:
    """The order of postings: every item once, a share `duplicates` twice, a share `reorder` out of order.

    A reordered refund goes right before the capture it needs; anything else moves up to `window` places. A copy follows
    its original within `window` places and is signed anew when it is sent, as a provider's retry is.
    """
    random = Random(f"{seed}:delivery")
    captures = {item.effect.key: place for place, item in reversed(list(enumerate(items))) if item.effect}
    placed: list[tuple[float, Send]] = []
    for place, item in enumerate(items):
        at = float(place)
        if random.random() < reorder:
            at = _moved(random, item, captures, place, window)
        placed.append((at, Send(item)))
        if random.random() < duplicates:
            placed.append((at + random.uniform(0.5, window), Send(item, copy=1)))
    return [send for _, send in sorted(placed, key=lambda pair: pair[0])]


def _moved(random: Random, item: Item, captures: dict[str, int], place: int, window: int) -> float:
    needed = captures.get(item.effect.needs) if item.effect and item.effect.needs else None
    return needed - 0.5 if needed is not None else place + random.uniform(-window, window)
