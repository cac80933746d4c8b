"""What an answer rests on: told with every answer to an agent, so that a figure without events behind it is seen as such."""

from datetime import datetime

from gateway.queries.reading import Answer


class Basis(Answer):
    """The period looked at, how many stored records the answer was computed from, and whose scores are in it."""

    since: datetime | None
    """Null: since the first record."""
    until: datetime
    events: int
    """Stored events, transactions or records that were looked at."""
    model: str | None
    """Version of the scorer whose scores are part of the answer; null when none are."""
