"""A database that reports are asked of, and when the tests ask."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from booked_store import CIPHER, Booking, on_database

from gateway.mongo import connect
from gateway.queries.reading import Database
from gateway.settings import Settings
from reports.asked import Asked
from reports.collect import Collected, collect
from reports.formats import ALL
from reports.generate import Wishes, Written, generate, make
from reports.period import read_period
from reports.report import Report
from simulators.traffic import Item

DAY = datetime(2026, 11, 21, tzinfo=UTC)
"""The day that `booked_store` books on."""
LATER = DAY + timedelta(days=3)
"""When the reports are asked for: every period before is over."""
WEEKS_FIRST = datetime(2026, 9, 28, tzinfo=UTC)
WEEKS_DAYS = 42
SCHEMES = {"stripe": "stripe", "razorpay": "razorpay", "payments": "native"}


@dataclass
class Ledger:
    """A database that reports are asked of."""

    uri: str
    name: str
    items: list[Item] = field(default_factory=list)

    def run(self, use: Callable[[Database], Awaitable[Any]]) -> Any:
        return on_database(self.uri, self.name, use, prepared=False)

    def asked(self, period: str, zone: str = "UTC", **filters: Any) -> Asked:
        return Asked(read_period(period, LATER, zone), **filters)

    def collect(self, asked: Asked, now: datetime = LATER) -> Collected:
        return self.run(lambda database: collect(database, asked, now=now, cipher=CIPHER))

    def report(self, asked: Asked, wishes: Wishes | None = None, now: datetime = LATER) -> Report:
        return self.run(lambda database: make(database, asked, wishes or Wishes(CIPHER), now=now))

    def write(self, asked: Asked, out: Path, wishes: Wishes | None = None) -> Written:
        return self.run(
            lambda database: generate(database, asked, wishes or Wishes(CIPHER), now=LATER, out=out, formats=ALL)
        )

    def book(self, *events: dict[str, Any], at: datetime) -> None:
        """Further events, booked by the engine at that moment."""
        self.run(lambda database: Booking(database, now=at.timestamp()).book(events))


def new_ledger(uri: str) -> Ledger:
    ledger = Ledger(uri, f"test_{secrets.token_hex(8)}")
    on_database(uri, ledger.name, _nothing)
    return ledger


async def _nothing(_: Database) -> None:
    """Only the indexes."""


def drop(ledger: Ledger) -> None:
    async def gone() -> None:
        async with connect(ledger.uri, Settings(_env_file=None, mongo_timeout_ms=30_000)) as client:
            await client.drop_database(ledger.name)

    asyncio.run(gone())
