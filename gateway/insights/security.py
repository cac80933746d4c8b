"""Counts of refusals → what somebody may be trying: unusually many of a kind, at one source, within a few minutes.

Pure: the counts come in, the verdict and the document of the `security_insights` collection go out.

    _id, kind, source, at, since, until, ended_at, count, peak, usual, limit, severity, summary, recommendation,
    networks and checks (each [{name, count}] among the `rows` that were looked at), open ("<kind>:<source>" while it lasts)
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

WINDOW_S: Final = 300
USUAL_WINDOWS: Final = 72
"""Earlier windows that say what is usual: six hours."""
TIMES_USUAL: Final = 5
OVER_BELOW: Final = 0.5
"""A spike is over when a window holds less than this part of the limit that it broke, so that it does not flicker."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`reasons` are counted together; a window is unusual from `at_least` on, however quiet the hours before were."""

    name: str
    reasons: frozenset[str]
    at_least: int
    severity: str
    what: str
    recommendation: str


KINDS: Final = (
    Kind(
        "forgeries",
        frozenset({"signature"}),
        50,
        "critical",
        "deliveries with a missing or wrong signature",
        "If they come from the provider, a secret was rotated on one side only: compare its dashboard with this source's "
        "secrets. If not, somebody is guessing: nothing got in; refuse the networks named here in front of the gateway.",
    ),
    Kind(
        "replays",
        frozenset({"stale"}),
        50,
        "warning",
        "deliveries signed too long ago or in the future",
        "Compare this machine's clock with the provider's. If both are right, somebody sends recorded deliveries again: "
        "rotate the source's secret if they carry good signatures from strange networks.",
    ),
    Kind(
        "conflicts",
        frozenset({"conflict"}),
        5,
        "critical",
        "deliveries with a good signature, a used id and other content",
        "Whoever sent them holds a secret of this source. Ask the provider whether it changes events it has sent; if not, "
        "rotate the secret now. The contents are kept as incidents and were not applied.",
    ),
    Kind(
        "duplicates",
        frozenset({"duplicate"}),
        2_000,
        "warning",
        "deliveries that were stored before",
        "Nothing was booked twice. A provider repeats what it believes lost: look whether it gets our answers in time; "
        "recorded deliveries sent again within their window look the same.",
    ),
    Kind(
        "limited",
        frozenset({"limited"}),
        100,
        "warning",
        "deliveries over the rate of their source",
        "They were answered 429 and come again later. Raise the source's rate if the traffic is wanted.",
    ),
    Kind(
        "probing",
        frozenset(
            {"unknown_source", "wrong_method", "wrong_media_type", "bad_request", "not_json", "too_large", "slow_body"}
        ),
        200,
        "warning",
        "requests that no provider would make",
        "Nothing got in. Refuse the networks named here in front of the gateway if it goes on.",
    ),
)
KIND_OF_REASON: Final = {reason: kind for kind in KINDS for reason in kind.reasons}


def limit_of(kind: Kind, earlier: Sequence[int]) -> tuple[float, int]:
    """What is usual (the median of the earlier windows' counts, empty ones left out of the list being zero) and from which
    count on a window is unusual. A median: single bursts among the hours before do not raise it."""
    counts = list(earlier[:USUAL_WINDOWS]) + [0] * (USUAL_WINDOWS - len(earlier))
    usual = median(counts)
    return usual, max(kind.at_least, math.ceil(TIMES_USUAL * usual))


def insight_id(kind: str, source: str, since: datetime) -> str:
    """The same for the same spike, whoever finds it first."""
    return "sec_" + hashlib.sha256(f"{kind}:{source}:{int(since.timestamp())}".encode()).hexdigest()[:32]


def new_insight(
    kind: Kind, source: str, *, since: datetime, now: datetime, count: int, usual: float, limit: int
) -> dict[str, Any]:
    """The document of a spike that has just been found, in the window from `since` to `now`."""
    return {
        "_id": insight_id(kind.name, source, since),
        "kind": kind.name,
        "source": source,
        "at": now,
        "since": since,
        "ended_at": None,
        "usual": usual,
        "limit": limit,
        "severity": kind.severity,
        "recommendation": kind.recommendation,
        "open": open_name(kind.name, source),
        "until": now,
        "count": count,
        "peak": count,
    }


def summary(kind: Kind, insight: Mapping[str, Any]) -> str:
    """One sentence. "At least": what a process counted in the moment before it was killed is not in it."""
    minutes = max(1, round((insight["until"] - insight["since"]).total_seconds() / 60))
    return (
        f"At least {insight['count']} {kind.what} at {insight['source']} within {minutes} min; "
        f"usual are {insight['usual']:g} in {WINDOW_S // 60} min."
    )


def is_over(insight: Mapping[str, Any], count: int) -> bool:
    """Measured by the limit that was broken, not by today's: an attack of hours does not become usual while it lasts."""
    return count < OVER_BELOW * float(insight["limit"])


def open_name(kind: str, source: str) -> str:
    return f"{kind}:{source}"
