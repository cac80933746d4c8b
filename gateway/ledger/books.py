"""The fold: payment events, one after the other, against the objects and wallets they concern. Pure, in memory.

`Books` holds what one batch touches. `apply` decides first and changes last, so an event that raises has changed nothing.
"""

from dataclasses import dataclass, field, replace

from gateway.events.event import Outcome, PaymentEvent
from gateway.ledger.limits import NO_LIMITS, Limits, day_key, refusal
from gateway.ledger.posting_rules import (
    DISPUTE_RUNS,
    EFFECTS,
    NEW,
    PARENT_STATES,
    Position,
    Verdict,
    captured_state,
    next_state,
    position,
)
from gateway.ledger.transaction import Leg, Transaction, wallet_legs
from gateway.ledger.wallet import BalanceTooLarge, Wallet, suspense_owner, wallet_key
from gateway.value import value


@value(frozen=True, slots=True)
class ProviderObject:
    """A payment, refund, dispute, payout, transfer, invoice or subscription, as far as its events have told."""

    key: str
    kind: str
    source: str
    object_id: str
    state: str = NEW
    currency: str = ""
    amount_minor: int = 0
    refunded_minor: int = 0
    disputes_open: int = 0
    wallet: str | None = None
    parent: str | None = None
    first_event_id: str = ""
    last_event_id: str = ""


@value(frozen=True, slots=True)
class Applied:
    """What became of one event; `awaits` is the object whose change lets a parked one try again."""

    outcome: Outcome
    reason: str
    transaction: Transaction | None = None
    wallet: str | None = None
    """The owner the event concerned, for the analysis."""
    awaits: str | None = None


@dataclass(slots=True)
class Books:
    """Everything a batch of events touches. Absent objects and wallets are new."""

    objects: dict[str, ProviderObject] = field(default_factory=dict)
    wallets: dict[str, Wallet] = field(default_factory=dict)
    limits: Limits = NO_LIMITS
    levels: dict[str, str] = field(default_factory=dict)
    """KYC levels by owner, where not the default."""
    changed_objects: set[str] = field(default_factory=set)
    changed_wallets: set[str] = field(default_factory=set)
    objects_before: frozenset[str] = field(init=False)
    wallets_before: frozenset[str] = field(init=False)
    """Keys of what was there before the batch; the rest is new."""

    def __post_init__(self) -> None:
        self.objects_before, self.wallets_before = frozenset(self.objects), frozenset(self.wallets)

    def apply(self, event: PaymentEvent, *, decided_before: bool = False) -> Applied:
        """Take the edge the event reports, once. Whatever the order, the same events end in the same books.

        `decided_before`: the event is a replay and had its say about the object. What came after it stands: it may book an
        effect that was never booked, and turns no state back (a subscription's, an authorisation's) that moves no money.
        """
        key, parent_key = event.key, event.parent_key
        known = self.objects.get(key) or ProviderObject(key, event.kind, event.source, event.object_id)
        parent = self.objects.get(parent_key) if parent_key else None
        if parent_key and (parent is None or parent.state not in PARENT_STATES):
            return _parked("the payment is not captured yet", parent_key)
        to_state = next_state(event.kind, known.state, event.step)
        problem = _contradiction(event, known, parent, to_state)
        if problem:
            return _parked(problem, parent_key or key)
        if isinstance(to_state, Verdict):
            return Applied(Outcome.STALE, f"{to_state.value}: {known.state} already")
        if decided_before and known.state != NEW:
            moves_money = position(event.kind, known.state) != position(event.kind, to_state)
            if not moves_money:
                return Applied(Outcome.STALE, f"decided before: {known.state} stands")
        refused = self._refusal(event)
        if refused:
            return Applied(Outcome.REJECTED, refused)
        taken = ProviderObject(  # not `replace`, which costs three times as much
            key=key,
            kind=known.kind,
            source=known.source,
            object_id=known.object_id,
            state=to_state,
            currency=event.currency or known.currency,
            amount_minor=event.amount_minor or known.amount_minor,
            refunded_minor=known.refunded_minor,
            disputes_open=known.disputes_open,
            wallet=_wallet_of(event, known, parent),
            parent=parent_key,
            first_event_id=known.first_event_id or event.event_id,
            last_event_id=event.event_id,
        )
        try:
            return self._take(event, known, taken, parent)
        except BalanceTooLarge:
            return _parked("the wallet's balance would pass its bound", key)

    def _take(
        self, event: PaymentEvent, known: ProviderObject, taken: ProviderObject, parent: ProviderObject | None
    ) -> Applied:
        before, after = position(taken.kind, known.state), position(taken.kind, taken.state)
        owner = taken.wallet or suspense_owner(event.source)
        legs: tuple[Leg, ...] = ()
        effect, key = "state", f"state:{event.event_id}:{event.key}"
        if before != after:
            effect = EFFECTS[taken.kind, before, after]
            key = f"{event.source}:{effect}:{event.object_id}"
            legs = self._post(
                event, taken, owner, Position(after.balance - before.balance, after.locked - before.locked)
            )
        transaction = Transaction(
            key=key,
            effect=effect,
            event_id=event.event_id,
            source=event.source,
            object_key=taken.key,
            from_state=known.state,
            to_state=taken.state,
            currency=taken.currency,
            amount_minor=taken.amount_minor,
            legs=legs,
            occurred_at=event.occurred_at,
        )
        self._keep(taken)
        if parent is not None:
            self._keep_parent(parent, known, taken)
        for leg in legs:
            if leg.wallet is not None:
                sends = event.ours and leg.wallet.owner == owner
                sent = leg.wallet.having_sent(taken.amount_minor, day_key(event.arrived_at)) if sends else leg.wallet
                key = sent.key
                self.wallets[key] = sent
                self.changed_wallets.add(key)
        return Applied(Outcome.APPLIED, effect, transaction, owner)

    def _refusal(self, event: PaymentEvent) -> str | None:
        """Why what our own systems ask for may not go out; always None for what a provider reports."""
        if not event.ours or event.wallet is None:
            return None
        wallet = self.wallets.get(wallet_key(event.currency, event.wallet)) or Wallet(event.wallet, event.currency)
        limit = self.limits.of(event.currency, self.levels.get(event.wallet))
        return refusal(wallet, event.amount_minor, limit, event.arrived_at)

    def _post(self, event: PaymentEvent, taken: ProviderObject, owner: str, shift: Position) -> tuple[Leg, ...]:
        """The legs that move `shift` times the amount on the owner's wallet, against clearing or the receiver's wallet."""
        amount = taken.amount_minor
        legs = self._wallet_legs(owner, taken.currency, shift.balance * amount, shift.locked * amount)
        if taken.kind == "transfer":
            receiver = event.counterparty or suspense_owner(event.source)
            return legs + self._wallet_legs(receiver, taken.currency, -shift.balance * amount, 0)
        if shift.balance:
            return (*legs, Leg(f"clearing:{event.source}", -shift.balance * amount))
        return legs

    def _wallet_legs(self, owner: str, currency: str, balance: int, locked: int) -> tuple[Leg, ...]:
        wallet = self.wallets.get(wallet_key(currency, owner)) or Wallet(owner, currency)
        after, change = wallet.moved(balance, locked)
        return wallet_legs(wallet, after, change)

    def _keep(self, thing: ProviderObject) -> None:
        self.objects[thing.key] = thing
        self.changed_objects.add(thing.key)

    def _keep_parent(self, parent: ProviderObject, known: ProviderObject, taken: ProviderObject) -> None:
        """A payment's state follows from its refunds and open disputes."""
        refunded, disputes = parent.refunded_minor, parent.disputes_open
        if taken.kind == "refund":
            moved = position("refund", known.state).balance - position("refund", taken.state).balance
            refunded += moved * taken.amount_minor
        else:
            disputes += (taken.state in DISPUTE_RUNS) - (known.state in DISPUTE_RUNS)
        state = captured_state(amount_minor=parent.amount_minor, refunded_minor=refunded, disputes_open=disputes)
        self._keep(
            replace(
                parent, refunded_minor=refunded, disputes_open=disputes, state=state, last_event_id=taken.last_event_id
            )
        )


