"""The engine in one process, a step at a time: what web processes and workers do, in an order that the test decides."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import time
from typing import Any, Final

from booked_store import CIPHER, audit
from running_gateway import SECRETS

from gateway.access.limits import Limits
from gateway.clock import system_clock
from gateway.errors import Conflict
from gateway.events.event import event_document
from gateway.events.store import EventStore, waiting
from gateway.ingress.delivery import Delivery
from gateway.ingress.identity import identify
from gateway.ingress.providers.sources import open_sources, window_of
from gateway.ingress.verify import verify
from gateway.ledger.lease import Lease
from gateway.ledger.store import LedgerStore
from gateway.pipeline import Incidents, Processing, Reception
from gateway.pipeline.scoring import Scoring
from gateway.queries.reading import Database
from gateway.settings import Settings
from simulators.crash.check import Verdict, check
from simulators.crash.provider import Journal, Promise
from simulators.signing import sign
from simulators.sources import SOURCES
from simulators.traffic import Item, Send
from simulators.traffic.cast import Person

LEASE_S: Final = 0.5
SETTINGS: Final = Settings(_env_file=None, **{name.lower(): secret for name, secret in SECRETS.items()})  # type: ignore[arg-type]


class Killed(BaseException):
    """What a process does not survive; in one process it goes up to the test."""


def owner(name: str) -> Person:
    return Person(name, f"cus_{name}", "payer@example.com", "USD", 1, 1, (0, 24), ())


class Web:
    """One web process: receives deliveries and keeps the journal of what it answered to them."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._journal = journal
        self._sources = open_sources(SETTINGS)
        store = EventStore(database, batch_max=500, waiting_max=1_000, timeout_ms=10_000)
        self._reception = Reception(
            self._sources,
            store,
            Incidents(database, CIPHER),
            cipher=CIPHER,
            limits=Limits(SETTINGS),
            window=window_of(SETTINGS),
        )

    async def receive(self, *items: Item) -> None:
        """One after the other, each answered."""
        for item in items:
            try:
                receipt = await self._reception.receive(_delivery(item))
            except Conflict:
                self._journal.note(Send(item), 409, {}, sent_at=time())
                continue
            status = 202 if receipt.created else 200
            self._journal.note(Send(item), status, {"event_id": receipt.event_id}, sent_at=time())


class Writer:
    """One worker: has the lease from `take_over` on."""

    def __init__(self, database: Database) -> None:
        self._events = database["events"]
        self._lease = Lease(database, lease_s=LEASE_S)
        self._processing = Processing(
            database,
            LedgerStore(database, self._lease),
            cipher=CIPHER,
            clock=system_clock,
            scoring=Scoring(database, narrate_from_score=60, model_configured=False),
        )

    async def take_over(self) -> None:
        """Waits until the lease is free."""
        await self._lease.acquire(asyncio.Event())
        await self._processing.start()

    async def give_up(self) -> None:
        await self._lease.release()

    async def claim(self, limit: int = 500) -> Sequence[dict[str, Any]]:
        return await waiting(self._events, limit)

    async def settle(self, claimed: Sequence[dict[str, Any]] | None = None) -> None:
        """What was claimed, else everything that waits, until nothing does."""
        while batch := await self.claim() if claimed is None else claimed:
            await self._processing.process(batch)
            if claimed is not None:
                return


async def store_early(database: Database, journal: Journal, items: Iterable[Item]) -> None:
    """Events that were stored and acknowledged, in this order."""
    for item in items:
        source = open_sources(SETTINGS)[item.source]
        verified = verify(_delivery(item), source, window_of(SETTINGS))
        document = event_document(verified, identify(verified, source.scheme), source.scheme.name, CIPHER)
        await database["events"].insert_one(document)
        journal.promises[item.source, item.event_id] = Promise(item, document["_id"])


async def judged(database: Database, journal: Journal) -> tuple[Verdict, list[str]]:
    """What the harness says, and the invariants that the audit finds broken."""
    report = await audit(database)
    return await check(database, journal, CIPHER), [found.id for found in report.checks if found.broken]


def new_journal(folder: Path) -> Journal:
    return Journal(folder / "answers.jsonl")


def _delivery(item: Item) -> Delivery:
    source = SOURCES[item.source]
    headers = sign(source.scheme, SECRETS[source.setting], item.body, at=int(time()), message_id=item.event_id)
    raw = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
    return Delivery(item.source, raw, item.body, time(), "192.0.2.1")
