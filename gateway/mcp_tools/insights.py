"""The insights toolset: what was moved, how owners behave, what looked risky."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field

from gateway.mcp_tools.asking import Around, Currency, Limit, PeriodText, WalletId, of_period
from gateway.queries.alerts import find_alerts
from gateway.queries.basis import Basis
from gateway.queries.behaviour import UserBehaviour, user_behaviour
from gateway.queries.counted import Count
from gateway.queries.fraud import FraudPatterns, fraud_patterns
from gateway.queries.health import health
from gateway.queries.insights import find_insights
from gateway.queries.metrics import CurrencyTotals, PaymentMetrics, payment_metrics
from gateway.queries.reading import ID_LENGTH_MAX, Answer
from gateway.queries.revenue import Breakdown, Revenue, revenue

OnlyWallet = Annotated[
    str | None,
    Field(min_length=1, max_length=ID_LENGTH_MAX, description="Only this owner, or this wallet as CUR:owner"),
]
FORECAST_DAYS_MAX: Final = 60

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


class ForecastDay(Answer):
    """What may be captured on a day to come. `mase` is the method's error on days already past: below 1 it beat the naive guess."""

    currency: str
    day: str
    amount: str
    low: str | None
    high: str | None
    method: str
    mase: float | None


class ToldRevenue(Revenue):
    """With the stored forecast of the days to come, and what it rests on. `forecast_note` says why a forecast is missing."""

    forecast: list[ForecastDay]
    forecast_of: str | None
    """The insight that it comes from: read insights://… for all of it."""
    forecast_note: str | None
    basis: Basis


class Dashboard(Answer):
    """One look at a period. `open_alerts` and `problems` are of now."""

    status: str
    problems: list[str]
    currencies: list[CurrencyTotals]
    by_outcome: list[Count]
    risk_levels: list[Count]
    refused_requests: int
    refused_at_least: bool
    """More may have been refused: a part of the period is counted by the rows that were kept."""
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
        now = self.around.now()
        found = await fraud_patterns(self.around.database(), asked, now=now, wallet=wallet_id, limit=limit)
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
        """Captured, returned and net amounts, step by step and in total, beside the period before, and the stored forecast
        of the days to come. Never added across currencies."""
        asked = self.around.period(period)
        found = await revenue(self.around.database(), asked, breakdown=breakdown, currency=currency)
        latest = (await find_insights(self.around.database(), {"level": "business", "period": "day"}, limit=1)).insights
        told = latest[0].findings.get("forecasts", []) if latest else []
        told = [each for each in told if currency in (None, each["currency"])]
        missing = [f"{each['currency']}: {each['absent']}" for each in told if each.get("absent")]
        days = [day for each in told if not each.get("absent") for day in _forecast(each)]
        return ToldRevenue(
            **found.model_dump(),
            forecast=days[:FORECAST_DAYS_MAX],
            forecast_of=latest[0].id if latest else None,
            forecast_note=None if days else "; ".join(missing) or "no day that is over has an insight yet",
            basis=of_period(asked, found.transactions),
        )

    async def get_dashboard_metrics(self, period: PeriodText = "day") -> Dashboard:
        """One look: health, totals per currency, outcomes, risk levels, refusals, backlog and open alerts."""
        asked, database = self.around.period(period), self.around.database()
        metrics = await payment_metrics(database, asked, now=self.around.now())
        risky = await fraud_patterns(database, asked, now=self.around.now(), limit=1)
        well = await health(database, self.around.settings, now=self.around.now())
        alerts = await find_alerts(database, limit=5)
        return Dashboard(
            status=well.status,
            problems=well.problems,
            currencies=metrics.currencies,
            by_outcome=metrics.by_outcome,
            risk_levels=risky.levels,
            refused_requests=metrics.refused_requests.count,
            refused_at_least=metrics.refused_requests.at_least,
            backlog=metrics.backlog.waiting,
            open_alerts=alerts.open,
            latest_alerts=[f"{alert.alert_id} {alert.severity} {alert.kind}" for alert in alerts.alerts],
            basis=of_period(asked, metrics.events, risky.riskiest[0].model if risky.riskiest else None),
        )


def _forecast(told: dict[str, Any]) -> list[ForecastDay]:
    about = {"currency": told["currency"], "method": told["method"], "mase": told["mase"]}
    return [ForecastDay(**about, **day) for day in told["days"]]
