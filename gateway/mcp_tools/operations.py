"""The operations toolset: is the gateway well, what needs a look, how fast is it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway import __version__
from gateway.mcp_tools.asking import Around, Cursor, IncludeUntrusted, Limit, Name, PeriodText, of_period
from gateway.queries.alerts import Alerts, find_alerts
from gateway.queries.audits import audit_report
from gateway.queries.basis import Basis
from gateway.queries.health import Health, health
from gateway.queries.performance import Performance, performance
from gateway.queries.reading import Answer
from gateway.queries.recorded import RecordedErrors, RecordedMetric, recorded_errors, recorded_metrics
from gateway.queries.refusals import security

Severity = Annotated[Literal["warning", "critical"] | None, Field(description="Only this severity")]


class ToldHealth(Health):
    """With what it rests on: the moment it was asked."""

    basis: Basis


class SystemStatus(Answer):
    """The gateway at a glance. `last_audit_ok` is null when no audit ran in the last month."""

    status: str
    problems: list[str]
    version: str
    at: datetime
    worker: str
    mongodb: str
    model_state: str
    backlog: int | None
    open_alerts: int
    lasting_attacks: int
    last_audit_at: datetime | None
    last_audit_ok: bool | None
    recorded_errors: list[RecordedErrors]
    """Told by agents in the last week."""
    basis: Basis


class ToldAlerts(Alerts):
    """With what it rests on."""

    basis: Basis


class PerformanceMetrics(Performance):
    """What the gateway measured of itself, and what agents recorded."""

    recorded: list[RecordedMetric]
    basis: Basis


@dataclass(frozen=True, slots=True)
class Operations:
    """The tools' functions; their docstrings are what an agent reads."""

    around: Around

    async def perform_health_check(self) -> ToldHealth:
        """Does MongoDB answer, does the worker keep up, how is the model; problems as sentences."""
        found = await health(self.around.database(), self.around.settings, now=self.around.now())
        basis = Basis(since=self.around.now(), until=self.around.now(), events=found.backlog or 0, model=None)
        return ToldHealth(**found.model_dump(), basis=basis)

    async def get_system_status(self) -> SystemStatus:
        """Health, version, open alerts, attacks that last, and what the last audit of the ledger found."""
        database, now = self.around.database(), self.around.now()
        week, month = self.around.period("week"), self.around.period("month")
        well = await health(database, self.around.settings, now=now)
        alerts = await find_alerts(database, limit=1)
        attacks = await security(database, since=week.since, until=week.until, limit=1)
        audits = await audit_report(database, month)
        return SystemStatus(
            status=well.status,
            problems=well.problems,
            version=__version__,
            at=now,
            worker=well.worker,
            mongodb=well.mongodb,
            model_state=well.model_state,
            backlog=well.backlog,
            open_alerts=alerts.open,
            lasting_attacks=attacks.lasting,
            last_audit_at=audits.latest_at,
            last_audit_ok=audits.latest_ok,
            recorded_errors=await recorded_errors(database, week),
            basis=of_period(month, alerts.open + attacks.lasting + audits.audits),
        )

    async def get_active_alerts(
        self,
        severity: Severity = None,
        limit: Limit = 20,
        cursor: Cursor = None,
        include_untrusted: IncludeUntrusted = False,
    ) -> ToldAlerts:
        """The open alerts, newest first, in pages: broken invariants, parked events, attacks, requests of agents."""
        found = await find_alerts(
            self.around.database(), severity=severity, limit=limit, cursor=cursor, include_untrusted=include_untrusted
        )
        since = min((alert.at for alert in found.alerts), default=None)
        basis = Basis(since=since, until=self.around.now(), events=len(found.alerts), model=None)
        return ToldAlerts(**found.model_dump(), basis=basis)

    async def get_performance_metrics(self, period: PeriodText = "day", name: Name = None) -> PerformanceMetrics:
        """Times from arrival to outcome and outcomes by source, measured by the gateway; and metrics agents recorded."""
        asked = self.around.period(period)
        found = await performance(self.around.database(), asked)
        recorded = await recorded_metrics(self.around.database(), asked, name=name)
        events = found.events + sum(metric.count for metric in recorded)
        return PerformanceMetrics(**found.model_dump(), recorded=recorded, basis=of_period(asked, events))
