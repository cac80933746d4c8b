"""Does the time of a refusal tell how much of a guessed signature was right? Measured so that a busy machine does not matter.

All guesses are tried in turn, in a new order each round, so that what slows the machine down slows all of them. Compared
is a low quantile of each: noise only ever adds time. A spread beyond the bound is measured again with more rounds, since a
leak stays and noise does not.
"""

import gc
import random
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter_ns
from typing import Final

QUANTILES: Final = (0.2, 0.5)
ATTEMPTS_MAX: Final = 4

Try = Callable[[], object]


def spread(guesses: Mapping[int, Try], *, rounds: int) -> float:
    """How far the slowest guess lies above the fastest, as a share of its time: the smaller of that at two quantiles."""
    taken: dict[int, list[int]] = {guess: [] for guess in guesses}
    order = list(guesses.items())
    shuffle = random.Random(0).shuffle
    gc.disable()
    try:
        for _ in range(rounds):
            shuffle(order)
            for guess, attempt in order:
                began_at = perf_counter_ns()
                attempt()
                taken[guess].append(perf_counter_ns() - began_at)
    finally:
        gc.enable()
    return min(_relative([quantile(each, at) for each in taken.values()]) for at in QUANTILES)


def smallest_spread(guesses: Mapping[int, Try], *, rounds: int, bound: float) -> float:
    """As soon as it is below `bound`; otherwise the smallest of all attempts, each with twice the rounds of the one before."""
    found = []
    for attempt in range(ATTEMPTS_MAX):
        found.append(spread(guesses, rounds=rounds << attempt))
        if found[-1] <= bound:
            break
    return min(found)


def quantile(values: Sequence[int], at: float) -> int:
    return sorted(values)[int(len(values) * at)]


def _relative(times: Sequence[int]) -> float:
    return (max(times) - min(times)) / min(times)
