"""The sections of a payment's context that come from assessed events and from providers; see `context`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.insights.behaviour import behaviour
from gateway.insights.routing import ATTEMPTS_MIN, ProviderRecord, ranked
from gateway.queries.reading import Answer, Document

FACTORS_MAX: Final = 10
RECOMMENDATIONS: Final = {
    "low": "approve",
    "medium": "approve_with_monitoring",
    "high": "review",
    "critical": "review_before_release",
}
"""Advice for a person or an agent: the gateway moves no money on it."""
_RISK_ORDER: Final = ("low", "medium", "high", "critical")


class TransactionIntelligence(Answer):
    """`fraud_score` is the local score divided by 100: of a payment the highest of its events, else the mean of the events.
    `confidence` (0–1) is the mean of what the scorer said of its own evidence."""

    fraud_score: float | None
    fraud_score_max: float | None
    risk_factors: list[str]
    """Reason codes, the most frequent first."""
    confidence: float | None
    recommendation: str | None
    """By the highest level: approve, approve_with_monitoring, review, review_before_release."""


class UserBehavior(Answer):
    """Of the wallet, in one currency. `amount_variance` is the standard deviation of its amounts divided by their mean;
    `spending_pattern` is consistent below .5, varied below 1, else erratic; `frequency` follows the median days between active
    days; `loyalty_score` is the part of its weeks in which it was active."""

    currency: str | None
    spending_pattern: str | None
    frequency: str | None
    amount_variance: float | None
    loyalty_score: float | None


class ProviderFigures(Answer):
    """Payments of one source that ended: how many succeeded, and the median time from the provider's moment to our books."""

    source: str
    attempts: int
    succeeded: int
    success_rate: float
    latency_ms: int | None


class SystemIntelligence(Answer):
    """`optimal_provider` has the highest lower end of the 95 % interval of its success rate; `success_probability` and
    `expected_latency` are its own."""

    optimal_provider: str | None
    expected_latency: str | None
    success_probability: float | None
    alternative_routes: list[str]
    providers: list[ProviderFigures]


def risk_of_payment(insights: Sequence[Document], absent: dict[str, str]) -> TransactionIntelligence:
    """By its riskiest event. `absent` gets the reason of each field that stays empty, here and below."""
    scored = sorted((one for one in insights if one["score"] is not None), key=lambda one: -int(one["score"]))
    return risk_of_many(scored[:1] or insights, absent)


def risk_of_many(insights: Sequence[Document], absent: dict[str, str]) -> TransactionIntelligence:
    """Of a wallet or period."""
    scored = [one for one in insights if one["score"] is not None]
    if not scored:
        why = "no assessed event" if not insights else f"none of {len(insights)} events could be scored"
        absent |= {
            f"transaction_intelligence.{field}": why
            for field in ("fraud_score", "fraud_score_max", "risk_factors", "confidence", "recommendation")
        }
    level = worst_level(scored)
    return TransactionIntelligence(
        fraud_score=_mean([one["score"] / 100 for one in scored]),
        fraud_score_max=max((one["score"] / 100 for one in scored), default=None),
        risk_factors=_factors(scored),
        confidence=_mean([one["confidence"] for one in scored]),
        recommendation=_recommendation(scored, level),
    )


def _recommendation(scored: Sequence[Document], level: str | None) -> str | None:
    """The scorer's own, of the riskiest event, where it gave one; else by the level."""
    own = [one for one in scored if one["level"] == level and one.get("recommendation")]
    return str(own[0]["recommendation"]) if own else RECOMMENDATIONS.get(level or "")


def _factors(scored: Sequence[Document]) -> list[str]:
    times: dict[str, int] = {}
    for one in scored:
        for reason in one.get("reasons", []):
            times[reason["code"]] = times.get(reason["code"], 0) + 1
    return sorted(times, key=lambda code: (-times[code], code))[:FACTORS_MAX]


def worst_level(insights: Sequence[Document]) -> str | None:
    """The highest level among them."""
    levels = {one["level"] for one in insights}
    return next((level for level in reversed(_RISK_ORDER) if level in levels), None)


def behaviour_of(
    insights: Sequence[Document], currency: str | None, now: datetime, absent: dict[str, str], *, none: str
) -> UserBehavior:
    """Of one wallet, in `currency` or the one it uses most; `none` says why there may be nothing."""
    paid = [one for one in insights if one["currency"]]
    currency = currency or _most([one["currency"] for one in paid])
    own = [one for one in paid if one["currency"] == currency]
    seen = behaviour([one["amount_minor"] for one in own], [one["occurred_at"].date() for one in own], today=now.date())
    few = f"{seen.payments} payments on {seen.active_days} days are known: too few"
    figures = {
        "spending_pattern": seen.pattern,
        "frequency": seen.frequency,
        "amount_variance": _rounded(seen.amount_variance),
        "loyalty_score": _rounded(seen.loyalty),
    }
    for field, figure in figures.items():
        if figure is None:
            absent[f"user_behavior.{field}"] = few if own else none
    return UserBehavior(currency=currency if own else None, **figures)


def system_of(records: Sequence[ProviderRecord], absent: dict[str, str]) -> SystemIntelligence:
    """Which provider did best."""
    order = ranked(records)
    best, others = (order[0], order[1:]) if order else (None, [])
    if best is None:
        counted = ", ".join(f"{record.source} {record.attempts}" for record in records) or "none"
        why = f"no provider has {ATTEMPTS_MIN} payments that ended in this period ({counted})"
        for field in ("optimal_provider", "expected_latency", "success_probability", "alternative_routes"):
            absent[f"system_intelligence.{field}"] = why
    elif not others:
        absent["system_intelligence.alternative_routes"] = f"no other provider has {ATTEMPTS_MIN} payments that ended"
    return SystemIntelligence(
        optimal_provider=best.source if best else None,
        expected_latency=f"{best.latency_ms}ms" if best and best.latency_ms is not None else None,
        success_probability=round(best.success_rate, 4) if best else None,
        alternative_routes=[record.source for record in others],
        providers=[
            ProviderFigures(
                source=record.source,
                attempts=record.attempts,
                succeeded=record.succeeded,
                success_rate=round(record.success_rate, 4),
                latency_ms=record.latency_ms,
            )
            for record in records
        ],
    )


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _most(names: Sequence[str]) -> str | None:
    return max(sorted(set(names)), key=names.count, default=None)
