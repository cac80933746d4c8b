"""Features and the model's word → Assessment: the score, what it means, what to do, and how much the past supports it."""

from itertools import pairwise
from typing import Final, Literal, NamedTuple

from gateway.analysis.features import Features
from gateway.analysis.judgement import EXPLAIN_FROM, Judgement, reason
from gateway.analysis.model import MODEL, Reason, by_points, reasons

Level = Literal["low", "medium", "high", "critical"]
Recommendation = Literal["none", "review", "block"]

SCORE_MAX: Final = 100
LEVELS: Final[tuple[tuple[int, Level], ...]] = ((80, "critical"), (60, "high"), (30, "medium"), (0, "low"))
"""The lowest score of each level."""
REVIEW_FROM: Final = 0.1
BLOCK_FROM: Final = 0.9
"""By cost: a look costs a tenth of an average fraud, a wrongly blocked payment nine times what a missed fraud does."""
SCORES: Final = ((0.0, 0), (REVIEW_FROM, 30), (0.5, 60), (BLOCK_FROM, 80), (1.0, SCORE_MAX))
"""Which score a probability is, straight lines between: worth a review is medium, more likely than not is high."""
SIMULATED_MAX: Final = 59
"""A model of simulated labels may call for a look (level medium) and for no more: it takes what is new to it for fraud."""
FULL_HISTORY: Final = 50
FULL_DAYS: Final = 14
CONFIDENCE_MAX: Final = 0.95
"""Rules are never certain."""


class Assessment(NamedTuple):
    """The score is the sum of the reasons' points, at most 100; `confidence` (0–1) says how much evidence it has.

    Without a model's word (`probability` is None) there is no recommendation: rules say what is unusual, not how probable."""

    score: int
    level: Level
    reasons: tuple[Reason, ...]
    confidence: float
    model: str = MODEL
    probability: float | None = None
    recommendation: Recommendation | None = None


def assess(seen: Features, judgement: Judgement | None = None) -> Assessment:
    """Pure and total: the same features and word give the same assessment.

    The score is the higher of the rules' and the model's; what the model adds is shared among its reasons."""
    found = reasons(seen)
    score = min(SCORE_MAX, sum(each.points for each in found))
    if judgement is None:
        return Assessment(score, level_of(score), found, confidence(seen))
    sure = confidence(seen)
    higher = score_of(judgement.probability) if judgement.probability >= EXPLAIN_FROM else 0
    advice = recommended(judgement.probability)
    if judgement.simulated:
        higher, advice = min(higher, SIMULATED_MAX), "review" if advice == "block" else advice
    if higher > score and judgement.because:
        found = tuple(sorted((*found, *_shared(judgement, higher - score)), key=by_points))
        score = higher
        sure = round(min(sure, judgement.support), 2)
    return Assessment(
        score,
        level_of(score),
        found,
        sure,
        f"{MODEL}+{judgement.model}",
        round(judgement.probability, 4),
        advice,
    )


def level_of(score: int) -> Level:
    for lowest, level in LEVELS:
        if score >= lowest:
            return level
    return "low"


def recommended(probability: float) -> Recommendation:
    """Advice, by cost. The gateway moves and stops no money on it."""
    if probability >= BLOCK_FROM:
        return "block"
    return "review" if probability >= REVIEW_FROM else "none"


def score_of(probability: float) -> int:
    """0 to 100 by `SCORES`."""
    for (low, score_low), (high, score_high) in pairwise(SCORES):
        if probability < high:
            return score_low + int((score_high - score_low) * (probability - low) / (high - low))
    return SCORE_MAX


def confidence(seen: Features) -> float:
    """0 without history, rising with its length (60 %) and the days it covers (40 %), never above `CONFIDENCE_MAX`."""
    movements = min(1.0, seen.history / FULL_HISTORY)
    days = min(1.0, seen.age_days / FULL_DAYS)
    return round(min(CONFIDENCE_MAX, 0.6 * movements + 0.4 * days), 2)


def _shared(judgement: Judgement, points: int) -> list[Reason]:
    """The points in the proportion of what each feature did; what rounding leaves goes to the first."""
    total = sum(each.weight for each in judgement.because)
    shares = [int(points * each.weight / total) for each in judgement.because]
    shares[0] += points - sum(shares)
    return [reason(each, share) for each, share in zip(judgement.because, shares, strict=True)]
