"""What a wallet holds and what may still go out of it today and this month, for the owner's KYC level."""

from datetime import datetime
from typing import NamedTuple

from gateway.ledger.limits import Limits, day_key, used
from gateway.ledger.owners import level_given
from gateway.ledger.wallet import wallet_from
from gateway.money import decimal_text
from gateway.queries.reading import Answer, Database, answered_within
from gateway.queries.wallets import find_wallet


class WalletAllowance(Answer):
    """Decimal strings. The limits and what remains of them are null where the currency has none for this level; what was
    used is counted all the same."""

    wallet_id: str
    currency: str
    kyc_level: str
    balance: str
    locked_balance: str
    available_balance: str
    daily_limit: str | None
    daily_used: str
    daily_remaining: str | None
    monthly_limit: str | None
    monthly_used: str
    monthly_remaining: str | None


async def wallet_allowance(
    database: Database, wallet_id: str, *, limits: Limits, now: datetime, currency: str | None = None
) -> WalletAllowance:
    """Asked by owner (with `currency` where there are several) or as "<CUR>:<owner>". Raises `NotFound` and `BadRequest`.

    The same reading of windows and levels as the writer's when it decides.
    """
    with answered_within():
        wallet = wallet_from(await find_wallet(database, wallet_id, currency))
        given = await level_given(database, wallet.owner)
    limit = limits.of(wallet.currency, given)
    day = wallet.window(day_key(now.timestamp()))
    today = _window(wallet.currency, used(wallet.day, wallet.day_used_minor, day), limit.day_minor if limit else None)
    this_month = _window(
        wallet.currency, used(wallet.month, wallet.month_used_minor, day[:7]), limit.month_minor if limit else None
    )
    return WalletAllowance(
        wallet_id=wallet.key,
        currency=wallet.currency,
        kyc_level=limits.known(given),
        balance=decimal_text(wallet.balance_minor, wallet.currency),
        locked_balance=decimal_text(wallet.locked_minor, wallet.currency),
        available_balance=decimal_text(wallet.balance_minor - wallet.locked_minor, wallet.currency),
        daily_limit=today.limit,
        daily_used=today.used,
        daily_remaining=today.remaining,
        monthly_limit=this_month.limit,
        monthly_used=this_month.used,
        monthly_remaining=this_month.remaining,
    )


class _Window(NamedTuple):
    limit: str | None
    used: str
    remaining: str | None


def _window(currency: str, used_minor: int, limit_minor: int | None) -> _Window:
    if limit_minor is None:
        return _Window(None, decimal_text(used_minor, currency), None)
    remaining_minor = max(0, limit_minor - used_minor)  # less than nothing after a level was lowered
    return _Window(*(decimal_text(minor, currency) for minor in (limit_minor, used_minor, remaining_minor)))
