"""What waits for a person: parked and waiting events, money in suspense, money that is owed; and what to do about each."""

from datetime import datetime
from typing import Any, Final

from gateway.events.progress import waiting_condition
from gateway.events.standing import PARKED
from reports.reading import Document, Reading, whole
from reports.sections.objects import age_days
from reports.table import Builder, Kind, Table, columns
from reports.text import shown

LISTED_MAX: Final = 50
"""Of each kind; the oldest parked, the largest owed."""
COLUMNS: Final = columns(
    ("kind", "Kind", Kind.TEXT),
    ("source", "Source", Kind.CODE),
    ("what", "What", Kind.CODE),
    ("currency", "Currency", Kind.TEXT),
    ("amount", "Amount", Kind.MONEY, True),
    ("since", "Since", Kind.MOMENT),
    ("age_days", "Age in days", Kind.COUNT),
    ("why", "Why", Kind.TEXT),
    ("what_to_do", "What to do", Kind.TEXT),
)

_PARKED_ADVICE: Final = (
    (
        "not captured yet",
        "It waits for its payment and books itself when that arrives. After a day, ask the provider to send the payment's "
        "event again.",
    ),
    (
        "more would be refunded",
        "Compare the payment's refunds in the provider's dashboard; when they are right, reconcile with its export.",
    ),
    (
        "conflict",
        "Two events contradict each other. Look the object up at the provider; then replay the event that is true.",
    ),
    ("bound", "The wallet would hold more than the ledger can count. Move money out of it, then replay the event."),
    ("encryption_key", "A key that the gateway no longer has sealed it. Put the key back into ENCRYPTION_KEY."),
)
_PARKED_OTHERWISE: Final = "Look at it with `gateway events show`; when its cause is gone, `gateway events replay` it."
_WAITING: Final = "The worker has not reached these yet. If the number does not fall, look at /monitoring/health."
_SUSPENSE: Final = (
    "Find whose it is (the events' references at the provider), have wallet_id set on such payments, and move it by a "
    "transfer."
)
_RECEIVABLE: Final = "The wallet's next income pays it first. If none comes, ask the owner to pay, or write it off."


async def read_attention(reading: Reading) -> Table:
    """The work list. As of the period's end for money, as of the reading for events."""
    built = Builder(COLUMNS)
    left_out = 0
    if not reading.asked.wallet and not reading.asked.currency:
        left_out += await _parked(reading, built)
        await _waiting(reading, built)
    left_out += await _wallets(reading, built)
    reading.step_done("what needs attention")
    return built.table(
        "attention",
        "What needs a person",
        "Each with what to do about it: events that could not be booked, money that names no wallet, money that is owed.",
        empty="Nothing waits for a person.",
        left_out=left_out,
    )


def advice(reason: str) -> str:
    """What to do about an event that is parked for this reason."""
    return next((words for part, words in _PARKED_ADVICE if part in reason), _PARKED_OTHERWISE)


async def _parked(reading: Reading, built: Builder) -> int:
    wanted: Document = {
        **PARKED,
        "received_at": {"$lt": reading.asked.period.until},
    } | reading.asked.source_and_currency
    pipeline = [
        {"$match": wanted},
        {"$project": {"source": 1, "type": 1, "reason": 1, "awaits": 1, "received_at": 1}},
        {
            "$facet": {
                "rows": [{"$sort": {"received_at": 1, "_id": 1}}, {"$limit": LISTED_MAX}],
                "count": [{"$count": "n"}],
            }
        },
    ]
    facets = await reading.facets("events", pipeline)
    for event in facets["rows"]:
        reason, awaits = str(event.get("reason") or ""), str(event.get("awaits") or "")
        built.add(
            kind="Parked event",
            source=shown(event["source"]),
            what=shown(event["_id"]),
            why=shown(f"{event['type']}: {reason}"),
            what_to_do=advice(f"{reason} {awaits}"),
            **_since(event["received_at"], reading),
        )
    return (facets["count"][0]["n"] if facets["count"] else 0) - len(facets["rows"])


