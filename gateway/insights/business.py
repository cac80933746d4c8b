"""A day's, week's or month's figures and those before → what the business is told. Pure: documents in, a document out.

Volumes and success rates outside of what is usual for the weekday, a forecast with bands and its measured error, the providers in
the order to prefer, and whether the scores drift. Where the past is too short for one of them, it is absent and says so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from bson import Decimal128

from gateway.analysis.drift import stability_index
from gateway.analysis.forecast import HISTORY_DAYS_MAX, forecast, why_absent
from gateway.insights.routing import ATTEMPTS_MIN, ProviderRecord, ranked
from gateway.insights.unusual import Unusual, unusual_rate, unusual_volume
from gateway.money import decimal_text

VERSION: Final = "business-2"
DAYS_AHEAD: Final = 14
CURRENCIES_MAX: Final = 20
"""Of which forecasts are made; the rest is counted and not forecast."""
RECENT_DAYS: Final = 28

Figures = Mapping[str, Any]
Past = Sequence[tuple[date, Figures]]
"""The days before, the oldest first; a day that is not there had no business."""


def day_findings(day: date, figures: Figures, past: Past) -> dict[str, Any]:
    """`unusual`, `forecasts`, `routing` and `drift` of a day, and how many days they rest on."""
    series = [*past, (day, figures)]
    recent = [each for each in past if each[0] > day - timedelta(days=RECENT_DAYS + 1)]
    return {
        "unusual": [*_unusual_volumes(day, figures, past), *_unusual_rates(figures, recent)],
        "forecasts": [_forecast(currency, day, series) for currency in _currencies(series)[:CURRENCIES_MAX]],
        "routing": routing(each for _, each in series[-RECENT_DAYS:]),
        "drift": _drift(figures, recent),
        "days": (day - series[0][0]).days + 1,
    }


def period_findings(figures: Figures, before: Figures | None, days: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Of a week or month: what was unusual on its days, and each volume beside that of the period before."""
    return {
        "unusual": [{**found, "day": each["name"]} for each in days for found in each["unusual"]],
        "changes": _changes(figures, before) if before else [],
        "routing": routing([figures]),
    }


