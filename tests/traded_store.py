"""Weeks of booked payments and their insights, as the writer leaves them: what days, weeks and months are told from."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from seeded_store import book

from gateway.queries.reading import Database

Document = dict[str, Any]

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
WEEK = (10, 12, 11, 12, 14, 4, 2)
"""Payments of each weekday."""


def payment(number: int, at: datetime, *, failed: bool = False, amount_minor: int = 10_00) -> tuple[Document, Document]:
    """A booked payment of one of three wallets, and its insight."""
    source = "stripe" if number % 2 else "razorpay"
    event_id = f"evt_{number:032x}"
    owner = f"wallet-{number % 3}"
    booked = {
        "_id": f"{source}:capture:{number}",
        "seq": number - 100_000,  # before whatever else a store has
        "event_id": event_id,
        "source": source,
        "kind": "state" if failed else "capture",
        "object": f"{source}:payment:{number}",
        "change": {"from": "NEW", "to": "FAILED" if failed else "CAPTURED"},
        "currency": "USD",
        "amount_minor": amount_minor,
        "legs": [],
        "wallets": [owner],
        "occurred_at": at - timedelta(seconds=3),
        "at": at,
    }
    insight = {
        "_id": event_id,
        "wallet": owner,
        "currency": "USD",
        "amount_minor": amount_minor,
        "score": number % 40,
        "level": "low",
        "model": "rules-1",
        "occurred_at": at,
        "at": at,
    }
    return booked, insight


async def trade(database: Database, weeks: int, *, unlike: Mapping[int, Mapping[str, Any]] | None = None) -> int:
    """Weeks of payments that are alike, but for the days in `unlike`: {day: {"times": 5, "failed": True}}."""
    number, transactions, insights = 0, [], []
    for day in range(7 * weeks):
        told = (unlike or {}).get(day, {})
        for place in range(WEEK[day % 7] * told.get("times", 1)):
            number += 1
            at = MONDAY + timedelta(days=day, minutes=place)
            failed = number % 20 == 0 or (told.get("failed", False) and number % 2 == 0)
            booked, insight = payment(number, at, failed=failed)
            transactions.append(booked)
            insights.append(insight)
    await book(database, transactions)
    await database["insights"].insert_many(insights)
    return number
