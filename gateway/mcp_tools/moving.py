"""The tools that move money, or ask a provider to: off unless they are enabled, capped, confirmed by a person, done once.

A transfer is an event like any other, decided by funds and limits. A top-up or a refund is a request that is stored and raised
as an alert: somebody, or the provider, has to act, and no money moves here until the provider's own webhook says that it has.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import Field
from pymongo.errors import DuplicateKeyError

from gateway.access.requests import REQUESTS
from gateway.errors import BadRequest
from gateway.events.store import EventStore
from gateway.mcp_tools.asking import Around, PaymentId
from gateway.mcp_tools.caps import Caps
from gateway.mcp_tools.confirming import Confirmation, question, require_yes
from gateway.mcp_tools.once import Done, IdempotencyKey, once
from gateway.mcp_tools.refundable import left_of
from gateway.money import NotMoney, decimal_text, minor_units
from gateway.monitoring.alerts import Alert, Severity, raise_alert
from gateway.pipeline.requested import Transfer, request_transfer
from gateway.queries.alerts import REQUEST_ALERT
from gateway.queries.payments import payment_status
from gateway.queries.reading import answered_within
from gateway.queries.wallets import find_wallet

_REFUNDABLE: Final = frozenset({"CAPTURED", "PARTIALLY_REFUNDED"})

Owner = Annotated[str, Field(pattern=r"^[!-~]{1,128}$", description="The wallet's owner, such as alice")]
Amount = Annotated[
    str, Field(pattern=r"^[0-9]{1,16}(\.[0-9]{1,8})?$", description="A decimal text, never a number: 12.30")
]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")]


class TransferResult(Done):
    """`status` is applied, rejected or parked with its reason, or waiting for the worker: ask again with the same key."""

    status: str
    reason: str | None
    event_id: str
    tx_id: str
    from_wallet: str
    to_wallet: str
    currency: str
    amount: str
    amount_minor: int


class PendingRequest(Done):
    """Nothing has moved. `next` says who has to act."""

    request_id: str
    kind: Literal["top_up", "refund"]
    status: str
    wallet: str | None
    payment: str | None
    currency: str
    amount: str
    amount_minor: int
    next: str


async def _ask_transfer(from_wallet: str, to_wallet: str, amount: str, currency: str) -> Elicit[Confirmation]:
    return question(f"transfer {amount} {currency} from the wallet <{from_wallet}> to the wallet <{to_wallet}>")


async def _ask_top_up(wallet: str, amount: str, currency: str) -> Elicit[Confirmation]:
    return question(f"request a deposit of {amount} {currency} into the wallet <{wallet}>")


async def _ask_refund(payment_id: str, amount: str, currency: str) -> Elicit[Confirmation]:
    return question(f"request a refund of {amount} {currency} of the payment <{payment_id}>")


TransferConfirmed = Annotated[ElicitationResult[Confirmation], Resolve(_ask_transfer)]
TopUpConfirmed = Annotated[ElicitationResult[Confirmation], Resolve(_ask_top_up)]
RefundConfirmed = Annotated[ElicitationResult[Confirmation], Resolve(_ask_refund)]


@dataclass(frozen=True, slots=True)
class Moving:
    """The tools' functions; their docstrings are what an agent reads."""

    around: Around
    caps: Caps

    async def transfer_funds(
        self,
        from_wallet: Owner,
        to_wallet: Owner,
        amount: Amount,
        currency: CurrencyCode,
        idempotency_key: IdempotencyKey,
        confirmed: TransferConfirmed,
    ) -> TransferResult:
        """Move money between two existing wallets, after a person confirmed it. Funds and limits decide. Use the same
        idempotency_key when you retry."""
        require_yes(confirmed)
        amount_minor = _minor(amount, currency)
        # A mistyped receiver would open a new wallet and keep the money there.
        sender, receiver = [await self._owner(wallet, currency) for wallet in (from_wallet, to_wallet)]
        parameters = {"from_wallet": from_wallet, "to_wallet": to_wallet, "amount": amount, "currency": currency}

        async def do(call_id: str) -> TransferResult:
            await self.caps.spend(self.around, call_id, amount_minor, currency)
            transfer = Transfer(f"agt_{call_id}", sender, receiver, amount, currency)
            asked_by, now = f"key {self.around.caller().key_id}", self.around.clock()
            requested = await request_transfer(self._store(), self.around.cipher, transfer, asked_by=asked_by, now=now)
            return TransferResult(
                done_at=self.around.now(),
                status=requested.outcome,
                reason=requested.reason,
                event_id=requested.event_id,
                tx_id=transfer.tx_id,
                from_wallet=sender,
                to_wallet=receiver,
                currency=currency,
                amount=decimal_text(amount_minor, currency),
                amount_minor=amount_minor,
            )

        return await once(
            self.around,
            "transfer_funds",
            idempotency_key,
            parameters,
            do,
            gives=TransferResult,
            subject=sender,
            is_final=lambda result: result.status in ("applied", "rejected"),
        )

    async def top_up_wallet(
        self,
        wallet: Owner,
        amount: Amount,
        currency: CurrencyCode,
        idempotency_key: IdempotencyKey,
        confirmed: TopUpConfirmed,
    ) -> PendingRequest:
        """Ask for a deposit into an existing wallet, after a person confirmed it. It stays pending: money arrives with the
        provider's own webhook. Use the same idempotency_key when you retry."""
        require_yes(confirmed)
        amount_minor = _minor(amount, currency)
        owner = await self._owner(wallet, currency)
        request = {"kind": "top_up", "wallet": owner, "payment": None, "source": None}
        parameters = {"wallet": wallet, "amount": amount, "currency": currency}
        return await self._requested("top_up_wallet", idempotency_key, parameters, request, amount_minor, currency)

    async def refund_payment(
        self,
        payment_id: PaymentId,
        amount: Amount,
        currency: CurrencyCode,
        idempotency_key: IdempotencyKey,
        confirmed: RefundConfirmed,
    ) -> PendingRequest:
        """Ask for a refund of a captured payment, up to what is left of it, after a person confirmed it. It stays pending: the
        provider pays it out, and its webhook books it. Use the same idempotency_key when you retry."""
        require_yes(confirmed)
        amount_minor = _minor(amount, currency)
        status = await payment_status(self.around.database(), payment_id)
        if status.object_id is None or status.kind != "payment" or status.state not in _REFUNDABLE:
            raise BadRequest(f"Only a captured payment can be refunded; this one is {status.state or 'not known yet'}.")
        if status.currency != currency:
            raise BadRequest(f"The payment is in {status.currency}.")
        payment = status.object_id
        request = {"kind": "refund", "wallet": status.wallet, "payment": payment, "source": status.source}
        parameters = {"payment_id": payment_id, "amount": amount, "currency": currency}

        async def check(call_id: str) -> None:
            left = await left_of(self.around.database(), payment, but_for=f"req_{call_id}")
            if amount_minor > left:
                raise BadRequest(
                    f"At most {decimal_text(left, currency)} {currency} can still be asked for: "
                    "the rest is refunded, or its refund has begun or is asked for already."
                )

        return await self._requested(
            "refund_payment", idempotency_key, parameters, request, amount_minor, currency, check=check
        )

    async def _owner(self, wallet: str, currency: str) -> str:
        """Whose wallet it is, also where it is named as CUR:owner: what moves is booked by owner and currency. Raises
        `NotFound`, and `BadRequest` for a name with another currency."""
        database = self.around.database()
        with answered_within():
            named = await database.wallets.find_one({"_id": wallet}, {"currency": 1})
            if named is not None and named["currency"] != currency:
                raise BadRequest(
                    f"A wallet is named that holds {named['currency']}, and the amount is in {currency}. "
                    f"Name its owner alone, or as {currency}:owner."
                )
            return str((await find_wallet(database, wallet, currency))["owner"])

    async def _requested(
        self,
        tool: str,
        key: str,
        parameters: dict[str, Any],
        request: dict[str, Any],
        amount_minor: int,
        currency: str,
        *,
        check: Callable[[str], Awaitable[None]] | None = None,
    ) -> PendingRequest:
        async def do(call_id: str) -> PendingRequest:
            if check:
                await check(call_id)
            await self.caps.spend(self.around, call_id, amount_minor, currency)
            stored = {**request, "status": "pending", "currency": currency, "amount_minor": amount_minor}
            return await self._store_request(f"req_{call_id}", stored, self.around.now())

        subject = str(request["payment"] or request["wallet"])
        return await once(self.around, tool, key, parameters, do, gives=PendingRequest, subject=subject)

    async def _store_request(self, request_id: str, request: dict[str, Any], now: datetime) -> PendingRequest:
        database, currency = self.around.database(), request["currency"]
        with answered_within():
            with suppress(DuplicateKeyError):  # a retry after a crash in between
                by = self.around.caller().key_id
                await database[REQUESTS].insert_one({"_id": request_id, **request, "by": by, "at": now})
            what = "a refund" if request["kind"] == "refund" else "a deposit"
            amount = decimal_text(request["amount_minor"], currency)
            summary = (
                f"An agent asks for {what} of {amount} {currency}; a person confirmed it. See: gateway requests list."
            )
            evidence = {name: request[name] for name in ("kind", "wallet", "payment", "source")}
            alert = Alert(REQUEST_ALERT, request_id, Severity.WARNING, summary, evidence)
            await raise_alert(database, alert, now=now)
        return PendingRequest(
            done_at=now,
            request_id=request_id,
            kind=request["kind"],
            status="pending",
            wallet=request["wallet"],
            payment=request["payment"],
            currency=currency,
            amount=amount,
            amount_minor=request["amount_minor"],
            next="A person does it at the provider and closes this request; the provider's webhook books it.",
        )

    def _store(self) -> EventStore:
        settings = self.around.settings
        return EventStore(self.around.database(), batch_max=1, waiting_max=1, timeout_ms=settings.mongo_timeout_ms)


def _minor(amount: str, currency: str) -> int:
    """Raises `BadRequest`."""
    try:
        return minor_units(amount, currency)
    except NotMoney as wrong:
        raise BadRequest(f"{wrong}.") from None
