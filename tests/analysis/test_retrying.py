"""Attempts within one deadline, without a network."""

import asyncio
import time

import pytest

from gateway.analysis.prompt import Answer, NotAnswered
from gateway.analysis.retrying import ATTEMPTS_MAX, within_deadline

ANSWER = Answer(headline="Much.", explanation="Very much.", advice="review")


class Model:
    """Raises what it is given, one failure per attempt, then answers."""

    def __init__(self, *failures: NotAnswered, takes_s: float = 0.0) -> None:
        self.failures = list(failures)
        self.takes_s = takes_s
        self.asked = 0

    async def __call__(self) -> Answer:
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        if self.failures:
            raise self.failures.pop(0)
        return ANSWER


def test_an_answer_is_given_through() -> None:
    """One attempt, no pause."""
    model = Model()
    assert asyncio.run(within_deadline(model, deadline_s=5)) is ANSWER
    assert model.asked == 1


def test_an_attempt_that_never_ends_meets_the_deadline() -> None:
    """Whatever the transport's own timeouts do."""
    started = time.monotonic()
    with pytest.raises(NotAnswered, match="deadline"):
        asyncio.run(within_deadline(Model(takes_s=30), deadline_s=0.2))
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("again", ["later", "never"])
def test_a_failure_that_a_pause_cannot_mend_is_raised_at_once(again: str) -> None:
    """Refusals and unusable answers are not repeated."""
    model = Model(NotAnswered("blocked", again=again))  # type: ignore[arg-type]
    with pytest.raises(NotAnswered, match="blocked"):
        asyncio.run(within_deadline(model, deadline_s=5))
    assert model.asked == 1


def test_attempts_are_bounded() -> None:
    """The last failure is the one that is told."""
    failures = [NotAnswered(f"http_50{number}", again="now") for number in range(ATTEMPTS_MAX + 2)]
    model = Model(*failures)
    with pytest.raises(NotAnswered, match=f"http_50{ATTEMPTS_MAX - 1}"):
        asyncio.run(within_deadline(model, deadline_s=30))
    assert model.asked == ATTEMPTS_MAX
