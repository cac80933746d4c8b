"""Retries of one question within one deadline: only failures that a pause may mend, and only while time is left."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_exponential_jitter

from gateway.analysis.prompt import Answer, NotAnswered

ATTEMPTS_MAX: Final = 3
_backoff_s: Final = wait_exponential_jitter(initial=0.5, max=8.0, jitter=0.5)


async def within_deadline(ask_once: Callable[[], Awaitable[Answer]], *, deadline_s: float) -> Answer:
    """The answer of at most `ATTEMPTS_MAX` attempts, all over within `deadline_s`. Raises `NotAnswered`.

    A pause that would end after the deadline is not waited for: the failure is raised at once, with its wish.
    """
    retrying = AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS_MAX) | stop_before_delay(deadline_s),
        wait=_pause_s,
        retry=retry_if_exception(_worth_a_pause),
        reraise=True,
    )
    try:
        async with asyncio.timeout(deadline_s):
            answer: Answer = await retrying(ask_once)
    except TimeoutError:
        raise NotAnswered("deadline", again="now") from None
    return answer


def _worth_a_pause(failure: BaseException) -> bool:
    return isinstance(failure, NotAnswered) and failure.again == "now"


def _pause_s(state: RetryCallState) -> float:
    """The backoff, or the service's own wish if that is longer."""
    failure = state.outcome.exception() if state.outcome else None
    wish_s = failure.retry_after_s if isinstance(failure, NotAnswered) else 0.0
    return max(wish_s, _backoff_s(state))
