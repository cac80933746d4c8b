"""Scores and labels → how good the scores are. Plain Python, so that a number here means what its docstring says.

Accuracy is not among them: where 0.7 % of events are fraud, answering "legitimate" always is 99.3 % accurate.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

TOP: Final = 100
BINS: Final = 10
FALSE_POSITIVES_MAX: Final = 0.01


class Scored(NamedTuple):
    """One event of a test: its day, its card, whether it was fraud, and the score."""

    day: int
    customer: str
    fraud: bool
    score: float


def average_precision(scored: Sequence[Scored]) -> float:
    """The mean of the precision at each threshold, weighted by the recall it adds; equal scores count as one threshold."""
    frauds = sum(each.fraud for each in scored)
    caught = seen = 0
    total = 0.0
    for tied in _thresholds(scored):
        hits = sum(each.fraud for each in tied)
        caught += hits
        seen += len(tied)
        total += hits * caught / seen
    return total / frauds if frauds else 0.0


def roc_auc(scored: Sequence[Scored]) -> float:
    """How often a fraud scores above a legitimate event; a tie counts half."""
    frauds = sum(each.fraud for each in scored)
    good = len(scored) - frauds
    above = 0.0
    good_below = good
    for tied in _thresholds(scored):
        hits = sum(each.fraud for each in tied)
        good_below -= len(tied) - hits
        above += hits * (good_below + (len(tied) - hits) / 2)
    return above / (frauds * good) if frauds and good else 0.0


def recall_at(scored: Sequence[Scored], false_positives: float = FALSE_POSITIVES_MAX) -> float:
    """The share of frauds above the threshold that at most this share of the legitimate events exceeds."""
    frauds = sum(each.fraud for each in scored)
    allowed = false_positives * (len(scored) - frauds)
    caught = wrong = 0
    for tied in _thresholds(scored):
        hits = sum(each.fraud for each in tied)
        wrong += len(tied) - hits
        if wrong > allowed:
            break
        caught += hits
    return caught / frauds if frauds else 0.0


def card_precision(scored: Sequence[Scored], top: int = TOP) -> float:
    """CP@100: of the `top` cards with the day's highest scores, the share with a fraud that day; a card that was caught
    is out from the next day on; the mean over days. Source: Fraud Detection Handbook, chapter 4, "Precision top-k metrics"."""
    days: dict[int, dict[str, tuple[float, bool]]] = defaultdict(dict)
    for each in scored:
        score, fraud = days[each.day].get(each.customer, (each.score, False))
        days[each.day][each.customer] = (max(score, each.score), fraud or each.fraud)
    caught: set[str] = set()
    shares = []
    for day in sorted(days):
        cards = [(score, card) for card, (score, _) in days[day].items() if card not in caught]
        cards.sort(key=_highest_first)
        hits = {card for _, card in cards[:top] if days[day][card][1]}
        caught |= hits
        shares.append(len(hits) / top)
    return sum(shares) / len(shares) if shares else 0.0


def calibration_error(scored: Sequence[Scored]) -> float:
    """Between what was said and what came true: the gap of mean probability and share of frauds, in ten bins of equal
    width, weighted by how many events fall in each (the expected calibration error). Scores must be probabilities."""
    bins: dict[int, list[Scored]] = defaultdict(list)
    for each in scored:
        bins[min(BINS - 1, int(each.score * BINS))].append(each)
    gaps = (abs(sum(each.score - each.fraud for each in held)) for held in bins.values())
    return sum(gaps) / len(scored) if scored else 0.0


def _highest_first(scored: tuple[float, str]) -> tuple[float, str]:
    return -scored[0], scored[1]


def _thresholds(scored: Sequence[Scored]) -> list[list[Scored]]:
    """The events by score, highest first, equal ones together."""
    groups: list[list[Scored]] = []
    for each in sorted(scored, key=_score, reverse=True):
        if groups and groups[-1][0].score == each.score:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _score(scored: Scored) -> float:
    return scored.score
