"""What a wallet held at a past moment: read from the leg that last changed it, since each leg records what it left behind."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession

from gateway.booked import last_seq
from gateway.errors import BadRequest, NotFound
from gateway.money import decimal_text
from gateway.queries.reading import Answer, Database, Document, answered_within
from gateway.queries.wallets import find_wallets

MOMENT_LENGTH_MAX: Final = 40


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


class PastBalances(Answer):
    """A wallet at a past moment, in every currency that it had by then."""

    wallet_id: str
    owner: str
    at: datetime
    balances: list[PastBalance]


def moment(text: str) -> datetime:
    """The moment an ISO 8601 text with its zone names, in UTC. Raises `BadRequest`: a time without a zone is no moment."""
    try:
        read = datetime.fromisoformat(text) if text.isascii() and len(text) <= MOMENT_LENGTH_MAX else None
        if read is not None and read.tzinfo is not None:
            return read.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadRequest("at is a time with its zone, in ISO 8601, such as 2026-11-21T10:00:00Z.")


async def balances_at(database: Database, wallet_id: str, at: datetime) -> PastBalances:
    """By the wallet's owner (every currency) or as "<CUR>:<owner>" (one). Raises `NotFound` before its first movement."""
    with answered_within():
        wallets = await find_wallets(database, wallet_id)
    balances = []
    for wallet in wallets:
        with suppress(NotFound):  # opened later in this currency
            balances.append(await balance_at(database, wallet["owner"], wallet["currency"], at))
    if not balances:
        raise NotFound("Nothing had moved this wallet by then.")
    return PastBalances(wallet_id=wallet_id, owner=wallets[0]["owner"], at=at, balances=balances)


async def balance_at(
    database: Database, owner: str, currency: str, at: datetime, *, session: AsyncClientSession | None = None
) -> PastBalance:
    """The wallet at the moment `at`, everything booked at that moment included. Raises `NotFound` before its first leg.

    Two short index look-ups, however old the moment: where the ledger stood then, and the wallet's last leg up to there.
    """
    account = owner if owner.startswith("suspense:") else f"wallet:{owner}"
    with answered_within():
        seq = await last_seq(database, {"$lte": at}, session)
        query = {"wallets": owner, "currency": currency, "seq": {"$lte": seq}}
        found = await database.transactions.find_one(query, {"legs": 1, "seq": 1}, sort=[("seq", -1)], session=session)
    leg = _last_leg(found, account) if found else None
    if found is None or leg is None:
        raise NotFound("Nothing had moved this wallet by then.")
    locked_minor = leg.get("locked_after", 0)
    available_minor = leg["balance_after"] - locked_minor
    return PastBalance(
        wallet_id=f"{currency}:{owner}",
        owner=owner,
        currency=currency,
        at=at,
        balance=decimal_text(leg["balance_after"], currency),
        balance_minor=leg["balance_after"],
        locked=decimal_text(locked_minor, currency),
        locked_minor=locked_minor,
        available=decimal_text(available_minor, currency),
        available_minor=available_minor,
        version=leg["version"],
        seq=found["seq"],
    )


def _last_leg(transaction: Document, account: str) -> Document | None:
    legs = [leg for leg in transaction["legs"] if leg["account"] == account]
    return legs[-1] if legs else None
