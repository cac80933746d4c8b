"""The compliance toolset: what audits found, who did what, which rules for card data hold as far as can be seen."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gateway.mcp_tools.asking import Around, Cursor, Limit, Name, PeriodText, of_period
from gateway.queries.audits import AuditReport, audit_report
from gateway.queries.basis import Basis
from gateway.queries.export import ComplianceExport, Exported, compliance_export
from gateway.queries.pci import PciValidation, pci_validation
from gateway.queries.trail import AuditTrail, audit_trail

Subject = Annotated[str | None, Field(min_length=1, max_length=200, description="Only what was done to this")]
ExportedKind = Annotated[Exported, Field(description="Which records")]


class ToldAudits(AuditReport):
    """With what it rests on."""

    basis: Basis


class ToldPci(PciValidation):
    """With what it rests on."""

    basis: Basis


class ToldTrail(AuditTrail):
    """With what it rests on."""

    basis: Basis


class ToldExport(ComplianceExport):
    """With what it rests on."""

    basis: Basis


@dataclass(frozen=True, slots=True)
class Compliance:
    """The tools' functions; their docstrings are what an agent reads."""

    around: Around

    async def generate_audit_report(self, period: PeriodText = "month") -> ToldAudits:
        """What the ledger's audits of the period found, invariant by invariant, with the head of the sealed chain."""
        asked = self.around.period(period)
        found = await audit_report(self.around.database(), asked)
        return ToldAudits(**found.model_dump(), basis=of_period(asked, found.audits))

    async def validate_pci_compliance(self) -> ToldPci:
        """Checks on stored data that this program can really make; `not_checked` names what it cannot see. Evidence, not a
        certificate."""
        now = self.around.now()
        found = await pci_validation(self.around.database(), self.around.settings, self.around.cipher, now=now)
        looked_at = sum(check.looked_at for check in found.checks)
        return ToldPci(**found.model_dump(), basis=Basis(since=None, until=now, events=looked_at, model=None))

    async def get_audit_trail(
        self,
        period: PeriodText = "month",
        act: Name = None,
        subject: Subject = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> ToldTrail:
        """Who did what by command, API or as an agent, newest first, in pages."""
        asked = self.around.period(period)
        found = await audit_trail(self.around.database(), asked, act=act, subject=subject, limit=limit, cursor=cursor)
        return ToldTrail(**found.model_dump(), basis=of_period(asked, found.total))

    async def export_compliance_data(
        self, kind: ExportedKind, period: PeriodText = "month", limit: Limit = 50, cursor: Cursor = None
    ) -> ToldExport:
        """Records of a period as flat rows, a page at a time, persons and accounts masked. Each page is kept in the audit
        trail."""
        asked = self.around.period(period)
        found = await compliance_export(self.around.database(), kind, asked, limit=limit, cursor=cursor)
        await self.around.note("compliance.export", kind, {"period": period, "rows": len(found.rows)})
        return ToldExport(**found.model_dump(), basis=of_period(asked, found.total))
