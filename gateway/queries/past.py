"""What a wallet held at a past moment: read from the leg that last changed it, since each leg records what it left behind."""

from datetime import datetime

from pymongo.asynchronous.client_session import AsyncClientSession

from gateway.errors import NotFound
from gateway.money import decimal_text
from gateway.queries.reading import Answer, Database, Document, answered_within


class PastBalance(Answer):
    """`balance` and `locked` after everything booked up to `at`; `seq` is the transaction that left the wallet so."""

    wallet_id: str
    owner: str
    currency: str
    at: datetime
    balance: str
    balance_minor: int
    locked: str
    locked_minor: int
    available: str
    available_minor: int
    version: int
    seq: int


async def balance_at(
    database: Database, owner: str, currency: str, at: datetime, *, session: AsyncClientSession | None = None
) -> PastBalance:
    """The wallet at the moment `at`, everything booked at that moment included. Raises `NotFound` before its first leg.

    Two short index look-ups, however old the moment: where the ledger stood then, and the wallet's last leg up to there.
    """
    account = owner if owner.startswith("suspense:") else f"wallet:{owner}"
    with answered_within():
        seq = await _position(database, at, session)
        query = {"wallets": owner, "currency": currency, "seq": {"$lte": seq}}
        found = await database.transactions.find_one(query, {"legs": 1, "seq": 1}, sort=[("seq", -1)], session=session)
    leg = _last_leg(found, account) if found else None
    if found is None or leg is None:
        raise NotFound("Nothing had moved this wallet by then.")
    available_minor = leg["balance_after"] - leg["locked_after"]
    return PastBalance(
        wallet_id=f"{currency}:{owner}",
        owner=owner,
        currency=currency,
        at=at,
        balance=decimal_text(leg["balance_after"], currency),
        balance_minor=leg["balance_after"],
        locked=decimal_text(leg["locked_after"], currency),
        locked_minor=leg["locked_after"],
        available=decimal_text(available_minor, currency),
        available_minor=available_minor,
        version=leg["version"],
        seq=found["seq"],
    )


async def _position(database: Database, at: datetime, session: AsyncClientSession | None) -> int:
    """The number of the last transaction booked up to `at`; 0 when there was none. A batch shares its moment."""
    latest = await database.transactions.find_one({"at": {"$lte": at}}, {"at": 1}, sort=[("at", -1)], session=session)
    if latest is None:
        return 0
    same = database.transactions.find({"at": latest["at"]}, {"seq": 1}, session=session).sort("seq", -1).limit(1)
    return max([found["seq"] async for found in same], default=0)


def _last_leg(transaction: Document, account: str) -> Document | None:
    legs = [leg for leg in transaction["legs"] if leg["account"] == account]
    return legs[-1] if legs else None
