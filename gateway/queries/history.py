"""What moved a wallet, newest first, page by page."""

import re
from datetime import datetime
from typing import Any, Final

from gateway.errors import BadRequest
from gateway.money import decimal_text
from gateway.queries.paging import cursor_of, seq_of
from gateway.queries.reading import Answer, Database, Document, answered_within, page_size
from gateway.queries.wallets import find_wallets

_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class WalletEntry(Answer):
    """What one transaction did to the wallet: `amount` is what it gained (+) or gave (−)."""

    transaction_id: str
    seq: int
    kind: str
    event_id: str
    currency: str
    amount: str
    amount_minor: int
    balance_after: str | None
    counterparties: list[str]
    """The other accounts of the same transaction."""
    occurred_at: datetime
    applied_at: datetime


class WalletHistory(Answer):
    """One page. `next_cursor` gets the page after it; null on the last one."""

    wallet_id: str
    entries: list[WalletEntry]
    next_cursor: str | None


async def wallet_history(
    database: Database, wallet_id: str, *, currency: str | None = None, limit: int = 20, cursor: str | None = None
) -> WalletHistory:
    """The wallet's transactions, by its owner (every currency, unless `currency` is given) or as "<CUR>:<owner>".

    Raises `NotFound` for an unknown wallet and `BadRequest` for a limit or cursor that is none.
    """
    page_size(limit)
    if currency is not None and not _CURRENCY.fullmatch(currency):
        raise BadRequest("currency is a code of three capital letters, such as USD.")
    before = seq_of(cursor) if cursor is not None else None
    with answered_within():
        wallets = await find_wallets(database, wallet_id)
        owner = wallets[0]["owner"]
        query: dict[str, Any] = {"wallets": owner}
        if wallets[0]["_id"] == wallet_id:
            query["currency"] = wallets[0]["currency"]
        if currency is not None:
            query.setdefault("$and", []).append({"currency": currency})
        if before is not None:
            query["seq"] = {"$lt": before}
        found = await database.transactions.find(query).sort("seq", -1).limit(limit + 1).to_list()
    page = found[:limit]
    return WalletHistory(
        wallet_id=wallet_id,
        entries=[_entry(transaction, owner) for transaction in page],
        next_cursor=cursor_of(page[-1]["seq"]) if len(found) > limit else None,
    )


def _entry(transaction: Document, owner: str) -> WalletEntry:
    """A suspense wallet's account is its owner's name; every other wallet's is "wallet:<owner>"."""
    accounts = {owner} if owner.startswith("suspense:") else {f"wallet:{owner}"}
    own = [leg for leg in transaction["legs"] if leg["account"] in accounts]
    amount_minor = sum(leg["amount_minor"] for leg in own)
    balance_after = own[-1].get("balance_after") if own else None
    currency = transaction["currency"]
    return WalletEntry(
        transaction_id=transaction["_id"],
        seq=transaction["seq"],
        kind=transaction["kind"],
        event_id=transaction["event_id"],
        currency=currency,
        amount=decimal_text(amount_minor, currency),
        amount_minor=amount_minor,
        balance_after=decimal_text(balance_after, currency) if balance_after is not None else None,
        counterparties=[leg["account"] for leg in transaction["legs"] if leg["account"] not in accounts],
        occurred_at=transaction["occurred_at"],
        applied_at=transaction["at"],
    )
