"""Which rows are trained on and tested on: the protocol of the Fraud Detection Handbook, written from its description.

Train on 7 days, wait 7 days until those labels are known, test on the 7 days after. Cards known to be compromised are
blocked and so not in the test: those with a fraud in the training week, and on each test day those whose fraud has become
known by then (a fraud is known after the delay). A is one such split; B the mean of four, each a week after the one before.

Source: Le Borgne, Siblini, Lebichot, Bontempi, "Reproducible Machine Learning for Credit Card Fraud Detection – Practical
Handbook" (2022), chapters 3 (baseline) and 5 (prequential validation).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gateway.analysis.learning.stream import DELAY_DAYS, Seen

Name = Literal["A", "B"]

TRAIN_DAYS: Final = 7
TEST_DAYS: Final = 7
FOLDS: Final = 4
FOLD_SHIFT_DAYS: Final = 7
START_DAY: Final = 115


@dataclass(frozen=True, slots=True)
class Fold:
    """One split; `start` is the first day of training, counted from 0."""

    start: int

    @property
    def test_start(self) -> int:
        return self.start + TRAIN_DAYS + DELAY_DAYS

    @property
    def test_end(self) -> int:
        """The day after the last."""
        return self.test_start + TEST_DAYS

    def trains_on(self, day: int) -> bool:
        return self.start <= day < self.start + TRAIN_DAYS

    def tests_on(self, day: int) -> bool:
        return self.test_start <= day < self.test_end

    def wants(self, day: int) -> bool:
        return self.start <= day < self.test_end

    def train(self, seen: Iterable[Seen]) -> list[Seen]:
        return [each for each in seen if self.trains_on(each.day)]

    def test(self, seen: Sequence[Seen]) -> list[Seen]:
        """The rows of the test week, without the cards that are known by then."""
        known_on: dict[str, int] = {}
        for each in seen:
            if each.fraud and each.day >= self.start:
                known_on.setdefault(each.customer, self._known_on(each.day))
        late = self.test_end
        return [each for each in seen if self.tests_on(each.day) and known_on.get(each.customer, late) > each.day]

    def _known_on(self, day: int) -> int:
        """The test day on which a card is blocked whose first fraud since the start of training was on `day`."""
        return self.test_start if self.trains_on(day) else day + DELAY_DAYS + 1


def folds(name: Name, start_day: int) -> tuple[Fold, ...]:
    """The splits of a protocol."""
    count = FOLDS if name == "B" else 1
    return tuple(Fold(start_day + FOLD_SHIFT_DAYS * number) for number in range(count))
