"""When refusals are a spike, and what is said about it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Refusal
from gateway.insights.security import (
    KIND_OF_REASON,
    KINDS,
    TIMES_USUAL,
    USUAL_WINDOWS,
    insight_id,
    is_over,
    limit_of,
    new_insight,
    summary,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FORGERIES = KINDS[0]


def test_a_quiet_source_has_the_limit_of_its_kind() -> None:
    """No history at all is as quiet as an empty one."""
    assert limit_of(FORGERIES, []) == (0, 50)
    assert limit_of(FORGERIES, [0] * USUAL_WINDOWS) == (0, 50)


def test_a_source_that_is_always_refused_much_has_a_higher_limit() -> None:
    """Five times what is usual there."""
    assert limit_of(FORGERIES, [40] * USUAL_WINDOWS) == (40, 200)


@given(
    st.lists(st.integers(0, 20), min_size=USUAL_WINDOWS, max_size=USUAL_WINDOWS),
    st.integers(0, 35),
    st.integers(0, 10**6),
)
def test_bursts_in_less_than_half_of_the_windows_change_little(earlier: list[int], bursts: int, size: int) -> None:
    """The attack of this morning does not hide the one of this afternoon."""
    _, limit = limit_of(FORGERIES, [size] * bursts + earlier[bursts:])
    assert limit <= max(FORGERIES.at_least, TIMES_USUAL * 20)


def test_a_spike_ends_well_below_the_limit_that_it_broke() -> None:
    """It does not begin and end with each delivery around the limit, and does not become usual."""
    insight = new_insight(FORGERIES, "stripe", since=NOW, now=NOW, count=60, usual=0, limit=50)
    assert not is_over(insight, 25)
    assert is_over(insight, 24)


def test_the_same_spike_has_the_same_id() -> None:
    """Whoever finds it; another source, kind or window is another one."""
    ids = {
        insight_id(kind, source, since)
        for kind in ("forgeries", "replays")
        for source in ("stripe", "standard")
        for since in (NOW, NOW + timedelta(minutes=1))
    }
    assert len(ids) == 8
    assert insight_id("forgeries", "stripe", NOW) in ids


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_says_what_and_what_to_do(kind: object) -> None:
    """In one sentence each, with the figures."""
    assert isinstance(kind, type(FORGERIES))
    insight = new_insight(kind, "stripe", since=NOW, now=NOW + timedelta(minutes=5), count=73, usual=2.5, limit=50)
    text = summary(kind, insight)
    assert text.startswith("At least 73 ")
    assert text.endswith("at stripe within 5 min; usual are 2.5 in 5 min.")
    assert len(kind.recommendation) > 40


def _reasons(of: type[Refusal]) -> set[str]:
    return {of.reason}.union(*(_reasons(sub) for sub in of.__subclasses__()))


def test_every_reason_that_is_counted_exists() -> None:
    """A renamed refusal would silently never be a spike."""
    assert set(KIND_OF_REASON) - _reasons(Refusal) == {"duplicate"}
