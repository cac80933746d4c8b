"""One question through the real SDK: each failure has one name, whatever the SDK or its transport raise."""

import asyncio
import time

import pytest

from gateway.analysis.gemini import RETRY_AFTER_MAX_S, Gemini
from gateway.analysis.prompt import EVENT, NotAnswered, Prompt
from gateway.analysis.summary_prompt import SUMMARY
from simulators.gemini import ModelEndpoint

FACTS = '{"score":65,"confidence":0.5,"reasons":[]}'


def failure(url: str, *, timeout_s: float = 5.0, prompt: Prompt = EVENT) -> NotAnswered:
    async def go() -> None:
        gemini = Gemini(api_key="any", model="gemini-2.5-flash", base_url=url, timeout_s=timeout_s)
        try:
            await gemini.ask(FACTS, instruction=prompt.instruction, answer=prompt.answer)
        finally:
            await gemini.aclose()

    with pytest.raises(NotAnswered) as failed:
        asyncio.run(go())
    return failed.value


def test_silence_is_a_timeout(endpoint: ModelEndpoint, endpoint_url: str) -> None:
    """The transport's timeout is neither the SDK's error nor Python's own."""
    endpoint.next_faults.append("timeout")
    started = time.monotonic()
    failed = failure(endpoint_url, timeout_s=0.3)
    assert (failed.reason, failed.again) == ("timeout", "now")
    assert time.monotonic() - started < 10


def test_nobody_there_is_unreachable() -> None:
    """A refused connection may be a restart: worth a pause."""
    failed = failure("http://127.0.0.1:9")
    assert (failed.reason, failed.again) == ("unreachable", "now")


@pytest.mark.parametrize(
    ("fault", "reason", "again"),
    [
        ("429", "http_429", "now"),
        ("500", "http_500", "now"),
        ("503", "http_503", "now"),
        ("dropped", "unreachable", "now"),
        ("garbage", "not_json", "never"),
        ("403", "http_403", "later"),
        ("redirect", "http_307", "later"),
        ("truncated", "truncated", "never"),
        ("blocked", "blocked", "never"),
        ("wrong_shape", "wrong_shape", "never"),
        ("not_json", "not_json", "never"),
    ],
)
@pytest.mark.parametrize("prompt", [EVENT, SUMMARY], ids=["event", "summary"])
def test_every_fault_has_its_name(
    endpoint: ModelEndpoint, endpoint_url: str, fault: str, reason: str, again: str, prompt: Prompt
) -> None:
    """And says whether to ask again now, later or never."""
    endpoint.next_faults.append(fault)
    failed = failure(endpoint_url, prompt=prompt)
    assert (failed.reason, failed.again) == (reason, again)


def test_the_services_own_words_are_not_repeated(endpoint: ModelEndpoint, endpoint_url: str) -> None:
    """They may quote the request; the reason is all that is told, with no cause chained to it."""
    endpoint.next_faults.append("403")
    failed = failure(endpoint_url)
    assert str(failed) == "http_403"
    assert failed.__cause__ is None
    assert failed.__suppress_context__


@pytest.mark.parametrize(("wish", "kept"), [(7, 7.0), (10**9, RETRY_AFTER_MAX_S), (0, 0.0)])
def test_the_pause_that_is_asked_for_is_read_and_bounded(
    endpoint: ModelEndpoint, endpoint_url: str, wish: int, kept: float
) -> None:
    """A service cannot silence us for years."""
    endpoint.retry_after_s = wish
    endpoint.next_faults.append("429")
    assert failure(endpoint_url).retry_after_s == kept
