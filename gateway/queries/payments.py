"""What became of a payment, refund or transfer: its state, what it did to money, and how risky it looked."""

from datetime import datetime
from typing import Final

from gateway.errors import BadRequest, NotFound
from gateway.events.progress import waiting_condition
from gateway.events.standing import STUCK
from gateway.ingress.identity import event_id_of
from gateway.money import decimal_text
from gateway.queries.assessed import InsightSummary, insight_summary
from gateway.queries.moved import Movement, movement
from gateway.queries.reading import Answer, Database, Document, answered_within, identifier, label

OWN_SOURCES: Final = ("payments", "stripe", "razorpay", "standard", "agents")
"""Those that need no entry in the store; what an operator adds has one, and keeps it when it is closed."""
TRANSACTIONS_MAX: Final = 50
"""Of one object; its tables have far fewer edges that move money."""

UNDONE_MAX: Final = 50_000
"""Events that wait, and as many that are stuck, among which one is looked for by what it is about."""

_SAME_ID_MAX: Final = 10


class PaymentStatus(Answer):
    """One payment, refund or transfer. Fields about the object are null while only its event is known."""

    payment_id: str
    """The id that was asked for."""
    object_id: str | None = None
    """Our full name of it, "<source>:<kind>:<id>"; unambiguous when it is asked for."""
    source: str
    kind: str | None = None
    state: str | None = None
    currency: str | None = None
    amount: str | None = None
    amount_minor: int | None = None
    refunded: str | None = None
    refunded_minor: int | None = None
    wallet: str | None = None
    parent: str | None = None
    updated_at: datetime | None = None
    event_id: str | None
    event_type: str | None
    outcome: str | None
    """What became of its latest event: waiting, applied, rejected, stale, parked or ignored."""
    reason: str | None
    received_at: datetime | None
    transactions: list[Movement]
    insight: InsightSummary | None
    """The riskiest of the insights about its events."""


async def payment_status(database: Database, payment_id: str) -> PaymentStatus:
    """Find it by a provider's payment or refund id, a native tx_id, our full name of it, a transaction's id, the id of the
    event that reported it, or, until that is done, the tx_id that its 202 gave. Raises `NotFound`, and `BadRequest` when
    several things or events have the same id."""
    identifier(payment_id)
    with answered_within():
        found = await _object_named(database, payment_id) or await _object_of_transaction(database, payment_id)
        if found is not None:
            return await _status_of_object(database, payment_id, found)
        event = await _event_named(database, payment_id) or await _undone_about(database, payment_id)
        if event is None:
            raise NotFound(
                "No payment, refund, transfer or event is found by this id. Check it. A provider's event that is done is "
                "always found by its evt_ id; one that was refused at the door is never stored."
            )
        return await _status_of_event(database, payment_id, event)


async def _object_named(database: Database, name: str) -> Document | None:
    same = await database.objects.find({"$or": [{"_id": name}, {"object_id": name}]}).to_list(_SAME_ID_MAX)
    exact = next((candidate for candidate in same if candidate["_id"] == name), None)
    if exact is None and len(same) > 1:
        names = ", ".join(sorted(candidate["_id"] for candidate in same))
        raise BadRequest(f"Several things have this id. Ask for one of: {names}.")
    return exact or (same[0] if same else None)


async def _object_of_transaction(database: Database, transaction_id: str) -> Document | None:
    transaction = await database.transactions.find_one({"_id": transaction_id}, {"object": 1})
    return await database.objects.find_one({"_id": transaction["object"]}) if transaction else None


async def _event_named(database: Database, name: str) -> Document | None:
    """The event that a source delivered under this id. Its id is computed, so no index on the public id is needed."""
    added = [str(source["_id"]) async for source in database.sources.find({}, {"_id": 1})]
    event_ids = {event_id_of(source, "", name) for source in (*OWN_SOURCES, *added)}
    same = await database.events.find({"_id": {"$in": sorted(event_ids | {name})}}, {"body": 0}).to_list(_SAME_ID_MAX)
    exact = next((candidate for candidate in same if candidate["_id"] == name), None)
    return exact or _only(same)