async def _waiting(reading: Reading, built: Builder) -> None:
    wanted: Document = {**await waiting_condition(reading.database), "received_at": {"$lt": reading.asked.period.until}}
    group = {"_id": "$source", "n": {"$sum": 1}, "since": {"$min": "$received_at"}}
    stages = [{"$match": wanted | reading.asked.source_and_currency}, {"$group": group}, {"$sort": {"_id": 1}}]
    for row in await reading.rows("events", stages):
        built.add(
            kind="Waiting events",
            source=shown(row["_id"]),
            what=f"{row['n']} events",
            why="received and not booked yet",
            what_to_do=_WAITING,
            **_since(row["since"], reading),
        )


async def _wallets(reading: Reading, built: Builder) -> int:
    """Suspense wallets with money and wallets that owe. What moved after the period's end is taken off again."""
    until = reading.asked.period.until
    held = {"owner": {"$regex": "^suspense:"}}
    owing = {"$or": [{"receivable_minor": {"$gt": 0}}, {"updated_at": {"$gte": until}}]}
    wanted: Document = {"$or": [held, owing]}
    if reading.asked.wallet:
        wanted["owner"] = reading.asked.wallet
    if reading.asked.currency:
        wanted["currency"] = reading.asked.currency
    if reading.asked.source:
        wanted["owner"] = f"suspense:{reading.asked.source}"
    later = [
        {"$match": {"at": {"$gte": until}}},
        {"$unwind": "$legs"},
        {"$group": {"_id": {"currency": "$currency", "account": "$legs.account"}, "n": {"$sum": "$legs.amount_minor"}}},
    ]
    pipeline = [
        {"$match": wanted},
        {"$project": {"owner": 1, "currency": 1, "balance_minor": 1, "receivable_minor": 1, "updated_at": 1}},
        {
            "$lookup": {
                "from": "transactions", "localField": "owner", "foreignField": "wallets", "pipeline": later, "as": "later"
            }
        },
        {"$set": {"amount": {"$cond": [
            {"$regexMatch": {"input": "$owner", "regex": "^suspense:"}},
            {"$subtract": ["$balance_minor", _of_account("$owner")]},
            {"$add": ["$receivable_minor", _of_account({"$concat": ["receivable:", "$owner"]})]},
        ]}}},
        {"$match": {"amount": {"$gt": 0}}},
        {"$sort": {"amount": -1, "_id": 1}},
        {"$facet": {"rows": [{"$limit": LISTED_MAX}], "count": [{"$count": "n"}]}},
    ]  # fmt: skip
    facets = await reading.facets("wallets", pipeline)
    for wallet in facets["rows"]:
        built.add(**_wallet_cells(wallet))
    return (facets["count"][0]["n"] if facets["count"] else 0) - len(facets["rows"])


def _of_account(name: Any) -> Document:
    """What the account's legs after the period's end add up to."""
    its = {
        "$and": [{"$eq": ["$$each._id.account", name]}, {"$eq": ["$$each._id.currency", "$currency"]}]
    }  # fmt: skip
    legs = {"$filter": {"input": "$later", "as": "each", "cond": its}}
    return {"$sum": {"$map": {"input": legs, "as": "each", "in": "$$each.n"}}}


def _wallet_cells(wallet: Document) -> dict[str, Any]:
    owner = str(wallet["owner"])
    suspense = owner.startswith("suspense:")
    return {
        "kind": "Suspense" if suspense else "Receivable",
        "source": shown(owner.removeprefix("suspense:")) if suspense else None,
        "what": shown(owner),
        "currency": wallet["currency"],
        "amount": whole(wallet["amount"]),
        "why": "payments that name no wallet" if suspense else "more was taken back than the wallet held",
        "what_to_do": _SUSPENSE if suspense else _RECEIVABLE,
    }


def _since(moment: datetime, reading: Reading) -> dict[str, Any]:
    return {"since": reading.asked.period.local(moment), "age_days": age_days(moment, reading)}
