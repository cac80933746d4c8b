"""The reports toolset: a period as one page of figures, whole or by the sections that are asked for."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from gateway.mcp_tools.asking import Around, Currency, PeriodText, of_period
from gateway.queries.basis import Basis
from gateway.queries.fraud import fraud_patterns
from gateway.queries.metrics import payment_metrics
from gateway.queries.performance import Performance, performance
from gateway.queries.period import Period
from gateway.queries.reading import Answer
from gateway.queries.refusals import security
from gateway.queries.revenue import revenue
from gateway.queries.subscriptions import subscription_analytics

Section = Literal[
    "totals", "revenue", "outcomes", "sources", "risk", "refusals", "attacks", "performance", "subscriptions"
]
ROWS_MAX: Final = 500

Sections = Annotated[
    list[Section], Field(min_length=1, max_length=9, description="Which parts, in this order; each once")
]


class ReportRow(Answer):
    """One figure. A row has an amount with its currency, a count, or a number with its unit; the rest is null."""

    section: str
    name: str
    currency: str | None = None
    amount: str | None = None
    amount_minor: int | None = None
    count: int | None = None
    at_least: bool = False
    """`count` is a lower bound."""
    number: float | None = None
    unit: str | None = None


class ToldPerformance(Performance):
    """With what it rests on."""

    refused_requests: int
    refused_at_least: bool
    """More may have been refused: a part of the period is counted by the rows that were kept."""
    backlog: int
    basis: Basis


class CustomReport(Answer):
    """The rows of the sections that were asked for; `truncated` when there were more than one answer holds."""

    sections: list[str]
    rows: list[ReportRow]
    truncated: bool
    empty_sections: list[str]
    """Asked for, and nothing is stored of it in the period."""
    basis: Basis


@dataclass(frozen=True, slots=True)
class Reports:
    """The tools' functions; their docstrings are what an agent reads."""

    around: Around

    async def generate_performance_report(self, period: PeriodText = "day") -> ToldPerformance:
        """How fast events were settled and how they ended, source by source, with refusals and the backlog."""
        asked, database = self.around.period(period), self.around.database()
        found = await performance(database, asked)
        metrics = await payment_metrics(database, asked, now=self.around.now())
        return ToldPerformance(
            **found.model_dump(),
            refused_requests=metrics.refused_requests.count,
            refused_at_least=metrics.refused_requests.at_least,
            backlog=metrics.backlog.waiting,
            basis=of_period(asked, found.events),
        )

    async def generate_custom_report(
        self, sections: Sections, period: PeriodText = "week", currency: Currency = None
    ) -> CustomReport:
        """The sections you name, as flat rows. Amounts are per currency and never added up."""
        asked, database = self.around.period(period), self.around.database()
        metrics = await payment_metrics(database, asked, now=self.around.now())
        rows: list[ReportRow] = []
        empty: list[str] = []
        for section in dict.fromkeys(sections):
            found = await self._section(section, asked, currency)
            rows += found
            empty += [] if found else [section]
        return CustomReport(
            sections=list(dict.fromkeys(sections)),
            rows=rows[:ROWS_MAX],
            truncated=len(rows) > ROWS_MAX,
            empty_sections=empty,
            basis=of_period(asked, metrics.events),
        )

    async def _section(self, section: Section, asked: Period, currency: str | None) -> list[ReportRow]:
        database = self.around.database()
        match section:
            case "totals" | "outcomes" | "sources" | "refusals":
                return await self._counted(section, asked, currency)
            case "revenue":
                steps = (await revenue(database, asked, currency=currency)).steps
                return [
                    _money(section, f"net {step.since.date()}", step.currency, step.net, step.net_minor)
                    for step in steps
                ]
            case "risk":
                patterns = await fraud_patterns(database, asked, now=self.around.now(), limit=1)
                named = [("level", each) for each in patterns.levels] + [("reason", each) for each in patterns.reasons]
                return [ReportRow(section=section, name=f"{of} {each.name}", count=each.count) for of, each in named]
            case "attacks":
                spikes = await security(database, since=asked.since, until=asked.until, limit=100)
                return [
                    ReportRow(section=section, name=f"{spike.kind} at {spike.source}", count=spike.count)
                    for spike in spikes.insights
                ]
            case "performance":
                return _times(section, await performance(database, asked))
            case "subscriptions":
                found = await subscription_analytics(database, asked)
                return [ReportRow(section=section, name=each.name, count=each.count) for each in found.states]

    async def _counted(self, section: str, asked: Period, currency: str | None) -> list[ReportRow]:
        metrics = await payment_metrics(self.around.database(), asked, now=self.around.now())
        if section == "totals":
            return [
                _money(section, name, each.currency, getattr(each, name), getattr(each, f"{name}_minor"))
                for each in metrics.currencies
                if currency in (None, each.currency)
                for name in ("captured", "refunded", "refunds_returned", "transferred")
            ]
        counts = {
            "outcomes": metrics.by_outcome,
            "sources": metrics.by_source,
            "refusals": metrics.refused_requests.by_reason,
        }
        at_least = section == "refusals" and metrics.refused_requests.at_least
        return [
            ReportRow(section=section, name=each.name, count=each.count, at_least=at_least) for each in counts[section]
        ]


def _money(section: str, name: str, currency: str, amount: str, amount_minor: int) -> ReportRow:
    return ReportRow(section=section, name=name, currency=currency, amount=amount, amount_minor=amount_minor)


def _times(section: str, found: Performance) -> list[ReportRow]:
    names = ("settled_ms_median", "settled_ms_95", "settled_ms_99", "settled_ms_max")
    return [
        ReportRow(section=section, name=name, number=getattr(found, name), unit="ms")
        for name in names
        if getattr(found, name) is not None
    ]
