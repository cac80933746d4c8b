"""The turns of what runs beside the writer: whatever is odd in one of them ends neither the pass nor the worker it runs in."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Any, TypeVar

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, PyMongoError
from structlog import get_logger

from gateway.clock import Clock, utc
from gateway.monitoring.alerts import Alert, Severity, raise_alert, resolve_alerts

log = get_logger(__name__)
Result = TypeVar("Result")

KIND = "pass_failed"


class Turns:
    """Of one pass, by its name. A fault is logged and becomes an alert, which the next turn that succeeds resolves."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], name: str, clock: Clock) -> None:
        self._database = database
        self._name = name
        self._clock = clock
        self._may_be_open = True

    async def take(self, turn: Awaitable[Result], *, otherwise: Result) -> Result:
        """What the turn gives; `otherwise` when it failed. It is tried again at the pass's next turn."""
        try:
            result = await turn
            if self._may_be_open:
                await self._resolve()
        except ConnectionFailure as away:
            log.warning("pass_paused", name=self._name, error=type(away).__name__)
        except Exception as fault:  # the writer beside it must outlive a document that is odd
            await self._tell(fault, utc(self._clock()))
        else:
            return result
        return otherwise

    async def _resolve(self) -> None:
        open_alert = {"open": f"{KIND}:{self._name}"}
        if await self._database["alerts"].find_one(open_alert, {"_id": 1}):
            others = self._database["alerts"].find({"kind": KIND, "open": {"$exists": True}}, {"subject": 1})
            still = [each["subject"] async for each in others if each["subject"] != self._name]
            await resolve_alerts(self._database, KIND, still=still, now=utc(self._clock()))
        self._may_be_open = False

    async def _tell(self, fault: Exception, now: datetime) -> None:
        log.error("pass_failed", name=self._name, error=type(fault).__name__)
        self._may_be_open = True
        summary = f"The pass that makes {self._name} fails ({type(fault).__name__}) and is tried again; payments are not held up."
        alert = Alert(KIND, self._name, Severity.WARNING, summary, {"error": type(fault).__name__})
        try:
            await raise_alert(self._database, alert, now=now)
        except PyMongoError as away:
            log.warning("alert_not_stored", error=type(away).__name__)
