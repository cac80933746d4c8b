"""Which stored events are meant: the filters of `gateway events list` and `replay` and of `GET /events`, read strictly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway.errors import BadRequest
from gateway.queries.period import moment

OUTCOMES: Final = ("waiting", "applied", "parked", "rejected", "stale", "ignored")
FILTERS: Final = frozenset({"source", "type", "outcome", "reason", "since", "until"})
TEXT_CHARS_MAX: Final = 100
STARS_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class EventFilter:
    """All that are given must hold. `since` is included, `until` is not; both are compared with the time of arrival."""

    source: str | None = None
    type: str | None = None
    """A glob: * stands for any characters, ? for one."""
    outcome: str | None = None
    reason: str | None = None
    """A part of the reason, in capital or small letters."""
    since: datetime | None = None
    until: datetime | None = None

    def to_document(self) -> dict[str, str]:
        """What was asked for, as it is noted with an act."""
        times = {"since": self.since, "until": self.until}
        texts = {"source": self.source, "type": self.type, "outcome": self.outcome, "reason": self.reason}
        return {
            **{name: text for name, text in texts.items() if text is not None},
            **{name: at.isoformat() for name, at in times.items() if at is not None},
        }

    def conditions(self) -> list[dict[str, Any]]:
        """On a stored event, all but the times."""
        wanted: list[dict[str, Any]] = []
        if self.source is not None:
            wanted.append({"source": self.source})
        if self.outcome == "waiting":
            wanted.append({"outcome": None})
        elif self.outcome is not None:
            wanted.append({"outcome": self.outcome})
        if self.type is not None:
            wanted.append({"type": {"$regex": glob_pattern(self.type)}})
        if self.reason is not None:
            wanted.append({"reason": {"$regex": re.escape(self.reason), "$options": "i"}})
        return wanted


def event_filter(given: Mapping[str, str | None]) -> EventFilter:
    """From texts by name; None and what is missing do not filter. Raises `BadRequest`."""
    texts = {name: text for name, text in given.items() if text is not None}
    for name, text in texts.items():
        if not 0 < len(text) <= TEXT_CHARS_MAX or not text.isprintable():
            raise BadRequest(f"{name} is 1 to {TEXT_CHARS_MAX} printable characters.")
    outcome = texts.get("outcome")
    if outcome is not None and outcome not in OUTCOMES:
        raise BadRequest(f"outcome is one of: {', '.join(OUTCOMES)}.")
    if texts.get("type", "").count("*") > STARS_MAX:
        raise BadRequest(f"type has at most {STARS_MAX} stars.")
    return EventFilter(
        source=texts.get("source"),
        type=texts.get("type"),
        outcome=outcome,
        reason=texts.get("reason"),
        since=_moment(texts, "since"),
        until=_moment(texts, "until"),
    )


def glob_pattern(glob: str) -> str:
    """The glob as a regular expression that never goes back: between two stars the first match will do, and only the last
    part has to be where the text ends. So the time it takes grows with the text, not with a power of it."""
    first, *rest = (_literal(part) for part in glob.split("*"))
    if not rest:
        return f"^{first}\\z"
    *middle, last = rest
    return f"^{first}" + "".join(f"(?>.*?{part})" for part in middle if part) + f".*{last}\\z"


def _literal(part: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in part)


def _moment(texts: Mapping[str, str], name: str) -> datetime | None:
    try:
        return moment(texts[name]) if name in texts else None
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} is an ISO date or time, UTC unless it says otherwise: 2026-11-21T10:00.") from None
