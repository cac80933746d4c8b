"""Days of payments, booked by the real posting rules straight into a database: months of history in seconds.

For what reads the ledger and is in no hurry to watch it being written: reports, forecasts, their pictures and their measure.
No webhook is sent and no event's body is stored; legs, balances, seals and objects are those the writer would have stored.
One seed gives the same days.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from pymongo import ReplaceOne

from gateway.events.event import PaymentEvent
from gateway.ledger.books import Books, ProviderObject
from gateway.ledger.chain import ChainEnd, Seal
from gateway.ledger.store import ledger_writes
from gateway.ledger.transaction import Transaction
from gateway.ledger.wallet import Wallet
from gateway.queries.reading import Database

BATCH: Final = 1_000
BATCH_MIN: Final = 25
"""A batch is stamped with one moment: on a busy day there is one an hour or so."""
REMEMBERED: Final = 4_000
"""Payments that a refund or a dispute may still concern."""
SOURCES: Final = (("stripe", ("USD", "EUR")), ("razorpay", ("INR",)), ("standard", ("EUR", "USD")))
WEEKDAYS: Final = (1.0, 1.05, 1.1, 1.1, 1.3, 0.8, 0.6)
"""Monday to Sunday, times the usual."""


@dataclass(slots=True)
class _Known:
    """What the next batch may need of the ledger."""

    objects: dict[str, ProviderObject] = field(default_factory=dict)
    wallets: dict[str, Wallet] = field(default_factory=dict)
    payments: deque[PaymentEvent] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


async def book_days(
    database: Database, *, first: datetime, days: int, events_per_day: int, seed: int = 1, wallets: int = 300
) -> int:
    """Book `days` days from `first` (UTC midnight) into an empty ledger; gives the number of transactions."""
    random, known = Random(seed), _Known()
    end, number = ChainEnd(1), 0
    for day in range(days):
        midnight = first + timedelta(days=day)
        usual = WEEKDAYS[midnight.weekday()] * (1 + 0.1 * math.sin(day / 9))
        moments = sorted(_moment(random, midnight) for _ in range(max(1, round(events_per_day * usual))))
        batch = min(BATCH, max(BATCH_MIN, len(moments) // 24))
        for start in range(0, len(moments), batch):
            events = []
            for at in moments[start : start + batch]:
                number += 1
                events += list(_event(random, known, at, number, wallets))
            end = await _book(database, known, events, end)
    lease = {"$set": {"next_seq": end.next_seq}, "$setOnInsert": {"holder": "", "epoch": 0, "expires_at": first}}
    await database["leases"].update_one({"_id": "writer"}, lease, upsert=True)
    return end.next_seq - 1


def _moment(random: Random, midnight: datetime) -> float:
    """Some time of the day, mostly the afternoon."""
    return midnight.timestamp() + random.triangular(0, 86_399, 54_000)


def _event(random: Random, known: _Known, at: float, number: int, wallets: int) -> Iterator[PaymentEvent]:
    chance = random.random()
    if chance < 0.08 and known.payments:
        yield from _back(random, known, at, number)
        return
    source, currencies = random.choice(SOURCES)
    wallet = None if chance > 0.985 else f"owner-{random.randrange(wallets):04d}"
    amount = round(math.exp(random.gauss(8.0, 0.9)))
    currency = random.choice(currencies)
    paid = PaymentEvent(
        event_id=f"evt_{number:030d}pp",
        source=source,
        kind="payment",
        step="failed" if 0.08 <= chance < 0.12 else "captured",
        object_id=f"pay_{number}",
        occurred_at=at,
        amount_minor=amount,
        currency=currency,
        wallet=wallet,
    )
    if paid.step == "captured":
        known.payments.append(paid)
    yield paid


def _back(random: Random, known: _Known, at: float, number: int) -> Iterator[PaymentEvent]:
    """A refund, or now and then a dispute that may be lost, of an earlier payment; taken off the list, so that it is the only
    one."""
    place = random.randrange(len(known.payments))
    paid = known.payments[place]
    del known.payments[place]
    part = paid.amount_minor if random.random() < 0.7 else max(1, paid.amount_minor // 2)
    steps: tuple[str, ...] = ("succeeded",) if random.random() < 0.97 else ("created",)
    kind, name = "refund", "rf"
    if random.random() < 0.12:
        kind, name, part = "dispute", "dp", paid.amount_minor
        steps = random.choice((("created",), ("created", "withdrawn"), ("withdrawn", "reinstated")))
    for step in steps:
        yield PaymentEvent(
            event_id=f"evt_{number:030d}{kind[0]}{step[0]}",
            source=paid.source,
            kind=kind,
            step=step,
            object_id=f"{name}_{number}",
            occurred_at=at,
            parent_id=paid.object_id,
            amount_minor=part,
            currency=paid.currency,
        )


async def _book(database: Database, known: _Known, events: list[PaymentEvent], end: ChainEnd) -> ChainEnd:
    """One batch, stamped with the time of its last event."""
    keys = {key for event in events for key in (event.key, event.parent_key) if key}
    books = Books(
        objects={key: known.objects[key] for key in keys if key in known.objects}, wallets=dict(known.wallets)
    )
    applied: list[tuple[PaymentEvent, Transaction]] = []
    for event in events:
        transaction = books.apply(event).transaction
        if transaction is not None:
            applied.append((event, transaction))
    now = max(event.occurred_at for event in events)
    writes = await ledger_writes(books, [each for _, each in applied], first_seq=end.next_seq, now=now)
    seal = Seal(end)
    for document in writes[-1].inserts:
        seal.add(document)
    for write in writes:
        if write.inserts:
            await database[write.collection].insert_many(list(write.inserts), ordered=False)
        if write.replacements:
            changes = [ReplaceOne({"_id": document["_id"]}, document) for document in write.replacements]
            await database[write.collection].bulk_write(changes, ordered=False)
    sealed = list(seal.documents(datetime.fromtimestamp(now, UTC)))
    if sealed:
        await database["seals"].insert_many(sealed)
    if events:
        await database["events"].insert_many([_stored(event) for event in events], ordered=False)
    _remember(known, books)
    return seal.end


def _remember(known: _Known, books: Books) -> None:
    known.wallets.update(books.wallets)
    known.objects.update({key: thing for key, thing in books.objects.items() if thing.kind == "payment"})
    wanted = {paid.key for paid in known.payments}
    known.objects = {key: thing for key, thing in known.objects.items() if key in wanted}


def _stored(event: PaymentEvent) -> dict[str, Any]:
    at = datetime.fromtimestamp(event.occurred_at, UTC)
    return {
        "_id": event.event_id,
        "event_key": f"{event.source}::{event.event_id}",
        "source": event.source,
        "scheme": event.source,
        "account": "",
        "type": f"{event.kind}.{event.step}",
        "tx_id": event.object_id,
        "fingerprint": "0" * 64,
        "secret_id": "1",
        "signed_at": None,
        "received_at": at,
        "outcome": "applied",
        "reason": event.step,
        "settled_at": at,
    }