async def _undone_about(database: Database, tx_id: str) -> Document | None:
    """The latest event about it among those that wait, are parked or rejected, along the index over the queue. Its
    object may not be there yet, and its own id is computed from more than this: its account, or the hash of its content."""
    same: list[Document] = []
    # The way an event goes, lest it is parked between the two.
    for undone in (await waiting_condition(database), STUCK):
        stages: list[Document] = [
            {"$match": dict(undone)},
            {"$sort": {"queue": -1}},
            {"$limit": UNDONE_MAX},
            {"$match": {"tx_id": tx_id}},
            {"$sort": {"received_at": -1}},
            {"$limit": _SAME_ID_MAX},
            {"$project": {"body": 0}},
        ]
        same += await (await database.events.aggregate(stages)).to_list()
    latest: dict[tuple[str, str], Document] = {}
    for event in sorted(same, key=lambda event: event["received_at"]):
        latest[event["source"], event["account"]] = event
    return _only(list(latest.values()))


def _only(same: list[Document]) -> Document | None:
    """Raises `BadRequest` for several: whose is meant is not guessed."""
    if len(same) > 1:
        names = ", ".join(sorted(f"{candidate['_id']} of {candidate['source']}" for candidate in same))
        raise BadRequest(f"Several events have this id. Ask for one of: {names}.")
    return same[0] if same else None


async def _status_of_object(database: Database, payment_id: str, found: Document) -> PaymentStatus:
    moving = {"object": found["_id"], "kind": {"$ne": "state"}}
    transactions = await database.transactions.find(moving).sort("seq", 1).to_list(TRANSACTIONS_MAX)
    event_id = found.get("last_event_id") or found.get("first_event_id")
    event = await database.events.find_one({"_id": event_id}, {"body": 0}) if event_id else None
    event_ids = {event_id, found.get("first_event_id"), *(transaction["event_id"] for transaction in transactions)}
    currency = found.get("currency") or None
    refunded_minor = found.get("refunded_minor")
    return PaymentStatus(
        payment_id=payment_id,
        object_id=found["_id"],
        source=found["source"],
        kind=found["kind"],
        state=found["state"],
        currency=currency,
        amount_minor=found.get("amount_minor"),
        amount=_text(found.get("amount_minor"), currency),
        refunded_minor=refunded_minor,
        refunded=_text(refunded_minor, currency),
        wallet=found.get("wallet"),
        parent=found.get("parent"),
        updated_at=found.get("updated_at"),
        event_id=event_id,
        event_type=label(event["type"]) if event else None,
        outcome=event.get("outcome", "waiting") if event else None,
        reason=event.get("reason") if event else None,
        received_at=event["received_at"] if event else None,
        transactions=[movement(transaction) for transaction in transactions],
        insight=await _riskiest(database, event_ids - {None}),
    )


async def _status_of_event(database: Database, payment_id: str, event: Document) -> PaymentStatus:
    """An event that names no object of its own id: an event's id was asked, or it has no effect (yet)."""
    transaction = await database.transactions.find_one({"event_id": event["_id"]}, {"object": 1})
    found = await database.objects.find_one({"_id": transaction["object"]}) if transaction else None
    if found is not None:
        return await _status_of_object(database, payment_id, found)
    insight = await database.insights.find_one({"_id": event["_id"]})
    return PaymentStatus(
        payment_id=payment_id,
        source=event["source"],
        event_id=event["_id"],
        event_type=label(event["type"]),
        outcome=event.get("outcome", "waiting"),
        reason=event.get("reason"),
        received_at=event["received_at"],
        transactions=[],
        insight=insight_summary(insight) if insight else None,
    )


async def _riskiest(database: Database, event_ids: set[str]) -> InsightSummary | None:
    insights = await database.insights.find({"_id": {"$in": sorted(event_ids)}}).sort("score", -1).to_list(1)
    return insight_summary(insights[0]) if insights else None


def _text(amount_minor: int | None, currency: str | None) -> str | None:
    return decimal_text(amount_minor, currency) if amount_minor is not None and currency else None
