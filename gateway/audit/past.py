"""Balances at past moments, asked as a caller would ask and replayed from the legs: the two must agree."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from gateway.audit.findings import Broken, Findings
from gateway.audit.reading import Moment
from gateway.audit.records import Malformed, Transaction, Wallet, read_transaction, read_wallet
from gateway.errors import NotFound
from gateway.queries.past import PastBalance, balance_at

WALLETS_SAMPLED: Final = 25
MOMENTS_SAMPLED: Final = 4
LEGS_REPLAYED_MAX: Final = 20_000
"""Of one wallet; a longer history is replayed up to there."""


async def check_past(moment: Moment) -> Findings:
    """I13 for wallets spread over the store, at moments spread over each one's life."""
    findings = Findings()
    for wallet in await _sample(moment):
        history = await _history(moment, wallet)
        step = max(1, len(history) // MOMENTS_SAMPLED)
        for index in range(len(history) - 1, -1, -step)[:MOMENTS_SAMPLED]:
            at = history[index].at
            findings.checked("I13")
            replayed = _replay(history, wallet.owner, at)
            told = await _told(moment, wallet, at)
            if told is None or (told.balance_minor, told.locked_minor) != replayed:
                answer = "nothing" if told is None else f"{told.balance_minor}, {told.locked_minor} of it locked"
                why = f"at {at.isoformat()} it is said to hold {answer}; replayed: {replayed[0]}, {replayed[1]}"
                findings.broken("I13", Broken("wallets", wallet.key, why))
    return findings


async def _sample(moment: Moment) -> list[Wallet]:
    """Those that cannot be read were found by `check_wallets`."""
    wallets = []
    async for document in moment.sorted("wallets", [{"$sample": {"size": WALLETS_SAMPLED}}]):
        with suppress(Malformed):
            wallets.append(read_wallet(document))
    return wallets


async def _history(moment: Moment, wallet: Wallet) -> list[Transaction]:
    """The wallet's transactions from its first on, whole moments only: a batch that the bound cuts is left out."""
    history: list[Transaction] = []
    stream = moment.stream(
        "transactions", {"wallets": wallet.owner, "currency": wallet.currency}, order=[("wallets", 1), ("seq", 1)]
    )
    async for document in stream:
        try:
            history.append(read_transaction(document))
        except Malformed:
            return []
        if len(history) > LEGS_REPLAYED_MAX:
            return [each for each in history if each.at < history[-1].at]
    return history


def _replay(history: Sequence[Transaction], owner: str, at: datetime) -> tuple[int, int]:
    legs = [leg for each in history if each.at <= at for leg in each.legs if leg.is_wallet and leg.owner == owner]
    return sum(leg.amount_minor for leg in legs), sum(leg.locked_minor for leg in legs)


async def _told(moment: Moment, wallet: Wallet, at: datetime) -> PastBalance | None:
    try:
        return await balance_at(moment.database, wallet.owner, wallet.currency, at, session=moment.session)
    except NotFound:
        return None