def added_up(each: Sequence[Figures]) -> dict[str, Any]:
    """The figures of several days as those of one. A latency is the median of the days' medians."""
    currencies: dict[str, dict[str, Any]] = {}
    providers: dict[str, dict[str, Any]] = {}
    for figures in each:
        for row in figures["currencies"]:
            total = currencies.setdefault(row["currency"], {})
            for name, value in row.items():
                if name != "currency":
                    total[name] = total.get(name, 0) + whole(value)
        for row in figures["providers"]:
            record = providers.setdefault(row["source"], {"attempts": 0, "succeeded": 0, "latencies": []})
            record["attempts"] += row["attempts"]
            record["succeeded"] += row["succeeded"]
            record["latencies"] += [row["latency_ms"]] if row["latency_ms"] is not None else []
    return {
        "currencies": [
            {"currency": currency, **{name: _stored(name, value) for name, value in total.items()}}
            for currency, total in sorted(currencies.items())
        ],
        "providers": [
            {
                "source": source,
                "attempts": record["attempts"],
                "succeeded": record["succeeded"],
                "latency_ms": sorted(record["latencies"])[len(record["latencies"]) // 2]
                if record["latencies"]
                else None,
            }
            for source, record in sorted(providers.items())
        ],
        **{name: sum(figures[name] for figures in each) for name in ("transactions", "events", "scored")},
    }


def routing(each: Iterable[Figures]) -> dict[str, Any]:
    """The providers in the order to prefer, or why none is."""
    total = added_up(list(each))
    order = ranked(ProviderRecord(**record) for record in total["providers"])
    if not order:
        return {"order": [], "absent": f"no provider has {ATTEMPTS_MIN} payments that ended"}
    rows = [
        {
            "source": one.source,
            "success_rate": round(one.success_rate, 4),
            "attempts": one.attempts,
            "latency_ms": one.latency_ms,
        }
        for one in order
    ]
    return {"order": rows, "absent": None}


def whole(value: int | Decimal128) -> int:
    """A stored sum as an integer."""
    return int(value.to_decimal()) if isinstance(value, Decimal128) else value


def _stored(name: str, value: int) -> int | Decimal128:
    return Decimal128(str(value)) if name.endswith("_minor") else value


def _unusual_volumes(day: date, figures: Figures, past: Past) -> Iterator[dict[str, Any]]:
    if not past:
        return
    known = dict(past)
    weeks = [day - timedelta(weeks=back) for back in range(8, 0, -1)]
    weekdays = [known.get(each, {}) for each in weeks if each >= past[0][0]]
    for currency in _currencies([*past, (day, figures)]):
        for name, counted in (("captured_count", True), ("captured_minor", False)):
            earlier = [float(_volume(each, currency, name)) for each in weekdays]
            found = unusual_volume(float(_volume(figures, currency, name)), earlier, counted=counted)
            if found:
                yield _told(name.replace("_minor", "_amount"), currency, found, currency=None if counted else currency)


def _unusual_rates(figures: Figures, recent: Past) -> Iterator[dict[str, Any]]:
    before = {record["source"]: record for record in added_up([each for _, each in recent])["providers"]}
    for record in figures["providers"]:
        earlier = before.get(record["source"])
        if earlier is None:
            continue
        found = unusual_rate(
            record["succeeded"],
            record["attempts"],
            succeeded_before=earlier["succeeded"],
            attempts_before=earlier["attempts"],
        )
        if found:
            yield _told("success_rate", record["source"], found, rate=True)


def _told(
    what: str, subject: str, found: Unusual, *, currency: str | None = None, rate: bool = False
) -> dict[str, Any]:
    """The figures as text: amounts in major units, rates with four digits, counts whole."""

    def text(value: float) -> str:
        if currency:
            return decimal_text(round(value), currency)
        return f"{value:.4f}" if rate else f"{value:.0f}"

    figures = {name: text(getattr(found, name)) for name in ("value", "usual", "low", "high")}
    return {"what": what, "subject": subject, "direction": found.direction, **figures}


def _forecast(currency: str, day: date, series: Past) -> dict[str, Any]:
    """Of the captured amount. Days without business are days with nothing, from the currency's first day on."""
    known = dict(series)
    began = next(each for each, figures in series if any(of["currency"] == currency for of in figures["currencies"]))
    first = max(began, day - timedelta(days=HISTORY_DAYS_MAX - 1))
    days = [first + timedelta(days=number) for number in range((day - first).days + 1)]
    values = [float(_volume(known.get(each, {}), currency, "captured_minor")) for each in days]
    said = forecast(values, days_ahead=DAYS_AHEAD, first_weekday=first.weekday())
    told = {"currency": currency, "of": "captured_amount", "history_days": len(values)}
    if said is None:
        return {**told, "absent": why_absent(values)}
    points = [
        {
            "day": (day + timedelta(days=ahead + 1)).isoformat(),
            "amount": decimal_text(round(point), currency),
            "low": decimal_text(round(said.low[ahead]), currency) if said.low else None,
            "high": decimal_text(round(said.high[ahead]), currency) if said.high else None,
        }
        for ahead, point in enumerate(said.points)
    ]
    error = {"mase": said.mase, "naive_mase": said.naive_mase, "coverage": said.coverage, "folds": said.folds}
    return {**told, "method": said.method, **error, "days": points, "absent": None}


def _drift(figures: Figures, recent: Past) -> dict[str, Any]:
    """Of the model version that scored most on the day, against the same version's scores of four weeks."""
    told = max(figures["scores"], key=lambda each: sum(each["counts"]), default=None)
    if told is None:
        return {"psi": None, "absent": "nothing was scored on this day"}
    before = [each["counts"] for _, past in recent for each in past["scores"] if each["model"] == told["model"]]
    sums = [sum(column) for column in zip(*before, strict=True)]
    psi = stability_index(told["counts"], sums) if sums else None
    counted = {"model": told["model"], "scores": sum(told["counts"]), "scores_before": sum(sums)}
    absent = None if psi is not None else "too few scores of this model version, on the day or in the four weeks before"
    return {"psi": None if psi is None else round(psi, 4), **counted, "absent": absent}


def _changes(figures: Figures, before: Figures) -> list[dict[str, Any]]:
    changes = []
    for currency in sorted({row["currency"] for each in (figures, before) for row in each["currencies"]}):
        for name in ("captured_count", "captured_minor"):
            now, then = _volume(figures, currency, name), _volume(before, currency, name)
            counted = name.endswith("_count")
            changes.append(
                {
                    "what": name.replace("_minor", "_amount"),
                    "currency": currency,
                    "value": str(now) if counted else decimal_text(now, currency),
                    "before": str(then) if counted else decimal_text(then, currency),
                    "change_percent": f"{100 * (now - then) / then:.1f}" if then else None,
                }
            )
    return changes


def _currencies(series: Past) -> list[str]:
    """By how many days each was used, the most used first."""
    days: dict[str, int] = {}
    for _, figures in series:
        for row in figures["currencies"]:
            days[row["currency"]] = days.get(row["currency"], 0) + 1
    return sorted(days, key=lambda currency: (-days[currency], currency))


def _volume(figures: Figures, currency: str, name: str) -> int:
    return next((whole(row[name]) for row in figures.get("currencies", []) if row["currency"] == currency), 0)


def computed(level: str, subject: str, period: str, name: str, *, since: datetime, until: datetime) -> dict[str, Any]:
    """The head of every document: one per level, subject and period, by its `_id`."""
    key = f"{level}:{subject}:{period}:{name}"
    return {
        "_id": key,
        "level": level,
        "subject": subject,
        "period": period,
        "name": name,
        "since": since,
        "until": until,
    }