def _wallet_of(event: PaymentEvent, known: ProviderObject, parent: ProviderObject | None) -> str | None:
    """Who owns the object: the event that moves its money decides, else what was told before; suspense is an owner too."""
    if any(position(known.kind, known.state)):
        return known.wallet
    return parent.wallet if parent else event.wallet or known.wallet


def _contradiction(
    event: PaymentEvent, known: ProviderObject, parent: ProviderObject | None, to_state: str | Verdict
) -> str | None:
    """Why the event cannot be true together with what is known; None when it can."""
    if to_state is Verdict.CONFLICT:
        return f"conflict: {event.step} against {known.state}"
    if event.currency and known.currency and event.currency != known.currency:
        return f"conflict: {event.currency} against {known.currency}"
    settled = event.kind != "payment" or known.state in PARENT_STATES  # an authorisation may be captured in part
    said_again = event.step in ("captured", "completed") or event.kind != "payment"
    if settled and said_again and known.amount_minor and event.amount_minor != known.amount_minor:
        return "conflict: the amount differs from what was told before"
    if known.parent and event.parent_key != known.parent:
        return "conflict: it belonged to another payment before"
    if event.kind == "transfer" and event.counterparty == event.wallet:
        return "conflict: sender and receiver are one"
    if parent is not None and event.currency != parent.currency:
        return f"conflict: {event.currency} against the payment's {parent.currency}"
    if parent is not None and event.kind == "refund" and to_state == "SUCCEEDED":
        over = parent.refunded_minor + event.amount_minor > parent.amount_minor
        return "conflict: more would be refunded than was captured" if over else None
    return None


def _parked(reason: str, awaits: str) -> Applied:
    return Applied(Outcome.PARKED, reason, awaits=awaits)
