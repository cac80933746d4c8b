"""A tree model's word on one movement: a calibrated probability, and the features that made it, as reasons.

It says nothing where it has nothing to go by: a wallet without history (the cold start, left to the rules), another currency
than it learned amounts of, or a kind of movement that no label is about.
"""

from collections.abc import Mapping
from itertools import islice
from math import isnan
from typing import Any, Final, NamedTuple

from gateway.analysis.counterparty import Counterparty
from gateway.analysis.features import Features, Movement
from gateway.analysis.model import HISTORY_MIN, Reason
from gateway.analysis.profile import Profile
from gateway.analysis.trees import TreeModel
from gateway.analysis.vector import PLACES, vector

JUDGED: Final = frozenset({"capture", "refund", "transfer", "payout_requested"})
"""What a label can be about: money that somebody asked for. Not what came of it, a dispute say."""
EXPLAIN_FROM: Final = 0.1
"""Below, the model's word is stored and adds no points, so nothing has to be explained: nearly all events."""
REASONS_MAX: Final = 3

TEXTS: Final[Mapping[str, str]] = {
    "amount": "the amount in minor units",
    "amount_log": "the logarithm of the amount",
    "amount_z": "deviations of the amount from this wallet's mean",
    "amount_log_z": "deviations of the amount's logarithm from this wallet's mean",
    "amount_log_z_recent": "deviations of the amount's logarithm from this wallet's recent mean",
    "amount_times_usual": "the amount as a multiple of this wallet's mean",
    "inward": "money in (1) or out (0)",
    "count_1h": "movements of this wallet within an hour",
    "count_24h": "movements of this wallet within 24 hours",
    "count_7d": "movements of this wallet within 7 days",
    "count_1h_times_usual": "movements within an hour as a multiple of this wallet's usual",
    "spend_24h_times_usual_amount": "24 hours' sum as a multiple of this wallet's mean amount",
    "spend_24h_times_usual_day": "24 hours' sum as a multiple of this wallet's usual day",
    "gap_days": "days since this wallet's last movement",
    "hour": "the hour (UTC)",
    "weekday": "the weekday (0 is Monday)",
    "night": "at night (1) or not (0), UTC",
    "hour_rarity": "how rare this hour is for this wallet, 0 to 1",
    "history": "earlier movements of this wallet",
    "age_days": "days since this wallet's first movement",
    "mean_7d_times_usual": "the week's mean amount as a multiple of this wallet's mean",
    "suspicions_3d": "movements of this wallet far above its mean within 3 days",
    "suspicions_14d": "movements of this wallet far above its mean within 14 days",
    "counterparty_times": "earlier movements with this counterparty",
    "counterparty_surprise": "how rarely this wallet meets a new counterparty, 0 to 1",
    "counterparty_count_1d": "movements of this counterparty today",
    "counterparty_count_7d": "movements of this counterparty within 7 days",
    "counterparty_count_28d": "movements of this counterparty within 28 days",
    "counterparty_burst": "this counterparty's movements today as a multiple of its usual day",
    "counterparty_new_share_1d": "the share of this counterparty's movements today that met it for the first time",
    "counterparty_suspicions_7d": "movements of this counterparty within 7 days that were far above their wallet's mean",
    "counterparty_age_days": "days since this counterparty's first movement",
    "counterparty_amount_z": "deviations of the amount's logarithm from this counterparty's mean",
    "chargebacks_1d": "chargebacks of this counterparty that became known today",
    "chargebacks_7d": "chargebacks of this counterparty that became known within 7 days",
    "chargebacks_28d": "chargebacks of this counterparty that became known within 28 days",
    "chargebacks_ever": "chargebacks of this counterparty ever",
    "days_since_first_chargeback": "days since the first payment of this counterparty that was charged back",
    "days_since_last_chargeback": "days since the last payment of this counterparty that was charged back",
    "chargeback_rate_since_first": "the share charged back of what this counterparty was paid since the first of them",
    "good_since_last_chargeback": "matured good movements of this counterparty since its last chargeback",
}


class Because(NamedTuple):
    """A feature that raised the probability, by how much in log-odds, with its value and what is usual."""

    code: str
    weight: float
    value: float
    usual: float | None


class Judgement(NamedTuple):
    """`because` is empty below `EXPLAIN_FROM`. `support` (0–1) says how much the labels behind the model allow."""

    probability: float
    because: tuple[Because, ...]
    model: str
    support: float
    simulated: bool = False
    """Its labels were a simulator's: what it says of real payments is a hint, and raises no alarm alone."""


def judge(
    model: TreeModel, movement: Movement, seen: Features, profile: Profile, counterparty: Counterparty | None
) -> Judgement | None:
    """Pure: the same past gives the same word. None where the model has nothing to go by."""
    if movement.kind not in JUDGED or seen.history < HISTORY_MIN or model.currency not in (None, movement.currency):
        return None
    numbers = vector(movement, seen, profile, counterparty)
    probability = model.probability(numbers)
    because = _because(model, numbers) if probability >= EXPLAIN_FROM else ()
    return Judgement(probability, because, model.name, model.support, model.simulated)


def reason(because: Because, points: int) -> Reason:
    """In words that hold numbers only, never a name."""
    value = _number(because.value)
    usual = None if because.usual is None else _number(because.usual)
    beside = "" if usual is None else f", usual {usual}"
    text = f"The model weighs {TEXTS[because.code]}: {value}{beside}."
    return Reason(f"model_{because.code}", points, value, usual, text)


def _because(model: TreeModel, numbers: list[float]) -> tuple[Because, ...]:
    usual: Mapping[str, Any] = model.card.get("usual", {})
    up = [(code, weight) for code, weight in islice(model.contributions(numbers).items(), REASONS_MAX) if weight > 0]
    return tuple(Because(code, weight, numbers[PLACES[code]], usual.get(code)) for code, weight in up)


def _number(value: float) -> str:
    return "unknown" if isnan(value) else f"{value:.4g}"
