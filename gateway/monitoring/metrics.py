"""What is counted, in one place. With PROMETHEUS_MULTIPROC_DIR (set by `gateway serve`) all processes count together."""

from typing import Final

from prometheus_client import Counter, Histogram

ANSWERS: Final = Counter("gateway_webhook_answers_total", "Answers to webhooks.", ["source", "answer"])
"""`answer` is accepted, duplicate, or the reason of the refusal. `source` is "unknown" for a name that is no open source."""

ACKNOWLEDGED: Final = Histogram(
    "gateway_webhook_seconds",
    "From the first byte read to the answer, for accepted webhooks.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)
SETTLED: Final = Counter("gateway_events_settled_total", "Stored events that got an outcome.", ["outcome"])
BATCH_EVENTS: Final = Histogram(
    "gateway_apply_batch_events", "Events settled in one database transaction.", buckets=(1, 5, 20, 50, 100, 200, 500)
)
BATCH_SECONDS: Final = Histogram(
    "gateway_apply_batch_seconds", "Time to settle one batch.", buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)
)
