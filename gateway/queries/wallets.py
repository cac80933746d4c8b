"""What a wallet holds: asked by its owner (every currency) or as "<CUR>:<owner>" (one)."""

from datetime import datetime
from typing import Final

from gateway.errors import BadRequest, NotFound
from gateway.money import decimal_text
from gateway.queries.reading import Answer, Database, Document, answered_within, identifier

CURRENCIES_MAX: Final = 200
"""Wallets of one owner; ISO 4217 has fewer currencies."""


class Balance(Answer):
    """One currency of a wallet. `available` is the balance less what is locked; `receivable` is owed to us by the owner
    and not part of the balance."""

    wallet_id: str
    currency: str
    balance: str
    balance_minor: int
    locked: str
    locked_minor: int
    available: str
    available_minor: int
    receivable: str
    receivable_minor: int
    version: int
    updated_at: datetime


class WalletBalances(Answer):
    """A wallet in every currency that was asked for; never added up."""

    wallet_id: str
    owner: str
    balances: list[Balance]


async def wallet_balances(database: Database, wallet_id: str) -> WalletBalances:
    """Raises `NotFound` for a wallet that no event has ever opened: it is not a wallet with nothing in it."""
    with answered_within():
        wallets = await find_wallets(database, wallet_id)
    return WalletBalances(wallet_id=wallet_id, owner=wallets[0]["owner"], balances=[_balance(one) for one in wallets])


async def find_wallets(database: Database, wallet_id: str) -> list[Document]:
    """The wallets that an id names, by currency. Raises `NotFound`, so the list is never empty."""
    identifier(wallet_id)
    one = await database.wallets.find_one({"_id": wallet_id})
    if one is not None:
        return [one]
    owned = await database.wallets.find({"owner": wallet_id}).sort("currency", 1).to_list(CURRENCIES_MAX)
    if not owned:
        raise NotFound(
            "No wallet with this id is stored. Ask with an owner (every currency) or as CUR:owner (one), such as "
            "USD:alice; a wallet exists from the first event that moves money through it."
        )
    return owned


async def find_wallet(database: Database, wallet_id: str, currency: str | None) -> Document:
    """The one wallet that an id names, `currency` deciding where an owner has several. Raises `NotFound`, and
    `BadRequest` that names the currencies where none was given."""
    found = await find_wallets(database, wallet_id)
    if currency is None and len(found) > 1:
        raise BadRequest(f"This owner has wallets in several currencies; ask for one: {_named(found)}.")
    for wallet in found:
        if currency in (None, wallet["currency"]):
            return wallet
    raise NotFound(f"No wallet with this id and currency is stored; there are: {_named(found)}.")


def _named(wallets: list[Document]) -> str:
    return ", ".join(f"currency={wallet['currency']}" for wallet in wallets)


def _balance(wallet: Document) -> Balance:
    currency = wallet["currency"]
    locked_minor = wallet.get("locked_minor", 0)
    receivable_minor = wallet.get("receivable_minor", 0)
    available_minor = wallet["balance_minor"] - locked_minor
    return Balance(
        wallet_id=wallet["_id"],
        currency=currency,
        balance=decimal_text(wallet["balance_minor"], currency),
        balance_minor=wallet["balance_minor"],
        locked=decimal_text(locked_minor, currency),
        locked_minor=locked_minor,
        available=decimal_text(available_minor, currency),
        available_minor=available_minor,
        receivable=decimal_text(receivable_minor, currency),
        receivable_minor=receivable_minor,
        version=wallet["version"],
        updated_at=wallet["updated_at"],
    )
