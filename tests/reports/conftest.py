"""Documents as the gateway stores them, written into a real MongoDB for the reports to read."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from gateway.events.standing import settled
from gateway.mongo import connect
from gateway.settings import Settings
from reports.collect import collect
from reports.figures import Figures
from reports.generate import Written, generate

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = datetime(2026, 12, 1, tzinfo=UTC)
NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)

Document = dict[str, Any]


class Stored:
    """What is in the store before a report; `figures` and `generate` write it and read it back."""

    def __init__(self, uri: str, database: str) -> None:
        self.uri = uri
        self.database = database
        self.documents: dict[str, list[Document]] = {}
        self.refusals_bytes_max = 1_000_000

    def add(self, collection: str, **document: Any) -> None:
        self.documents.setdefault(collection, []).append(document)

    def booked(
        self,
        kind: str,
        amount_minor: int,
        currency: str = "USD",
        *,
        at: datetime = NOON,
        source: str = "stripe",
        **rest: Any,
    ) -> None:
        """A transaction; its legs are a wallet's and clearing's unless given."""
        sign = {"refund": -1, "dispute_withdrawn": -1}.get(kind, 1) * amount_minor
        legs = [
            {"account": "wallet:alice", "amount_minor": sign, "balance_after": 0, "version": 1},
            {"account": f"clearing:{source}", "amount_minor": -sign},
        ]
        seq = len(self.documents.get("transactions", [])) + 1
        fields: Document = {"_id": f"{source}:{kind}:{seq}", "seq": seq, "legs": legs, "source": source, "at": at}
        self.add("transactions", **(fields | {"kind": kind, "currency": currency, "amount_minor": amount_minor} | rest))

    def transferred(
        self, amount_minor: int, currency: str, *, sender: str, receiver: str, after: tuple[int, int]
    ) -> None:
        """A native transfer that leaves the sender and the receiver with these balances."""
        legs = [
            {"account": f"wallet:{sender}", "amount_minor": -amount_minor, "balance_after": after[0], "version": 2},
            {"account": f"wallet:{receiver}", "amount_minor": amount_minor, "balance_after": after[1], "version": 2},
        ]
        self.booked("transfer", amount_minor, currency, source="payments", legs=legs)

    def received(self, event: str, outcome: str | None = "applied", *, at: datetime = NOON, **rest: Any) -> None:
        """An event; without an outcome it waits in the queue."""
        fields: Document = {
            "_id": f"evt_{event}",
            "source": "stripe",
            "type": "payment_intent.succeeded",
            "tx_id": event,
        }
        standing = {"outcome": outcome, "settled_at": at} if outcome else {"queue": int(at.timestamp() * 1e6)}
        made = fields | {"received_at": at, "body": b"{}"} | standing | rest
        self.add("events", **(made | (settled(made)["$set"] if made.get("outcome") else {})))

    def assessed(self, event: str, score: int | None, **rest: Any) -> None:
        """An insight; without a score it is unscored."""
        fields: Document = {
            "_id": f"evt_{event}", "source": "stripe", "kind": "capture", "wallet": "alice", "counterparty": "shop-1",
            "currency": "USD", "amount_minor": 12_345, "score": score, "level": "high" if score else "unscored",
            "reasons": [{"code": "amount", "points": 40, "text": "9 times the usual amount"}], "confidence": 0.75,
            "model": "rules-1", "at": NOON, "narrative": {"status": "absent", "reason": "no_model_key"},
        }  # fmt: skip
        self.add("insights", **(fields | rest))

    def refused(self, reason: str, status: int, *, at: datetime = NOON, source: str = "stripe") -> None:
        self.add("rejections", at=at, source=source, reason=reason, check="x", status=status)

    def figures(self, since: datetime = SINCE, until: datetime = UNTIL, now: datetime = NOW) -> Figures:
        return self._run(lambda db: collect(db, since=since, until=until, now=now))

    def generate(self, out: Path, since: datetime = SINCE, until: datetime = UNTIL, now: datetime = NOW) -> Written:
        return self._run(lambda db: generate(db, since=since, until=until, out=out, now=now))

    def _run(self, report: Callable[[AsyncDatabase[Document]], Any]) -> Any:
        async def run() -> Any:
            async with connect(self.uri, Settings(_env_file=None, mongo_timeout_ms=30_000)) as client:
                db = client[self.database]
                if "rejections" in self.documents:
                    await db.create_collection("rejections", capped=True, size=self.refusals_bytes_max)
                for collection, documents in self.documents.items():
                    await db[collection].insert_many(documents)
                self.documents = {}
                return await report(db)

        return asyncio.run(run())


@pytest.fixture
def stored(mongo_uri: str, database_name: str) -> Stored:
    return Stored(mongo_uri, database_name)


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def day() -> timedelta:
    return timedelta(days=1)
