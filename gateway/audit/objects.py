"""Each provider object with the changes that made it: effects once, holds that end once, edges of the tables, refunds."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from gateway.audit.findings import Broken, Findings
from gateway.audit.reading import Moment, believed, grouped, joined
from gateway.audit.records import (
    Document,
    Malformed,
    ProviderObject,
    Transaction,
    read_object,
    read_transaction,
)
from gateway.audit.tables import AFTER_CAPTURE, CAPTURED, DISPUTE_RUNS, HOLDING, NEW, NO_MONEY, SHIFTS, effect_of


@dataclass(slots=True)
class History:
    """An object as its changes so far make it."""

    state: str = NEW
    amount_minor: int = 0
    effects: set[str] = field(default_factory=set)
    held: dict[str, int] = field(default_factory=dict)
    """What its holds amount to, by account."""


async def check_objects(moment: Moment) -> Findings:
    """I2, I6 and I8: each object against its own transactions. A record is accused once, of the most telling thing."""
    findings = Findings()
    transactions = believed(
        moment.stream("transactions", order=[("object", 1)]),
        read_transaction,
        collection="transactions",
        findings=Findings(),  # unreadable transactions are I14's finding, of the pass in sequence
        invariant="I14",
    )
    changes = grouped(transactions, key=lambda transaction: transaction.object_key)
    objects = believed(
        moment.stream("objects", order=[("_id", 1)]),
        read_object,
        collection="objects",
        findings=findings,
        invariant="I8",
    )
    async for key, changed, thing in joined(changes, ((found.key, found) async for found in objects)):
        history = History()
        for transaction in sorted(changed or (), key=lambda each: each.seq):
            _check_change(transaction, thing, history, findings)
        _check_end(key, thing, history, findings)
    return findings


def _check_change(transaction: Transaction, thing: ProviderObject | None, history: History, findings: Findings) -> None:
    for invariant in ("I2", "I6", "I8"):
        findings.checked(invariant)
    if transaction.kind in history.effects:  # not one of the object's changes, so it does not count among them
        findings.broken("I2", _broken(transaction, f"a second {transaction.kind} of {transaction.object_key}"))
        return
    if transaction.kind != NO_MONEY:
        history.effects.add(transaction.kind)
    kind = transaction.object_key.partition(":")[2].partition(":")[0]
    hold = _hold_fault(transaction, kind, history)
    for invariant, fault in (
        ("I2", _key_fault(transaction)),
        ("I6", hold),
        ("I8", _edge_fault(transaction, kind, history) or _legs_fault(transaction, thing)),
    ):
        if fault:
            findings.broken(invariant, _broken(transaction, fault))
            break
    history.state = transaction.to_state
    history.amount_minor = transaction.amount_minor


def _key_fault(transaction: Transaction) -> str | None:
    """Any other key than the effect's own would let the same effect in again under its own."""
    if not transaction.object_key.startswith(f"{transaction.source}:"):
        return f"{transaction.object_key} is no object of {transaction.source}"
    if transaction.kind == NO_MONEY:
        due = f"state:{transaction.event_id}:{transaction.object_key}"
    else:
        due = f"{transaction.source}:{transaction.kind}:{transaction.object_key.split(':', 2)[-1]}"
    return None if transaction.key == due else f"its effect key should be {due}"


def _hold_fault(transaction: Transaction, kind: str, history: History) -> str | None:
    """After each change, the object holds its amount on one account or nothing on any."""
    moved: dict[str, int] = {}
    for leg in transaction.legs:
        if leg.locked_minor:
            moved[leg.account] = moved.get(leg.account, 0) + leg.locked_minor
    for account, locked in moved.items():
        history.held[account] = history.held.get(account, 0) + locked
    due = transaction.amount_minor if (kind, transaction.to_state) in HOLDING else 0
    held = [amount for amount in history.held.values() if amount]
    if held == ([due] if due else []):
        return None
    told = ", ".join(f"{amount} on {account}" for account, amount in history.held.items() if amount) or "nothing"
    history.held = {account: due for account in list(history.held)[:1] if due}
    return f"{transaction.to_state} holds {due}, the legs so far hold {told}"


def _edge_fault(transaction: Transaction, kind: str, history: History) -> str | None:
    if transaction.from_state != history.state:
        return f"it leaves {transaction.from_state}, the changes before it lead to {history.state}"
    effect = effect_of(kind, transaction.from_state, transaction.to_state)
    if effect is None:
        return f"{transaction.from_state} to {transaction.to_state} is no edge of a {kind}"
    if effect != transaction.kind:
        return f"{transaction.from_state} to {transaction.to_state} is booked as {transaction.kind}, not as {effect}"
    return None


