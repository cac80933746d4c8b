"""The whole audit: every pass over the store, as one report for a person, a program or an alert."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any

from gateway.audit.events import check_acknowledged, check_events
from gateway.audit.findings import Check, Findings
from gateway.audit.objects import check_objects, check_refunds
from gateway.audit.past import check_past
from gateway.audit.proof import Head, check_chain
from gateway.audit.reading import Database, at_one_moment
from gateway.audit.wallets import check_wallets
from gateway.clock import Clock, system_clock, utc
from gateway.encryption import Cipher


@dataclass(frozen=True, slots=True)
class Report:
    """`ok` when no check found anything. `head` proves the chain to whoever kept it."""

    at: datetime
    seconds: float
    checks: list[Check]
    head: Head | None

    @property
    def ok(self) -> bool:
        return not any(check.broken for check in self.checks)

    @property
    def first(self) -> Check | None:
        """The first invariant that does not hold."""
        return next((check for check in self.checks if check.broken), None)

    def to_document(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "at": self.at,
            "seconds": self.seconds,
            "checks": [check.to_document() for check in self.checks],
            "head": asdict(self.head) if self.head else None,
        }


async def audit(
    database: Database, cipher: Cipher, *, acknowledged: Iterable[str] | None = None, clock: Clock = system_clock
) -> Report:
    """Check everything, beside a running gateway or without one. `acknowledged`: ids of events that senders were promised.

    Raises `AuditIncomplete` when MongoDB cannot be read to the end.
    """
    started = monotonic()
    at = utc(clock())
    findings = Findings()
    findings.add([await at_one_moment(database, check) for check in (check_wallets, check_objects, check_refunds)])
    findings.add([await at_one_moment(database, partial(check_events, cipher=cipher))])
    if acknowledged is not None:
        findings.add([await check_acknowledged(database, acknowledged)])
    found, head = await at_one_moment(database, check_chain)
    findings.add([found, await at_one_moment(database, check_past)])
    return Report(at, round(monotonic() - started, 3), findings.in_order(), head)
