"""Features, Profile and Counterparty → the vector: every number a tree may ask for, in one order; NaN is unknown.

Only the past: a movement is looked at before the state has learned from it, and a chargeback counts from the day it was known.
Nothing adds or compares amounts of two currencies, because the states are kept by currency.
"""

from bisect import bisect_right
from math import log, nan
from typing import Final

from gateway.analysis.counterparty import Counterparty
from gateway.analysis.features import Features, Movement
from gateway.analysis.profile import DAY_S, WINSOR_FROM, Profile

NAMES: Final = (
    "amount",
    "amount_log",
    "amount_z",
    "amount_log_z",
    "amount_log_z_recent",
    "amount_times_usual",
    "inward",
    "count_1h",
    "count_24h",
    "count_7d",
    "count_1h_times_usual",
    "spend_24h_times_usual_amount",
    "spend_24h_times_usual_day",
    "gap_days",
    "hour",
    "weekday",
    "night",
    "hour_rarity",
    "history",
    "age_days",
    "mean_7d_times_usual",
    "suspicions_3d",
    "suspicions_14d",
    "counterparty_times",
    "counterparty_surprise",
    "counterparty_count_1d",
    "counterparty_count_7d",
    "counterparty_count_28d",
    "counterparty_burst",
    "counterparty_new_share_1d",
    "counterparty_suspicions_7d",
    "counterparty_age_days",
    "counterparty_amount_z",
    "chargebacks_1d",
    "chargebacks_7d",
    "chargebacks_28d",
    "chargebacks_ever",
    "days_since_first_chargeback",
    "days_since_last_chargeback",
    "chargeback_rate_since_first",
    "good_since_last_chargeback",
)
"""The table of features. A model names the ones it was trained on; one that knows another table is refused."""
PLACES: Final = {name: place for place, name in enumerate(NAMES)}
AMOUNTS: Final = frozenset({"amount", "amount_log"})
"""Those that mean something in one currency only."""
VARIANCE_MIN: Final = 0.05
"""Of the logarithms of a counterparty's amounts: one that always takes 10.00 is not alarmed by 12.00."""
NIGHT: Final = frozenset({0, 1, 2, 3, 4, 5})


def vector(movement: Movement, seen: Features, profile: Profile, counterparty: Counterparty | None) -> list[float]:
    """The numbers of `NAMES` for a movement that neither state has absorbed yet. Pure and total."""
    amount, at_s = float(movement.amount_minor), movement.occurred_at
    amount_log = log(amount)
    flow = profile.flow(movement.direction)
    level = flow.level
    if flow.count:
        deviation = flow.deviation
        z = (amount - level) / flow.amount_deviation
        recent = (amount_log - flow.ewma) / deviation
        log_z = (amount_log - flow.mean) / deviation
        times, spend_times = amount / level, seen.spend_24h_minor / level
    else:
        z = recent = log_z = times = spend_times = nan
    week_times = nan if seen.mean_7d_minor is None else seen.mean_7d_minor / level
    day = int(at_s // DAY_S)
    numbers = [
        amount,
        amount_log,
        z,
        log_z,
        recent,
        times,
        1.0 if movement.direction == "in" else 0.0,
        seen.count_1h,
        seen.count_24h,
        seen.count_7d,
        _known(seen.hourly_ratio),
        spend_times,
        _known(seen.spend_ratio),
        _known(seen.gap_days),
        seen.hour,
        (day + 3) % 7,  # 1 January 1970 was a Thursday
        1.0 if seen.hour in NIGHT else 0.0,
        _known(seen.hour_rarity),
        seen.history,
        seen.age_days,
        week_times,
        profile.suspicions.total(at_s, back=3)[0] if profile.suspicions.slots else 0,
        profile.suspicions.total(at_s, back=14)[0] if profile.suspicions.slots else 0,
        _known(seen.counterparty_times),
        _known(seen.counterparty_surprise),
    ]
    numbers += _OTHER_UNKNOWN if counterparty is None else _of_counterparty(counterparty, day, at_s, amount_log)
    return [*map(float, numbers)]  # an integer takes twice as long to compare with a threshold


def _known(value: float | None) -> float:
    return nan if value is None else value


def _of_counterparty(other: Counterparty, day: int, at_s: float, amount_log: float) -> list[float]:
    """Four weeks of day buckets, then the chargebacks, if there are any."""
    days, counts = other.days, other.counts
    end = bisect_right(days, day)
    since_month = bisect_right(days, day - 28, 0, end)
    since_week = bisect_right(days, day - 7, since_month, end)
    month, week = sum(counts[since_month:end]), sum(counts[since_week:end])
    today = new = 0
    if end and days[end - 1] == day:
        today, new = counts[end - 1], other.new[end - 1]
    suspicions = sum(other.suspicions[since_week:end])
    age_days = nan if other.since_s is None else max(0.0, (at_s - other.since_s) / DAY_S)
    z = (amount_log - other.mean) / max(other.variance, VARIANCE_MIN) ** 0.5 if other.seen >= WINSOR_FROM else nan
    burst = (today + 1) / max(1.0, month / 28.0)
    volume = [today, week, month, burst, new / today if today else nan, suspicions, age_days, z]
    return volume + _chargebacks(other, day, at_s)


def _chargebacks(other: Counterparty, day: int, at_s: float) -> list[float]:
    if other.first_day is None or other.last_day is None:
        return [0, 0, 0, other.ever, nan, nan, nan, nan]
    since_first, since_last = other.matured(day)
    known = other.known
    return [
        known.total(at_s, back=1)[0],
        known.total(at_s, back=7)[0],
        known.total(at_s, back=28)[0],
        other.ever,
        day - other.first_day,
        day - other.last_day,
        min(1.0, other.run / since_first) if since_first else nan,
        since_last,
    ]


_OTHER_UNKNOWN: Final = [nan] * (len(NAMES) - 25)
