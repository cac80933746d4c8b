"""The insights toolset: what was moved, how owners behave, what looked risky."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gateway.mcp_tools.asking import Around, Currency, Limit, PeriodText, WalletId, of_period
from gateway.queries.alerts import find_alerts
from gateway.queries.basis import Basis
from gateway.queries.behaviour import UserBehaviour, user_behaviour
from gateway.queries.counted import Count
from gateway.queries.fraud import FraudPatterns, fraud_patterns
from gateway.queries.health import health
from gateway.queries.metrics import CurrencyTotals, PaymentMetrics, payment_metrics
from gateway.queries.reading import ID_LENGTH_MAX, Answer
from gateway.queries.revenue import Breakdown, Revenue, revenue

OnlyWallet = Annotated[
    str | None,
    Field(min_length=1, max_length=ID_LENGTH_MAX, description="Only this owner, or this wallet as CUR:owner"),
]
BreakdownName = Annotated[Breakdown, Field(description="Length of a step")]


class ToldMetrics(PaymentMetrics):
    """With what it rests on."""

    basis: Basis


class ToldFraud(FraudPatterns):
    """With what it rests on."""

    basis: Basis


class ToldBehaviour(UserBehaviour):
    """With what it rests on."""

    basis: Basis


class ToldRevenue(Revenue):
    """With what it rests on."""

    basis: Basis


class Dashboard(Answer):
    """One look at a period. `open_alerts` and `problems` are of now."""

    status: str
    problems: list[str]
    currencies: list[CurrencyTotals]
    by_outcome: list[Count]
    risk_levels: list[Count]
    refused_requests: int
    backlog: int
    open_alerts: int
    latest_alerts: list[str]
    basis: Basis


@dataclass(frozen=True, slots=True)
class Insights:
    """The tools' functions; their docstrings are what an agent reads."""

    around: Around

    async def detect_fraud_patterns(
        self, period: PeriodText = "week", wallet_id: OnlyWallet = None, limit: Limit = 10
    ) -> ToldFraud:
        """Risk levels, their reasons and the riskiest events of a period; `note` says so when nothing was scored."""
        asked = self.around.period(period)
        found = await fraud_patterns(self.around.database(), asked, wallet=wallet_id, limit=limit)
        models = sorted({insight.model for insight in found.riskiest if insight.model})
        basis = of_period(asked, found.scored + found.unscored, ", ".join(models) or None)
        return ToldFraud(**found.model_dump(), basis=basis)

    async def get_payment_metrics(self, period: PeriodText = "day") -> ToldMetrics:
        """Totals per currency, events by outcome, source and type, refused requests and the backlog."""
        asked = self.around.period(period)
        found = await payment_metrics(self.around.database(), asked, now=self.around.now())
        return ToldMetrics(**found.model_dump(), basis=of_period(asked, found.events))

    async def analyze_user_behavior(self, wallet_id: WalletId, period: PeriodText = "month") -> ToldBehaviour:
        """How often, when, how much and with whom an owner's wallets moved, and how risky it looked."""
        asked = self.around.period(period)
        found = await user_behaviour(self.around.database(), wallet_id, asked)
        basis = of_period(asked, found.transactions, ", ".join(found.models) or None)
        return ToldBehaviour(**found.model_dump(), basis=basis)

    async def generate_revenue_analytics(
        self, period: PeriodText = "month", breakdown: BreakdownName = "day", currency: Currency = None
    ) -> ToldRevenue:
        """Captured, returned and net amounts, step by step and in total, beside the period before. Never added across
        currencies."""
        asked = self.around.period(period)
        found = await revenue(self.around.database(), asked, breakdown=breakdown, currency=currency)
        return ToldRevenue(**found.model_dump(), basis=of_period(asked, found.transactions))

    async def get_dashboard_metrics(self, period: PeriodText = "day") -> Dashboard:
        """One look: health, totals per currency, outcomes, risk levels, refusals, backlog and open alerts."""
        asked, database = self.around.period(period), self.around.database()
        metrics = await payment_metrics(database, asked, now=self.around.now())
        risky = await fraud_patterns(database, asked, limit=1)
        well = await health(database, self.around.settings, now=self.around.now())
        alerts = await find_alerts(database, limit=5)
        return Dashboard(
            status=well.status,
            problems=well.problems,
            currencies=metrics.currencies,
            by_outcome=metrics.by_outcome,
            risk_levels=risky.levels,
            refused_requests=metrics.refused_requests.count,
            backlog=metrics.backlog.waiting,
            open_alerts=alerts.open,
            latest_alerts=[f"{alert.alert_id} {alert.severity} {alert.kind}" for alert in alerts.alerts],
            basis=of_period(asked, metrics.events, risky.riskiest[0].model if risky.riskiest else None),
        )
