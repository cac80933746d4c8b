"""A wallet's days → what is told of it each week: how it behaves, what changed against its own past, and whether it may stay away.

Pure. A wallet here is "<CUR>:<owner>": one currency, so that nothing is added up that does not add up.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any, Final

from gateway.insights.behaviour import behaviour
from gateway.insights.inactivity import Inactivity
from gateway.insights.unusual import unusual_volume
from gateway.money import decimal_text

VERSION: Final = "wallet-1"
WEEKS_BACK: Final = 12
WEEKS_MIN: Final = 4


@dataclass(frozen=True, slots=True)
class WalletDay:
    """What a wallet did on one day. `squares` is the sum of the squared amounts, for their spread."""

    day: date
    payments: int
    amount_minor: int
    squares: float


def week_findings(subject: str, days: Sequence[WalletDay], last: date, inactive: Inactivity) -> dict[str, Any]:
    """Of the week that ends with `last`; `days` are the wallet's active ones of the last half year, the oldest first."""
    currency = subject.partition(":")[0]
    habits = behaviour([], [each.day for each in days], today=last)
    variance = _variance(days)
    risk = inactive.risks.get(subject)
    return {
        "behaviour": {
            "payments": sum(each.payments for each in days),
            "active_days": habits.active_days,
            "gap_days": habits.gap_days,
            "frequency": habits.frequency,
            "loyalty": habits.loyalty,
            "amount_variance": variance,
            "usual_amount": decimal_text(_usual_amount(days), currency) if days else None,
        },
        "change": _change(currency, days, last),
        "inactivity": {
            "risk": None if risk is None else round(risk, 3),
            "backtest": asdict(inactive.backtest) if inactive.backtest else None,
            "absent": None if risk is not None else inactive.absent or "too few active days to have a rhythm",
        },
    }


def _change(currency: str, days: Sequence[WalletDay], last: date) -> dict[str, Any]:
    """This week against its own weeks before."""
    weeks = [_week(days, last - timedelta(weeks=back)) for back in range(WEEKS_BACK + 1)]
    known = (last - days[0].day).days // 7 if days else 0
    now, before = weeks[0], weeks[1 : known + 1]
    told: dict[str, Any] = {
        "payments": now[0],
        "amount": decimal_text(now[1], currency),
        "payments_usual": None,
        "amount_usual": None,
        "unusual": [],
        "absent": None,
    }
    if len(before) < WEEKS_MIN:
        return told | {"absent": f"{len(before)} earlier weeks of this wallet are known, {WEEKS_MIN} are needed"}
    counts, amounts = [count for count, _ in reversed(before)], [amount for _, amount in reversed(before)]
    found = {
        "payments": unusual_volume(now[0], counts, counted=True),
        "amount": unusual_volume(float(now[1]), [float(each) for each in amounts], counted=False),
    }
    return told | {
        "payments_usual": f"{median(counts):g}",
        "amount_usual": decimal_text(round(median(amounts)), currency),
        "unusual": [{"what": what, "direction": each.direction} for what, each in found.items() if each],
    }


def _week(days: Sequence[WalletDay], last: date) -> tuple[int, int]:
    week = [each for each in days if last - timedelta(days=7) < each.day <= last]
    return sum(each.payments for each in week), sum(each.amount_minor for each in week)


def _usual_amount(days: Sequence[WalletDay]) -> int:
    return round(median(each.amount_minor / each.payments for each in days))


def _variance(days: Sequence[WalletDay]) -> float | None:
    """Standard deviation of the payments' amounts over their mean, from the days' sums."""
    payments = sum(each.payments for each in days)
    if payments < 5:
        return None
    mean = sum(each.amount_minor for each in days) / payments
    return round(math.sqrt(max(0.0, sum(each.squares for each in days) / payments - mean * mean)) / mean, 4)
