"""The tools that note something for people: alerts, measurements, errors. They move nothing and are done once.

What an agent writes is a text of others for the next one who reads it: it is cleaned and masked, and shown only under `untrusted`.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from pymongo.errors import DuplicateKeyError
from structlog import get_logger

from gateway.errors import BadRequest
from gateway.masking import mask
from gateway.mcp_tools.asking import Around
from gateway.mcp_tools.once import Done, IdempotencyKey, Result, once
from gateway.monitoring.alerts import Alert, Severity, raise_alert, resolve_alert
from gateway.queries.alerts import AGENT_ALERT, find_alert
from gateway.queries.reading import ID_LENGTH_MAX, answered_within
from gateway.queries.recorded import ERRORS, METRICS
from gateway.queries.untrusted import clean

log = get_logger(__name__)

TEXT_CHARS_MAX: Final = 500
_TEXTS: Final = frozenset({"text", "message"})

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/-]{1,64}$", description="A name without spaces")]
Text = Annotated[str, Field(min_length=1, max_length=TEXT_CHARS_MAX, description="What a person should know")]
AlertId = Annotated[str, Field(min_length=1, max_length=ID_LENGTH_MAX, description="As get_active_alerts lists it")]
SeverityName = Annotated[Literal["warning", "critical"], Field(description="How urgent it is")]
Value = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15, description="The measured value; never money")]


class AlertResult(Done):
    """The alert as it is now."""

    alert_id: str
    status: Literal["open", "resolved"]
    new: bool
    """False when the same subject was open already, or this one was resolved before."""


class RecordResult(Done):
    """What was recorded."""

    record_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Recording:
    """The tools' functions; their docstrings are what an agent reads."""

    around: Around

    async def create_alert(
        self, subject: Word, text: Text, idempotency_key: IdempotencyKey, severity: SeverityName = "warning"
    ) -> AlertResult:
        """Raise an alert for a person. One is open per subject; raising it again notes that it lasts."""
        parameters = {"subject": subject, "text": text, "severity": severity}

        async def do(_: str) -> AlertResult:
            by = self.around.caller().key_id
            summary = f"An agent ({by}) raised {subject}; its own words are untrusted."
            told = Alert(AGENT_ALERT, subject, Severity(severity), summary, {"text": _kept(text), "by": by})
            with answered_within():
                new = await raise_alert(self.around.database(), told, now=self.around.now())
                open_now = {"open": f"{AGENT_ALERT}:{subject}"}
                found = await self.around.database().alerts.find_one(open_now, {"_id": 1})
            if found is None:
                raise BadRequest("Somebody resolved this alert in the same moment; raise it again with a new key.")
            return AlertResult(done_at=self.around.now(), alert_id=found["_id"], status="open", new=new)

        return await self._once("create_alert", idempotency_key, parameters, do, AlertResult, subject)

    async def resolve_alert(self, alert_id: AlertId, idempotency_key: IdempotencyKey) -> AlertResult:
        """Close an alert that an agent raised. The gateway's own alerts close by themselves or by a person."""
        alert = await find_alert(self.around.database(), alert_id)
        if alert.kind != AGENT_ALERT:
            raise BadRequest(
                f"This is an alert of the kind {alert.kind}: it closes when what it tells of is over, or by a person."
            )

        async def do(_: str) -> AlertResult:
            with answered_within():
                was_open = await resolve_alert(self.around.database(), alert_id, now=self.around.now())
            return AlertResult(done_at=self.around.now(), alert_id=alert_id, status="resolved", new=was_open)

        return await self._once("resolve_alert", idempotency_key, {"alert_id": alert_id}, do, AlertResult, alert_id)

    async def record_performance_metric(
        self, name: Word, value: Value, idempotency_key: IdempotencyKey, unit: Word = "count"
    ) -> RecordResult:
        """Record one measurement under a name; get_performance_metrics sums them up. Never an amount of money."""
        parameters = {"name": name, "value": value, "unit": unit}

        async def do(call_id: str) -> RecordResult:
            return await self._record(METRICS, f"met_{call_id}", name, {"name": name, "value": value, "unit": unit})

        return await self._once("record_performance_metric", idempotency_key, parameters, do, RecordResult, name)

    async def log_error(
        self, component: Word, message: Text, idempotency_key: IdempotencyKey, severity: SeverityName = "warning"
    ) -> RecordResult:
        """Record an error that you met, for people; get_system_status counts them by component."""
        parameters = {"component": component, "message": message, "severity": severity}

        async def do(call_id: str) -> RecordResult:
            fields: dict[str, object] = {"component": component, "severity": severity, "message": _kept(message)}
            log.warning("agent_error", key_id=self.around.caller().key_id, **fields)
            return await self._record(ERRORS, f"err_{call_id}", component, fields)

        return await self._once("log_error", idempotency_key, parameters, do, RecordResult, component)

    async def _record(self, collection: str, record_id: str, name: str, fields: dict[str, object]) -> RecordResult:
        now = self.around.now()
        document = {"_id": record_id, "at": now, "by": self.around.caller().key_id, **fields}
        with answered_within(), suppress(DuplicateKeyError):  # a retry after a crash in between
            await self.around.database()[collection].insert_one(document)
        return RecordResult(done_at=now, record_id=record_id, name=name)

    async def _once(
        self,
        tool: str,
        key: str,
        parameters: dict[str, Any],
        do: Callable[[str], Awaitable[Result]],
        gives: type[Result],
        subject: str,
    ) -> Result:
        """The texts are part of what the key is bound to, and of no act."""
        return await once(self.around, tool, key, parameters, do, gives=gives, subject=subject, untold=_TEXTS)


def _kept(text: str) -> str:
    return mask(clean(text))
