"""Limits on a real Redis: one count for all processes, and no request that waits for it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis_server import RedisServer, needs_redis, running_redis
from structlog.testing import capture_logs

from gateway.access import shared_counters
from gateway.access.limits import Limits
from gateway.errors import Limited
from gateway.settings import Settings

pytestmark = needs_redis

HIT_S_MAX = 0.05
"""For one hit, on a machine that does other things; a wait for the store would be `STORE_TIMEOUT_S` and more."""


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """Asked again soon after a failure."""
    monkeypatch.setattr(shared_counters, "PAUSE_S", 0.2)
    with running_redis(tmp_path) as server:
        yield server


def limits_on(redis: RedisServer, **fields: Any) -> Limits:
    return Limits(Settings(_env_file=None, rate_limit_storage_url=redis.url, **fields))


def is_limited(limits: Limits, key: str = "key-1") -> bool:
    """One hit more; and it took no time to speak of."""
    began_at = time.monotonic()
    try:
        limits.hit("api", key)
    except Limited:
        return True
    finally:
        assert time.monotonic() - began_at < HIT_S_MAX
    return False


def soon(true: Callable[[], bool]) -> bool:
    """Whether it becomes true within seconds."""
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        if true():
            return True
        time.sleep(0.1)
    return False


def settle() -> None:
    """Longer than it takes until what was counted is told and heard."""
    time.sleep(0.3)


def test_two_processes_share_one_count(redis: RedisServer) -> None:
    """What one let through is missing from the other's allowance; the end of the window is told to both."""
    here, there = limits_on(redis, rate_limit_api="10/hour"), limits_on(redis, rate_limit_api="10/hour")
    assert not any(is_limited(here) for _ in range(6))
    settle()
    assert not is_limited(there)  # which makes it ask, and learn of the six
    settle()
    assert [is_limited(there) for _ in range(4)] == [False, False, False, True]
    settle()
    assert not is_limited(here, key="another key")
    assert soon(lambda: is_limited(here))
    with pytest.raises(Limited) as limited:
        here.hit("api", "key-1")
    assert 3_500 < (limited.value.retry_after_s or 0) <= 3_600


def test_the_window_ends_for_both(redis: RedisServer) -> None:
    """A full count is forgotten by everyone when its time is over."""
    here, there = limits_on(redis, rate_limit_api="2/2second"), limits_on(redis, rate_limit_api="2/2second")
    assert [is_limited(here) for _ in range(3)] == [False, False, True]
    assert soon(lambda: is_limited(there))
    assert soon(lambda: not is_limited(there))
    assert soon(lambda: not is_limited(here))


def test_the_end_of_a_window_is_the_one_of_who_began_it(redis: RedisServer) -> None:
    """`Retry-After` of a process that came late tells what is left, not a window of its own."""
    here, there = limits_on(redis, rate_limit_api="3/8second"), limits_on(redis, rate_limit_api="3/8second")
    assert not is_limited(here)
    time.sleep(3)
    assert not is_limited(there)
    settle()
    assert [is_limited(there) for _ in range(2)] == [False, True]
    with pytest.raises(Limited) as limited:
        there.hit("api", "key-1")
    assert (limited.value.retry_after_s or 0) <= 6


def test_a_store_that_dies_leaves_each_process_its_own_count(redis: RedisServer) -> None:
    """Traffic passes without a delay, the limit still stands, and the log says it once, not once a request."""
    limits = limits_on(redis, rate_limit_api="50/hour")
    assert not is_limited(limits)
    settle()
    redis.kill()
    with capture_logs() as said:
        for _ in range(40):
            assert not is_limited(limits)
            time.sleep(0.01)
        assert soon(lambda: len(said) == 1)
        assert [is_limited(limits) for _ in range(10)][-1]
    (told,) = said
    assert (told["event"], told["log_level"]) == ("limits.store_down", "warning")
    assert redis.url not in str(told)


def test_a_store_that_hangs_delays_nobody(redis: RedisServer) -> None:
    """It takes connections and answers nothing: only the thread that tells it waits."""
    limits = limits_on(redis, rate_limit_api="1000/hour")
    assert not is_limited(limits)
    settle()
    redis.freeze()
    try:
        for _ in range(100):
            assert not is_limited(limits)
            time.sleep(0.01)
    finally:
        redis.thaw()


def test_a_store_that_comes_back_is_asked_again(redis: RedisServer) -> None:
    """After the pause, without a restart: who was alone for a while hears of the others again."""
    here, there = limits_on(redis, rate_limit_api="200/hour"), limits_on(redis, rate_limit_api="200/hour")
    redis.kill()
    assert not is_limited(here)
    settle()
    redis.start()
    settle()
    assert not any(is_limited(there) for _ in range(199))
    assert soon(lambda: is_limited(here))  # asked a hundred times at most


def test_a_store_that_was_never_there_does_not_stop_the_start(redis: RedisServer) -> None:
    """The gateway serves without it."""
    redis.kill()
    limits = limits_on(redis, rate_limit_api="2/hour")
    assert [is_limited(limits) for _ in range(3)] == [False, False, True]


def test_what_waits_to_be_told_is_bounded(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attacker with many addresses buys neither memory nor many questions; beyond the bound it is counted here."""
    monkeypatch.setattr(shared_counters, "UNTOLD_MAX", 10)
    limits = limits_on(redis, rate_limit_api="1/hour")
    for number in range(1_000):
        assert not is_limited(limits, f"key-{number}")
    assert len(limits._limiter.limiter.storage._untold) <= 10
    assert is_limited(limits, "key-999")
