"""Days unlike the usual of their weekday, and what the next days may bring, with the error such forecasts had."""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Final

from gateway.analysis.forecast import Forecast, forecast
from gateway.insights.unusual import WEEKS, WEEKS_MIN, usual_and_spread
from reports.flows import ByDay, Flow
from reports.table import Builder, Kind, Table, columns, rate

SPREADS: Final = 4
"""How many times the usual spread makes a day unusual: with a normal spread, one day in some 16,000."""
SHARE: Final = 0.25
"""And by at least this part of the usual, so that a series that never varies does not alarm about a coffee."""
OF_GROSS: Final = 0.05
"""And by at least this part of the weekday's usual gross: refunds and disputes are few, so their own usual says little."""
MEASURES: Final = (("gross", "Gross"), ("refunded", "Refunded"), ("disputed", "Disputed"))
DAYS_AHEAD: Final = 14
DAYS_SHOWN: Final = 28
"""Days as they were, before those that are expected."""
METHODS: Final = {
    "median_of_five": "median of five simple methods",
    "seasonal_naive": "as the same weekday of the last week (under three weeks are known)",
}


def anomalies(days: ByDay, whole: list[date], currencies: list[str]) -> Table:
    """These days, which are over, against the median of their weekday before them."""
    built = Builder(
        columns(
            ("day", "Day", Kind.DAY),
            ("currency", "Currency", Kind.TEXT),
            ("measure", "Measure", Kind.TEXT),
            ("amount", "Amount", Kind.MONEY),
            ("usual", "Usual for the weekday", Kind.MONEY),
            ("difference", "Difference", Kind.MONEY),
            ("of_usual", "Of the usual", Kind.RATE),
        )
    )
    for currency in currencies:
        began = _first_day(days, currency)
        for day in whole:
            for name, title in MEASURES:
                usual = _unusual(days, currency, day, name, began)
                if usual is not None:
                    amount = getattr(days.get((currency, day), Flow()), name)
                    built.add(
                        day=day,
                        currency=currency,
                        measure=title,
                        amount=amount,
                        usual=usual,
                        difference=amount - usual,
                        of_usual=rate(amount, usual) if usual > 0 else None,
                    )
    return built.table(
        "anomalies",
        "Unusual days",
        f"Days that differ from the median of the same weekday in the {WEEKS} weeks before by more than {SPREADS} times what "
        "those weeks differ among themselves and by more than a quarter; refunds and disputes above it, by more than a "
        f"twentieth of the usual gross. It needs {WEEKS_MIN} such weeks.",
        empty=f"No day stands out, or fewer than {WEEKS_MIN} weeks are known.",
    )


def _first_day(days: ByDay, currency: str) -> date:
    return min((day for code, day in days if code == currency), default=date.max)


def _unusual(days: ByDay, currency: str, day: date, name: str, began: date) -> int | None:
    """What is usual, when the day is not. Refunds and disputes below the usual are nobody's alarm."""
    earlier = [day - timedelta(days=7 * week) for week in range(1, WEEKS + 1)]
    flows = [days.get((currency, each), Flow()) for each in earlier if each >= began]
    if len(flows) < WEEKS_MIN:
        return None
    known = [getattr(flow, name) for flow in flows]
    middle, spread = usual_and_spread(known)
    usual = round(middle)
    amount = getattr(days.get((currency, day), Flow()), name)
    away = abs(amount - usual) if name == "gross" else amount - usual
    if min(known) <= amount <= max(known):
        return None
    gross = median(flow.gross for flow in flows)
    return usual if away > max(SPREADS * spread, SHARE * abs(usual), OF_GROSS * gross, 1) else None


def forecasts(days: ByDay, currencies: list[str], last: date) -> tuple[Table, Table]:
    """The gross of the days after `last`, the last whole day that is known, and how well such forecasts did before."""
    ahead = Builder(
        columns(
            ("day", "Day", Kind.DAY),
            ("currency", "Currency", Kind.TEXT),
            ("actual", "Gross as it was", Kind.MONEY),
            ("expected", "Expected gross", Kind.MONEY, True),
            ("low", "Low", Kind.MONEY),
            ("high", "High", Kind.MONEY),
        )
    )
    quality = Builder(
        columns(
            ("currency", "Currency", Kind.TEXT),
            ("method", "Method", Kind.TEXT),
            ("history_days", "Days known", Kind.COUNT),
            ("error", "Error (MASE)", Kind.NUMBER),
            ("naive_error", "Error of “as a week ago”", Kind.NUMBER),
            ("coverage", "Days within the band", Kind.RATE),
        )
    )
    for currency in currencies:
        first = _first_day(days, currency)
        series = _series(days, currency, first, last)
        found = forecast(series, days_ahead=DAYS_AHEAD, first_weekday=first.weekday()) if series else None
        if found is None:
            continue
        for number, value in list(enumerate(series))[-DAYS_SHOWN:]:
            ahead.add(day=first + timedelta(days=number), currency=currency, actual=round(value))
        for number, point in enumerate(found.points):
            ahead.add(day=last + timedelta(days=number + 1), currency=currency, **_band(found, number, point))
        quality.add(currency=currency, **_quality(found))
    return (
        ahead.table(
            "forecast",
            "Forecast",
            f"Gross of the {DAYS_AHEAD} days after {last}, and of the days before as it was. Nine of ten days should lie "
            "between low and high; how many did, the next table says.",
            empty="There is no forecast: it needs a week of days with payments.",
        ),
        quality.table(
            "forecast_quality",
            "How good such forecasts were",
            "Measured on the days already past. An error (MASE) below 1 is better than guessing each day as a week ago was "
            "good for on average; the band aims at 90 % of days.",
            empty="Without a forecast there is nothing to measure.",
        ),
    )


def _series(days: ByDay, currency: str, first: date, last: date) -> list[float]:
    """Every day from the first with a booking; floats, because a forecast is an estimate and books nothing."""
    if first > last:
        return []
    count = (last - first).days + 1
    return [float(days.get((currency, first + timedelta(days=number)), Flow()).gross) for number in range(count)]


def _band(found: Forecast, number: int, point: float) -> Mapping[str, int | None]:
    low = math.floor(found.low[number]) if found.low else None
    high = math.ceil(found.high[number]) if found.high else None
    return {"expected": round(point), "low": low, "high": high}


def _quality(found: Forecast) -> Mapping[str, str | int | Decimal | None]:
    return {
        "method": METHODS.get(found.method, found.method.replace("_", " ")),
        "history_days": found.history_days,
        "error": _two_places(found.mase),
        "naive_error": _two_places(found.naive_mase),
        "coverage": _two_places(None if found.coverage is None else 100 * found.coverage),
    }


def _two_places(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.2f}")
