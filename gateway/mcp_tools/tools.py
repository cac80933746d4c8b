"""The tools, as data and short functions: a name, the scope it needs, the question it asks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from gateway.clock import Clock, utc
from gateway.mcp_tools.strict import StrictTool
from gateway.queries.fraud import FraudPatterns, fraud_patterns
from gateway.queries.history import WalletHistory, wallet_history
from gateway.queries.metrics import PaymentMetrics, payment_metrics
from gateway.queries.payments import PaymentStatus, payment_status
from gateway.queries.period import period as read_period
from gateway.queries.reading import ID_LENGTH_MAX, PAGE_MAX, Database
from gateway.queries.wallets import WalletBalances, wallet_balances

SCOPE_OF_TOOL: Final = {
    "get_payment_status": "payments:read",
    "get_wallet_balance": "wallets:read",
    "wallet_transaction_history": "wallets:read",
    "detect_fraud_patterns": "insights:read",
    "get_payment_metrics": "insights:read",
}

READ_ONLY: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

PaymentId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=ID_LENGTH_MAX,
        description="A provider's payment or refund id, a native tx_id, or the id of the event that reported it",
    ),
]
WalletId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=ID_LENGTH_MAX,
        description='An owner, such as "alice" (every currency), or one wallet, such as "USD:alice"',
    ),
]
PeriodText = Annotated[
    str,
    Field(
        max_length=80,
        description='"day" (today, UTC), "week", "month", or FROM..TO, TO not included: 2026-11-01..2026-12-01',
    ),
]
Currency = Annotated[str | None, Field(pattern=r"^[A-Z]{3}$", description="Only this ISO 4217 currency")]
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX, description="At most this many")]
Cursor = Annotated[str | None, Field(max_length=64, description="next_cursor of the page before")]


@dataclass(frozen=True, slots=True)
class Questions:
    """The tools' functions; their docstrings are what an agent reads."""

    database: Callable[[], Database]
    clock: Clock

    async def get_payment_status(self, payment_id: PaymentId) -> PaymentStatus:
        """State, ledger transactions, latest event's outcome and risk of one payment, refund or transfer."""
        return await payment_status(self.database(), payment_id)

    async def get_wallet_balance(self, wallet_id: WalletId) -> WalletBalances:
        """Balance, locked, available and owed amounts of a wallet, per currency, in minor units and as decimals."""
        return await wallet_balances(self.database(), wallet_id)

    async def wallet_transaction_history(
        self, wallet_id: WalletId, currency: Currency = None, limit: Limit = 20, cursor: Cursor = None
    ) -> WalletHistory:
        """What moved a wallet, newest first, in pages."""
        return await wallet_history(self.database(), wallet_id, currency=currency, limit=limit, cursor=cursor)

    async def detect_fraud_patterns(
        self, period: PeriodText = "week", wallet_id: WalletId | None = None, limit: Limit = 10
    ) -> FraudPatterns:
        """Risk levels, their reasons and the riskiest events of a period; `note` says so when nothing was scored."""
        asked = read_period(period, utc(self.clock()))
        return await fraud_patterns(self.database(), asked, wallet=wallet_id, limit=limit)

    async def get_payment_metrics(self, period: PeriodText = "day") -> PaymentMetrics:
        """Totals per currency, events by outcome, source and type, refused requests and the backlog."""
        now = utc(self.clock())
        return await payment_metrics(self.database(), read_period(period, now), now=now)


def read_only_tools(database: Callable[[], Database], clock: Clock) -> list[Tool]:
    """Every tool there is."""
    questions = Questions(database, clock)
    return [_tool(getattr(questions, name)) for name in SCOPE_OF_TOOL]


def _tool(ask: Callable[..., Awaitable[BaseModel]]) -> Tool:
    return StrictTool.reading(ask, READ_ONLY)
