"""How an owner behaves in a period: how often, when, how much, with whom, and how risky it looked. Computed, never guessed."""

from collections import Counter, defaultdict
from datetime import datetime
from statistics import median_low
from typing import Any, Final, Literal

from gateway.booked import booked
from gateway.money import decimal_text
from gateway.queries.counted import Count, within
from gateway.queries.period import Period
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within
from gateway.queries.wallets import find_wallets

SCANNED_MAX: Final = 10_000
"""The wallet's latest transactions of the period that are looked at."""
NAMED_MAX: Final = 10


class FlowBehaviour(Answer):
    """What went one way in one currency."""

    currency: str
    direction: Literal["in", "out"]
    count: int
    total: str
    total_minor: int
    median: str
    median_minor: int
    largest: str
    largest_minor: int


class UserBehaviour(Answer):
    """`note` says so when nothing moved; `capped` when only the latest transactions of the period were looked at."""

    wallet: str
    since: datetime
    until: datetime
    transactions: int
    capped: bool
    note: str | None
    active_days: int
    busiest_hour_utc: int | None
    flows: list[FlowBehaviour]
    kinds: list[Count]
    counterparties: list[Count]
    """The accounts on the other side, the most frequent ones."""
    levels: list[Count]
    """Risk levels of its events."""
    highest_score: int | None
    models: list[str]


async def user_behaviour(
    database: Database, wallet_id: str, period: Period, *, within_s: float = READ_S_MAX
) -> UserBehaviour:
    """By owner (every currency) or "<CUR>:<owner>". Raises `NotFound` for an unknown wallet."""
    with answered_within(within_s):
        wallets = await find_wallets(database, wallet_id)
        owner, one = wallets[0]["owner"], wallets[0]["_id"] == wallet_id
        only = {"currency": wallets[0]["currency"]} if one else {}
        query = {"wallets": owner, **await booked(database, within(period)), **only}
        fields = {"legs": 1, "kind": 1, "currency": 1, "occurred_at": 1}
        found = await database.transactions.find(query, fields).sort("seq", -1).limit(SCANNED_MAX + 1).to_list()
        group = {"_id": {"level": "$level", "model": "$model"}, "count": {"$sum": 1}, "score": {"$max": "$score"}}
        stages: list[Document] = [{"$match": {"wallet": owner, "at": within(period), **only}}, {"$group": group}]
        scored = await (await database.insights.aggregate(stages)).to_list()
    return _behaviour(wallet_id, owner, period, found, scored)


def _behaviour(
    wallet_id: str, owner: str, period: Period, found: list[Document], scored: list[Document]
) -> UserBehaviour:
    looked_at = found[:SCANNED_MAX]
    account = owner if owner.startswith("suspense:") else f"wallet:{owner}"
    flows: dict[tuple[str, str], list[int]] = defaultdict(list)
    others: Counter[str] = Counter()
    for transaction in looked_at:
        moved = sum(leg["amount_minor"] for leg in transaction["legs"] if leg["account"] == account)
        if moved:
            flows[transaction["currency"], "in" if moved > 0 else "out"].append(abs(moved))
        others.update({leg["account"] for leg in transaction["legs"]} - {account, f"receivable:{owner}"})
    times = [transaction["occurred_at"] for transaction in looked_at]
    hours = Counter(at.hour for at in times)
    levels: Counter[str] = Counter()
    for group in scored:
        levels[group["_id"]["level"]] += group["count"]
    scores = [group["score"] for group in scored if group["score"] is not None]
    return UserBehaviour(
        wallet=wallet_id,
        since=period.since,
        until=period.until,
        transactions=len(looked_at),
        capped=len(found) > SCANNED_MAX,
        note=None if looked_at else "nothing moved this wallet in the period",
        active_days=len({at.date() for at in times}),
        busiest_hour_utc=hours.most_common(1)[0][0] if hours else None,
        flows=[_flow(currency, direction, amounts) for (currency, direction), amounts in sorted(flows.items())],
        kinds=_most_common(Counter(transaction["kind"] for transaction in looked_at)),
        counterparties=_most_common(others),
        levels=_most_common(levels),
        highest_score=max(scores, default=None),
        models=sorted({group["_id"]["model"] for group in scored if group["_id"].get("model")}),
    )


def _flow(currency: str, direction: Any, amounts: list[int]) -> FlowBehaviour:
    total, median, largest = sum(amounts), median_low(amounts), max(amounts)
    return FlowBehaviour(
        currency=currency,
        direction=direction,
        count=len(amounts),
        total=decimal_text(total, currency),
        total_minor=total,
        median=decimal_text(median, currency),
        median_minor=median,
        largest=decimal_text(largest, currency),
        largest_minor=largest,
    )


def _most_common(counter: Counter[str]) -> list[Count]:
    ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:NAMED_MAX]
    return [Count(name=name, count=count) for name, count in ranked]