def _legs_fault(transaction: Transaction, thing: ProviderObject | None) -> str | None:
    """The edge's effect: so many times the amount for the object's owner, and the other side where it belongs."""
    if sum(leg.amount_minor for leg in transaction.legs):  # I3's finding
        return None
    net: dict[str, int] = {}
    for leg in transaction.legs:
        side = f"wallet:{leg.owner}" if leg.is_wallet or leg.account.startswith("receivable:") else leg.account
        net[side] = net.get(side, 0) + leg.amount_minor
    if transaction.kind == NO_MONEY or thing is None:
        return "no money moves on this edge, yet it has legs" if net and thing is not None else None
    due = SHIFTS[transaction.kind] * transaction.amount_minor
    if not due:
        return f"{transaction.kind} should move nothing" if any(net.values()) else None
    if net.pop(f"wallet:{thing.owner}", None) != due:
        return f"{transaction.kind} should move {due} for {thing.owner}"
    if transaction.kind == "transfer":
        gives = len(net) == 1 and -due in net.values() and next(iter(net)).startswith("wallet:")
        return None if gives else "the receiver does not get what the sender gives"
    if net != {f"clearing:{transaction.source}": -due}:
        return f"the other side of {transaction.kind} is not the source's clearing account"
    return None


def _check_end(key: str, thing: ProviderObject | None, history: History, findings: Findings) -> None:
    findings.checked("I8")
    fault = None
    if thing is None:
        fault = "is not stored, though transactions changed it"
    elif history.state == NEW:
        fault = f"is {thing.state}, though no transaction made it so"
    elif thing.state != history.state and not (history.state == CAPTURED and thing.state in AFTER_CAPTURE):
        fault = f"is {thing.state}, its changes lead to {history.state}"
    elif thing.amount_minor != history.amount_minor:
        fault = f"amounts to {thing.amount_minor}, its last change says {history.amount_minor}"
    if fault:
        findings.broken("I8", Broken("objects", key, fault))


async def check_refunds(moment: Moment) -> Findings:
    """I7, and the states of payments that follow from their refunds and disputes (I8)."""
    findings = Findings()
    fields = {name: 1 for name in ProviderObject.__dataclass_fields__ if name != "key"}
    children = moment.sorted(
        "objects",
        [{"$match": {"parent": {"$type": "string"}}}, {"$project": fields}, {"$sort": {"parent": 1}}],
    )
    payments = moment.stream("objects", {"kind": "payment"}, order=[("_id", 1)])
    families = grouped(_readable(children), key=lambda child: child.parent or "")
    async for key, family, payment in joined(families, ((found.key, found) async for found in _readable(payments))):
        findings.checked("I7")
        refunded = sum(child.amount_minor for child in family or () if _counts(child))
        fault = _refund_fault(payment, refunded)
        if fault:
            findings.broken("I7", Broken("objects", key, fault))
        elif payment is not None:
            _check_called(payment, refunded, family or (), findings)
    return findings


async def _readable(documents: AsyncIterator[Document]) -> AsyncIterator[ProviderObject]:
    """Those that cannot be read were found by `check_objects`."""
    async for document in documents:
        try:
            yield read_object(document)
        except Malformed:
            continue


def _counts(child: ProviderObject) -> bool:
    return child.kind == "refund" and child.state == "SUCCEEDED"


def _refund_fault(payment: ProviderObject | None, refunded: int) -> str | None:
    if payment is None:
        return "is not stored, though refunds or disputes belong to it"
    captured = payment.amount_minor if payment.state in AFTER_CAPTURE else 0
    if refunded > captured:
        return f"{refunded} were refunded of {captured} captured"
    if payment.refunded_minor != refunded:
        return f"is said to be refunded by {payment.refunded_minor}, its refunds make {refunded}"
    return None


def _check_called(payment: ProviderObject, refunded: int, family: Sequence[ProviderObject], findings: Findings) -> None:
    findings.checked("I8")
    running = sum(child.kind == "dispute" and child.state in DISPUTE_RUNS for child in family)
    if payment.disputes_open != running:
        why = f"is said to have {payment.disputes_open} disputes, {running} of its disputes stand"
        findings.broken("I8", Broken("objects", payment.key, why))
        return
    if payment.state not in AFTER_CAPTURE:
        return
    if running:
        due = "DISPUTED"
    elif refunded:
        due = "REFUNDED" if refunded >= payment.amount_minor else "PARTIALLY_REFUNDED"
    else:
        due = CAPTURED
    if payment.state != due:
        findings.broken(
            "I8", Broken("objects", payment.key, f"is {payment.state}, its refunds and disputes make {due}")
        )


def _broken(transaction: Transaction, why: str) -> Broken:
    return Broken("transactions", transaction.key, why, transaction.seq)
