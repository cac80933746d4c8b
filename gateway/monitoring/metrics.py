"""What is counted, in one place. With PROMETHEUS_MULTIPROC_DIR (set by `gateway serve`) all processes count together."""

import re
from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter, Histogram


class CountedHistogram(Histogram):
    """A histogram that takes observations which were counted elsewhere; the library has it only one by one."""

    @property
    def bounds(self) -> list[float]:
        """The upper bound of each bucket, the last one infinite; each is in its own bucket."""
        return self._upper_bounds

    def observe_counted(self, counts: Sequence[int], total: float) -> None:
        """As many observations in each bucket, which are `total` together."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


ANSWERS: Final = Counter("gateway_webhook_answers_total", "Answers to webhooks.", ["source", "answer"])
"""`answer` is accepted, duplicate, or the reason of the refusal. `source` is "unknown" for a name that is no open source."""

REFUSED: Final = Counter(
    "gateway_webhook_refusals_total", "Refused webhooks by reason and failed check.", ["reason", "check"]
)
REFUSALS_NOT_KEPT: Final = Counter(
    "gateway_refusals_not_kept_total", "Refused webhooks that were counted and left no row: a flood has a bound."
)
_CHECK: Final = re.compile(r"[a-z_]{1,40}")

ACKNOWLEDGED: Final = CountedHistogram(
    "gateway_webhook_seconds",
    "From the first byte read to the answer, for accepted webhooks.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)
SOURCES_NOT_REFRESHED: Final = Counter(
    "gateway_sources_not_refreshed_total",
    "Times that a process could not read the stored sources and kept those it knew.",
)
SETTLED: Final = Counter("gateway_events_settled_total", "Stored events that got an outcome.", ["outcome"])
REMOVED: Final = Counter("gateway_removed_by_age_total", "What retention removed.", ["what"])
"""`what` is bodies, insights or incidents."""
BATCH_EVENTS: Final = Histogram(
    "gateway_apply_batch_events", "Events settled in one database transaction.", buckets=(1, 5, 20, 50, 100, 200, 500)
)
BATCH_SECONDS: Final = Histogram(
    "gateway_apply_batch_seconds", "Time to settle one batch.", buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)
)


def count_refusal(reason: str, check: str, *, kept: bool) -> None:
    """A check is a name out of our code, never a text of the caller's: that bounds the label."""
    REFUSED.labels(reason, check if _CHECK.fullmatch(check) else "other").inc()
    if not kept:
        REFUSALS_NOT_KEPT.inc()
