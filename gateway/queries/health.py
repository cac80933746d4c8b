"""Is the gateway well? MongoDB answers, the worker keeps up, the model is there or said to be absent."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Final, Literal

import pymongo
from pymongo.errors import PyMongoError

from gateway.clock import Clock
from gateway.errors import StoreUnavailable
from gateway.monitoring.components import OLD_AFTER_S
from gateway.queries.backlog import backlog
from gateway.queries.reading import Answer, Database, answered_within
from gateway.settings import Settings

PING_S_MAX: Final = 1.0
READY_KEPT_S: Final = 1.0
"""/ready is open to anyone, so MongoDB is asked at most once in this time, however often it is called."""

BACKLOG_OLD_S: Final = 60.0
"""A backlog whose oldest event is older than this is called degraded."""


class Health(Answer):
    """`status` is ok, degraded (events are accepted, something lags: see `problems`) or down (MongoDB is silent)."""

    status: Literal["ok", "degraded", "down"]
    problems: list[str]
    mongodb: Literal["reachable", "unreachable"]
    mongodb_ping_ms: float | None
    worker: Literal["running", "absent", "unknown"]
    backlog: int | None
    backlog_oldest_age_s: float | None
    model: Literal["configured", "absent"]
    model_state: str
    """As the worker last told: absent, not asked yet, ok, failing, open circuit; unknown when it tells nothing."""
    model_reason: str
    narratives_waiting: int | None


async def health(database: Database, settings: Settings, *, now: datetime) -> Health:
    """Never raises for a MongoDB that is down: that is one of the answers."""
    model: Literal["configured", "absent"] = "configured" if _has_model(settings) else "absent"
    reason = settings.gemini_model if model == "configured" else "GEMINI_API_KEY is not set; scores are local as ever"
    try:
        ping_ms = await _ping_ms(database)
        waiting = await backlog(database, now=now)
        running = await _worker_runs(database, now=now)
        narratives = await _narratives_waiting(database)
        told = await _model_told(database, now=now)
    except StoreUnavailable:
        return Health(
            status="down",
            problems=["MongoDB does not answer; webhooks are answered with 503 until it does."],
            mongodb="unreachable",
            mongodb_ping_ms=None,
            worker="unknown",
            backlog=None,
            backlog_oldest_age_s=None,
            model=model,
            model_state="unknown",
            model_reason=reason,
            narratives_waiting=None,
        )
    problems = []
    if not running:
        problems.append("No worker holds the writer's lease: events are stored and wait.")
    if (waiting.oldest_age_s or 0.0) > BACKLOG_OLD_S:
        problems.append(f"The oldest waiting event is older than {BACKLOG_OLD_S:.0f} s.")
    if told in ("failing", "open circuit"):
        problems.append(f"The model does not answer ({told}): events are scored locally, their narratives wait.")
    return Health(
        status="degraded" if problems else "ok",
        problems=problems,
        mongodb="reachable",
        mongodb_ping_ms=ping_ms,
        worker="running" if running else "absent",
        backlog=waiting.waiting,
        backlog_oldest_age_s=waiting.oldest_age_s,
        model=model,
        model_state=told,
        model_reason=reason,
        narratives_waiting=narratives,
    )


class Readiness:
    """Can requests be served now? Asks MongoDB, at most once in `READY_KEPT_S`; callers in between share the answer."""

    def __init__(self, database: Callable[[], Database], *, clock: Clock = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._asked_at = float("-inf")
        self._ready = False
        self._asking = asyncio.Lock()

    async def check(self) -> None:
        """Returns when ready. Raises `StoreUnavailable`."""
        async with self._asking:
            if self._clock() - self._asked_at >= READY_KEPT_S:
                self._ready = await self._ask()
                self._asked_at = self._clock()
        if not self._ready:
            raise StoreUnavailable("MongoDB does not answer.")

    async def _ask(self) -> bool:
        try:
            await _ping_ms(self._database())
        except StoreUnavailable:
            return False
        return True


def _has_model(settings: Settings) -> bool:
    return settings.gemini_api_key is not None and bool(settings.gemini_api_key.get_secret_value())


async def _ping_ms(database: Database) -> float:
    started = monotonic()
    try:
        with pymongo.timeout(PING_S_MAX):
            await database.command("ping")
    except PyMongoError as failed:
        raise StoreUnavailable("MongoDB does not answer.") from failed
    return round((monotonic() - started) * 1_000, 2)


async def _worker_runs(database: Database, *, now: datetime) -> bool:
    with answered_within():
        lease = await database.leases.find_one({"_id": "writer"}, {"expires_at": 1})
    return lease is not None and lease["expires_at"] > now


async def _model_told(database: Database, *, now: datetime) -> str:
    with answered_within():
        told = await database.components.find_one({"_id": "model"})
    if told is None or (now - told["at"]).total_seconds() > OLD_AFTER_S:
        return "unknown"
    return str(told["state"])


async def _narratives_waiting(database: Database) -> int:
    with answered_within():
        return await database.insights.count_documents({"narrate": {"$exists": True}}, limit=10_000)
