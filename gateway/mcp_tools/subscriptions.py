"""The subscriptions toolset: how many there are and how they fare."""

from dataclasses import dataclass

from gateway.mcp_tools.asking import Around, PeriodText, of_period
from gateway.queries.basis import Basis
from gateway.queries.subscriptions import SubscriptionAnalytics, subscription_analytics


class ToldSubscriptions(SubscriptionAnalytics):
    """With what it rests on."""

    basis: Basis


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The tools' functions; their docstrings are what an agent reads."""

    around: Around

    async def get_subscription_analytics(self, period: PeriodText = "month") -> ToldSubscriptions:
        """Subscriptions by state, those at risk, and those that started and ended in the period. Money is in their
        invoices' payments."""
        asked = self.around.period(period)
        found = await subscription_analytics(self.around.database(), asked)
        return ToldSubscriptions(**found.model_dump(), basis=of_period(asked, found.subscriptions))
