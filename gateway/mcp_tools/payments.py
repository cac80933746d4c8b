"""The payments toolset: what became of a payment, and whether it is what somebody says it is."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gateway.mcp_tools.asking import Around, Currency, IncludeUntrusted, PaymentId
from gateway.queries.basis import Basis
from gateway.queries.context import PaymentContext, payment_context
from gateway.queries.payments import PaymentStatus, payment_status
from gateway.queries.untrusted import UntrustedText, untrusted_texts
from gateway.queries.verification import Verification, verify_payment

Amount = Annotated[
    str | None,
    Field(pattern=r"^[0-9]{1,16}(\.[0-9]{1,8})?$", description="The amount it should have, as a decimal: 12.30"),
]


class VerifiedPayment(Verification):
    """With what is known about its risk, owner and providers, and what it rests on."""

    ai_payment_context: PaymentContext
    untrusted: list[UntrustedText] | None
    basis: Basis


class ToldPayment(PaymentStatus):
    """With what is known about its risk, owner and providers, and what it rests on. `untrusted` is null unless asked for."""

    ai_payment_context: PaymentContext
    untrusted: list[UntrustedText] | None
    basis: Basis


@dataclass(frozen=True, slots=True)
class Payments:
    """The tools' functions; their docstrings are what an agent reads."""

    around: Around

    async def verify_payment(
        self,
        payment_id: PaymentId,
        amount: Amount = None,
        currency: Currency = None,
        include_untrusted: IncludeUntrusted = False,
    ) -> VerifiedPayment:
        """Whether a payment was signed by its source, booked in balance and stands; with amount and currency, whether
        it is this much. An unknown payment is an error, never "verified"."""
        found, status = await verify_payment(self.around.database(), payment_id, amount=amount, currency=currency)
        texts = await self._texts(status, include_untrusted)
        context = await payment_context(self.around.database(), payment_id, now=self.around.now())
        return VerifiedPayment(
            **found.model_dump(), ai_payment_context=context, untrusted=texts, basis=self._basis(status)
        )

    async def get_payment_status(
        self, payment_id: PaymentId, include_untrusted: IncludeUntrusted = False
    ) -> ToldPayment:
        """State, ledger transactions, latest event's outcome and risk of one payment, refund or transfer."""
        status = await payment_status(self.around.database(), payment_id)
        texts = await self._texts(status, include_untrusted)
        context = await payment_context(self.around.database(), payment_id, now=self.around.now())
        return ToldPayment(
            **status.model_dump(), ai_payment_context=context, untrusted=texts, basis=self._basis(status)
        )

    async def _texts(self, status: PaymentStatus, wanted: bool) -> list[UntrustedText] | None:
        """Reading what a sender wrote is reading what is confidential: it is kept who did."""
        if not wanted:
            return None
        await self.around.note("untrusted.read", status.event_id or status.payment_id, {})
        return await untrusted_texts(self.around.database(), status.event_id, self.around.cipher)

    def _basis(self, status: PaymentStatus) -> Basis:
        events = {each.event_id for each in status.transactions} | ({status.event_id} if status.event_id else set())
        booked = [each.applied_at for each in status.transactions]
        since = min([*booked, *([status.received_at] if status.received_at else [])], default=None)
        model = status.insight.model if status.insight else None
        return Basis(since=since, until=self.around.now(), events=len(events), model=model)
