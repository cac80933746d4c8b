"""What an agent may know before it decides about a payment, a wallet or a period: `ai_payment_context` of the request's papers.

Each field is computed from what is stored, or null with the reason in `absent`, by "section.field". Nothing is assumed: a score
is the scorer's, a provider is recommended only on enough payments, and a KYC level is said only where a person gave one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from gateway.insights.provider_records import provider_records
from gateway.queries.compliance import (
    ComplianceStatus,
    compliance_of_payment,
    compliance_of_period,
    compliance_of_wallet,
)
from gateway.queries.context_sections import (
    SystemIntelligence,
    TransactionIntelligence,
    UserBehavior,
    behaviour_of,
    risk_of_many,
    risk_of_payment,
    system_of,
    worst_level,
)
from gateway.queries.counted import within
from gateway.queries.payments import PaymentStatus, payment_status
from gateway.queries.period import Period
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within
from gateway.queries.wallets import find_wallets

DAYS_BACK: Final = 90
"""The past that the context of a payment or wallet is made of."""
INSIGHTS_MAX: Final = 5_000
"""The newest assessed events that are looked at; `RestsOn.since` then says how far back they reach."""
_SHOWN: Final = dict.fromkeys(
    (
        "score",
        "level",
        "confidence",
        "model",
        "currency",
        "amount_minor",
        "occurred_at",
        "at",
        "reasons.code",
        "recommendation",
    ),
    1,
)
_OF_NO_PERIOD: Final = "this is about a wallet; ask for the context of one"


class RestsOn(Answer):
    """What the answer was computed from. `models` are the versions of the scorers whose scores are in it."""

    since: datetime
    until: datetime
    events: int
    payments: int
    models: list[str]


class PaymentContext(Answer):
    """The four sections, and why a field is null."""

    level: Literal["payment", "wallet", "period"]
    subject: str
    transaction_intelligence: TransactionIntelligence
    user_behavior: UserBehavior
    system_intelligence: SystemIntelligence
    compliance_status: ComplianceStatus
    absent: dict[str, str]
    rests_on: RestsOn


async def payment_context(
    database: Database, payment_id: str, *, now: datetime, within_s: float = READ_S_MAX
) -> PaymentContext:
    """Of one payment, refund or transfer, by any of its names (see `payment_status`, whose errors it raises)."""
    status = await payment_status(database, payment_id)
    period = _past(now)
    wallet = status.wallet or (status.insight.wallet if status.insight else None)
    with answered_within(within_s):
        about = await database.insights.find({"_id": {"$in": _events_of(status)}}, _SHOWN).to_list()
        usual = await _insights(database, {"wallet": wallet, "at": within(period)}) if wallet else []
        records = await provider_records(database, period.since, period.until, currency=status.currency)
        absent: dict[str, str] = {}
        return PaymentContext(
            level="payment",
            subject=status.object_id or status.payment_id,
            transaction_intelligence=risk_of_payment(about, absent),
            user_behavior=behaviour_of(usual, status.currency, now, absent, none="no wallet is known to this payment"),
            system_intelligence=system_of(records, absent),
            compliance_status=await compliance_of_payment(database, status, worst_level(about), absent),
            absent=absent,
            rests_on=_rests_on(
                [*usual, *(one for one in about if one["_id"] not in {each["_id"] for each in usual})], period
            ),
        )


async def wallet_context(
    database: Database, wallet_id: str, *, now: datetime, within_s: float = READ_S_MAX
) -> PaymentContext:
    """Of an owner (every currency; behaviour in the one used most) or of "<CUR>:<owner>". Raises `NotFound`."""
    period = _past(now)
    with answered_within(within_s):
        wallets = await find_wallets(database, wallet_id)
        currency = wallets[0]["currency"] if wallets[0]["_id"] == wallet_id or len(wallets) == 1 else None
        match = {"wallet": wallets[0]["owner"], "at": within(period)}
        insights = await _insights(database, match | ({"currency": currency} if currency else {}))
        absent: dict[str, str] = {}
        return PaymentContext(
            level="wallet",
            subject=wallet_id,
            transaction_intelligence=risk_of_many(insights, absent),
            user_behavior=behaviour_of(insights, currency, now, absent, none="nothing is stored of this wallet"),
            system_intelligence=system_of(
                await provider_records(database, period.since, period.until, currency=currency), absent
            ),
            compliance_status=await compliance_of_wallet(database, wallets, worst_level(insights), absent),
            absent=absent,
            rests_on=_rests_on(insights, period),
        )


async def period_context(database: Database, period: Period, *, within_s: float = READ_S_MAX) -> PaymentContext:
    """Of everything that happened in a period. What is about one wallet is absent, and says so."""
    with answered_within(within_s):
        insights = await _insights(database, {"at": within(period)})
        absent = {
            f"user_behavior.{field}": _OF_NO_PERIOD
            for field in ("spending_pattern", "frequency", "amount_variance", "loyalty_score")
        }
        return PaymentContext(
            level="period",
            subject=f"{period.since.isoformat()}..{period.until.isoformat()}",
            transaction_intelligence=risk_of_many(insights, absent),
            user_behavior=UserBehavior(
                currency=None, spending_pattern=None, frequency=None, amount_variance=None, loyalty_score=None
            ),
            system_intelligence=system_of(await provider_records(database, period.since, period.until), absent),
            compliance_status=await compliance_of_period(database, period, worst_level(insights), absent),
            absent=absent,
            rests_on=_rests_on(insights, period),
        )


def _past(now: datetime) -> Period:
    return Period(now - timedelta(days=DAYS_BACK), now + timedelta(milliseconds=1))


async def _insights(database: Database, match: dict[str, Any]) -> list[Document]:
    return await database.insights.find(match, _SHOWN).sort("at", -1).limit(INSIGHTS_MAX).to_list()


def _events_of(status: PaymentStatus) -> list[str]:
    events = {status.event_id, *(moved.event_id for moved in status.transactions)}
    if status.insight:
        events.add(status.insight.event_id)
    return sorted(event for event in events if event)


def _rests_on(insights: Sequence[Document], period: Period) -> RestsOn:
    capped = len(insights) >= INSIGHTS_MAX
    return RestsOn(
        since=min(one["at"] for one in insights) if capped else period.since,
        until=period.until,
        events=len(insights),
        payments=sum(bool(one["currency"]) for one in insights),
        models=sorted({str(one["model"]) for one in insights if one["score"] is not None}),
    )
