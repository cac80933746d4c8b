"""Is a payment what somebody says it is? Answered from the ledger, one check at a time; an unknown payment is an error."""

from datetime import datetime
from typing import Final

from gateway.errors import BadRequest
from gateway.ingress.providers.terms import AGENTS
from gateway.money import NotMoney, minor_units
from gateway.queries.payments import PaymentStatus, payment_status
from gateway.queries.reading import Answer, Database, answered_within

DONE_STATES: Final = frozenset(
    {"CAPTURED", "PARTIALLY_REFUNDED", "SUCCEEDED", "PROCESSED", "COMPLETED", "PAID", "REINSTATED", "WON"}
)
"""In which the money of an object has moved and stands."""


class PaymentCheck(Answer):
    """`holds` is null where the check could not be made; `found` says what was seen."""

    name: str
    holds: bool | None
    found: str


class Verification(Answer):
    """`verified` only when no check fails and every check that decides could be made."""

    payment_id: str
    verified: bool
    object_id: str | None
    source: str
    state: str | None
    currency: str | None
    amount: str | None
    amount_minor: int | None
    refunded: str | None
    refunded_minor: int | None
    received_at: datetime | None
    checks: list[PaymentCheck]


async def verify_payment(
    database: Database, payment_id: str, *, amount: str | None, currency: str | None
) -> tuple[Verification, PaymentStatus]:
    """Raises `NotFound`, and `BadRequest` for an amount without a currency or that is none."""
    if (amount is None) != (currency is None):
        raise BadRequest("amount and currency are given together, or neither.")
    status = await payment_status(database, payment_id)
    checks = [_stored(status), _settled(status), _state(status), await _booked(database, status)]
    if amount is not None and currency is not None:
        checks.append(_amount(status, amount, currency))
    verification = Verification(
        payment_id=payment_id,
        verified=all(check.holds for check in checks),
        object_id=status.object_id,
        source=status.source,
        state=status.state,
        currency=status.currency,
        amount=status.amount,
        amount_minor=status.amount_minor,
        refunded=status.refunded,
        refunded_minor=status.refunded_minor,
        received_at=status.received_at,
        checks=checks,
    )
    return verification, status


def _stored(status: PaymentStatus) -> PaymentCheck:
    """What is stored was signed: the door stores nothing else. What an agent asked for was never signed by a provider."""
    if status.source == AGENTS:
        return PaymentCheck(name="signed", holds=True, found="asked for by an agent with a key, not told by a provider")
    if status.event_id is None:
        return PaymentCheck(name="signed", holds=None, found="its event is not stored any more")
    return PaymentCheck(name="signed", holds=True, found=f"the event of {status.source} carried a good signature")


def _settled(status: PaymentStatus) -> PaymentCheck:
    return PaymentCheck(
        name="applied", holds=bool(status.transactions), found=f"latest event: {status.outcome or 'unknown'}"
    )


def _state(status: PaymentStatus) -> PaymentCheck:
    return PaymentCheck(
        name="state", holds=status.state in DONE_STATES, found=f"state {status.state or 'unknown: no object yet'}"
    )


async def _booked(database: Database, status: PaymentStatus) -> PaymentCheck:
    """Every transaction about it balances, and the chain of seals reaches over it."""
    if not status.transactions:
        return PaymentCheck(name="booked", holds=False, found="no ledger transaction")
    balanced = all(sum(leg.amount_minor for leg in each.legs) == 0 for each in status.transactions)
    last = max(each.seq for each in status.transactions)
    with answered_within():
        seal = await database.seals.find_one({"last_seq": {"$gte": last}}, {"_id": 1}, sort=[("_id", -1)])
    sealed = "sealed" if seal else "not sealed"
    return PaymentCheck(
        name="booked",
        holds=balanced,
        found=f"{len(status.transactions)} ledger transactions, debits equal credits: {'yes' if balanced else 'NO'}, {sealed}",
    )


def _amount(status: PaymentStatus, amount: str, currency: str) -> PaymentCheck:
    try:
        asked_minor = minor_units(amount, currency)
    except NotMoney as wrong:
        raise BadRequest(f"{wrong}.") from None
    same = (status.amount_minor, status.currency) == (asked_minor, currency)
    return PaymentCheck(name="amount", holds=same, found=f"booked {status.amount or 'nothing'} {status.currency or ''}")
