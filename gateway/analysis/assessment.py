"""Features → Assessment: the score, what it means, and how much the past supports it."""

from dataclasses import dataclass
from typing import Final, Literal

from gateway.analysis.features import Features
from gateway.analysis.model import MODEL, Reason, reasons

Level = Literal["low", "medium", "high", "critical"]

SCORE_MAX: Final = 100
LEVELS: Final[tuple[tuple[int, Level], ...]] = ((80, "critical"), (60, "high"), (30, "medium"), (0, "low"))
"""The lowest score of each level."""
FULL_HISTORY: Final = 50
FULL_DAYS: Final = 14
CONFIDENCE_MAX: Final = 0.95
"""Rules are never certain."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The score is the sum of the reasons' points, at most 100; `confidence` (0–1) says how much history it has."""

    score: int
    level: Level
    reasons: tuple[Reason, ...]
    confidence: float
    model: str = MODEL


def assess(seen: Features) -> Assessment:
    """Pure and total: the same features give the same assessment."""
    found = reasons(seen)
    score = min(SCORE_MAX, sum(reason.points for reason in found))
    return Assessment(score, level_of(score), found, confidence(seen))


def level_of(score: int) -> Level:
    for lowest, level in LEVELS:
        if score >= lowest:
            return level
    return "low"


def confidence(seen: Features) -> float:
    """0 without history, rising with its length (60 %) and the days it covers (40 %), never above `CONFIDENCE_MAX`."""
    movements = min(1.0, seen.history / FULL_HISTORY)
    days = min(1.0, seen.age_days / FULL_DAYS)
    return round(min(CONFIDENCE_MAX, 0.6 * movements + 0.4 * days), 2)
