"""What looked risky in a period: computed from the insights that are stored, and saying so when there are none."""

from datetime import datetime
from typing import Any

from gateway.queries.assessed import InsightSummary, insight_summary
from gateway.queries.counted import Count, Refused, by_name, counts, refused_requests, within
from gateway.queries.period import Period
from gateway.queries.reading import READ_S_MAX, Answer, Database, answered_within, page_size
from gateway.queries.wallets import find_wallets

RISKY_LEVELS = ("medium", "high", "critical")


class FraudPatterns(Answer):
    """How risky the events assessed in a period were, and why."""

    since: datetime
    until: datetime
    wallet: str | None
    scored: int
    unscored: int
    note: str | None
    """Says so when there is nothing to judge by; null otherwise."""
    levels: list[Count]
    reasons: list[Count]
    """The findings behind the scores, by how many events they were found in."""
    riskiest: list[InsightSummary]
    """By score; events of level low are not listed."""
    refused_requests: Refused
    """At the whole gateway's door in the same period, whichever wallet was asked for."""


async def fraud_patterns(
    database: Database,
    period: Period,
    *,
    now: datetime,
    wallet: str | None = None,
    limit: int = 10,
    within_s: float = READ_S_MAX,
) -> FraudPatterns:
    """Raises `NotFound` for an unknown wallet. `limit` bounds the riskiest events."""
    page_size(limit)
    match: dict[str, Any] = {"at": within(period)}
    with answered_within(within_s):
        if wallet is not None:
            wallets = await find_wallets(database, wallet)
            match["wallet"] = wallets[0]["owner"]
            if wallets[0]["_id"] == wallet:
                match["currency"] = wallets[0]["currency"]
        found = await (await database.insights.aggregate(_pipeline(match, limit))).to_list()
        refused = await refused_requests(database, period, now=now)
    levels = counts(found[0]["levels"])
    unscored = sum(level.count for level in levels if level.name == "unscored")
    scored = sum(level.count for level in levels) - unscored
    return FraudPatterns(
        since=period.since,
        until=period.until,
        wallet=wallet,
        scored=scored,
        unscored=unscored,
        note=None if scored else _nothing_scored(period),
        levels=levels,
        reasons=counts(found[0]["reasons"]),
        riskiest=[insight_summary(insight) for insight in found[0]["riskiest"]],
        refused_requests=refused,
    )


def _pipeline(match: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """One pass over the period's insights."""
    return [
        {"$match": match},
        {
            "$facet": {
                "levels": by_name("$level"),
                "reasons": [{"$unwind": "$reasons"}, *by_name("$reasons.code")],
                "riskiest": [
                    {"$match": {"level": {"$in": list(RISKY_LEVELS)}}},
                    {"$sort": {"score": -1, "at": -1, "_id": 1}},
                    {"$limit": limit},
                ],
            }
        },
    ]


def _nothing_scored(period: Period) -> str:
    return f"no scored events between {period.since.isoformat()} and {period.until.isoformat()}"
