"""The wallets toolset: what a wallet holds and what moved it."""

from dataclasses import dataclass

from gateway.mcp_tools.asking import Around, Currency, Cursor, Limit, WalletId
from gateway.queries.basis import Basis
from gateway.queries.history import WalletHistory, wallet_history
from gateway.queries.wallets import WalletBalances, wallet_balances


class ToldBalances(WalletBalances):
    """With what it rests on: every movement of the wallet."""

    basis: Basis


class ToldHistory(WalletHistory):
    """With what it rests on: the entries of this page."""

    basis: Basis


@dataclass(frozen=True, slots=True)
class Wallets:
    """The tools' functions; their docstrings are what an agent reads."""

    around: Around

    async def get_wallet_balance(self, wallet_id: WalletId) -> ToldBalances:
        """Balance, locked, available and owed amounts of a wallet, per currency, in minor units and as decimals."""
        found = await wallet_balances(self.around.database(), wallet_id)
        movements = sum(balance.version for balance in found.balances)
        basis = Basis(since=None, until=self.around.now(), events=movements, model=None)
        return ToldBalances(**found.model_dump(), basis=basis)

    async def wallet_transaction_history(
        self, wallet_id: WalletId, currency: Currency = None, limit: Limit = 20, cursor: Cursor = None
    ) -> ToldHistory:
        """What moved a wallet, newest first, in pages."""
        found = await wallet_history(self.around.database(), wallet_id, currency=currency, limit=limit, cursor=cursor)
        since = min((entry.applied_at for entry in found.entries), default=None)
        basis = Basis(since=since, until=self.around.now(), events=len(found.entries), model=None)
        return ToldHistory(**found.model_dump(), basis=basis)
