"""The two counters that keep the model from being asked too often."""

from gateway.analysis.budget import Breaker, Budget


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_budget_lets_its_number_through_in_any_minute() -> None:
    """The third request of a budget of two waits for the first to be a minute old."""
    clock = Hands()
    budget = Budget(2, clock=clock)
    assert budget.take()
    clock.now += 20
    assert budget.take()
    assert not budget.take()
    assert budget.wait_s() == 40
    clock.now += 40
    assert budget.take()


def test_a_budget_of_nothing_never_opens() -> None:
    """Zero requests per minute switch the model off."""
    budget = Budget(0, clock=Hands())
    assert budget.wait_s() == 60
    assert not budget.take()


def test_a_clock_that_is_set_back_does_not_stop_the_budget_for_long() -> None:
    """The wait never exceeds the minute."""
    clock = Hands()
    budget = Budget(1, clock=clock)
    budget.take()
    clock.now -= 100_000
    assert budget.wait_s() == 60


def test_the_breaker_opens_after_failures_in_a_row_and_for_longer_each_time() -> None:
    """Five failures, a pause; one more failure, twice the pause; never more than the bound."""
    clock = Hands()
    breaker = Breaker(clock=clock)
    for _ in range(Breaker.FAILURES_MAX - 1):
        breaker.failed()
    assert breaker.wait_s() == 0
    breaker.failed()
    assert breaker.wait_s() == Breaker.OPEN_S
    clock.now += Breaker.OPEN_S
    assert breaker.wait_s() == 0
    breaker.failed()
    assert breaker.wait_s() == 2 * Breaker.OPEN_S
    for _ in range(2_000):
        breaker.failed()
    assert breaker.wait_s() == Breaker.OPEN_S_MAX


def test_a_success_closes_the_breaker() -> None:
    """Only failures in a row count."""
    breaker = Breaker(clock=Hands())
    for _ in range(Breaker.FAILURES_MAX):
        breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.wait_s() == 0


def test_the_services_wish_opens_the_breaker_at_once() -> None:
    """A `Retry-After` or a refused key is not asked about five times."""
    breaker = Breaker(clock=Hands())
    breaker.failed(at_least_s=17)
    assert breaker.wait_s() == 17
