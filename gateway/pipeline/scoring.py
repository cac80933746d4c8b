"""From what was booked to what it means: one insight per applied event, and the profiles that learned from it."""

from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from structlog import get_logger

from gateway.analysis.assessment import Assessment, assess
from gateway.analysis.counterparty import Counterparty, counterparty_id
from gateway.analysis.features import Movement, features
from gateway.analysis.judgement import judge
from gateway.analysis.model_store import ModelStore
from gateway.analysis.profile import Learned, Profile
from gateway.analysis.trees import TreeModel
from gateway.errors import BadModel
from gateway.events.event import PaymentEvent
from gateway.insights.insight import CHARGEBACK, FIRST_MET, SUSPICIOUS, build_insight, build_insight_without_amount
from gateway.ledger.books import Applied
from gateway.ledger.transaction import Transaction
from gateway.ledger.writes import Writes
from gateway.pipeline.chargebacks import Paid, Payments, disputed, times, told
from gateway.pipeline.profiles import Profiles, direction
from gateway.unhurried import unhurried

log = get_logger(__name__)

LOOK_EVERY_S: Final = 5.0
"""Between two looks at which model was promoted."""


class Scoring:
    """The analysis of one batch after the other."""

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], *, narrate_from_score: int, model_configured: bool
    ) -> None:
        self._profiles = Profiles(database)
        self._payments = Payments(database)
        self._models = ModelStore(database)
        self._model: TreeModel | None = None
        self._promoted = ""
        self._look_at = 0.0
        self._narrate_from_score = narrate_from_score
        self._model_configured = model_configured

    async def start(self, *, last_seq: int) -> None:
        """Take up the states as they are after the transaction `last_seq`, and the promoted model."""
        self._payments.forget()
        self._look_at = 0.0
        await self._profiles.start(last_seq=last_seq)
        await self._look_for_model()

    async def writes(
        self, applied: Sequence[tuple[PaymentEvent, Applied]], *, first_seq: int, seen_before: set[str], now: float
    ) -> list[Writes]:
        """What the batch, whose transactions are numbered from `first_seq`, adds to insights and profiles. Of an event in
        `seen_before` there may be an insight already."""
        await self._look_for_model()
        movements = [_movement(event, result) for event, result in applied]
        others = [_other_id(movement) for movement in movements]
        profiles = await self._profiles.load({movement.profile_id for movement in movements if movement})
        paid = await self._payments.of(disputed(applied))
        counterparties = await self._profiles.counterparties.load(
            {each.counterparty_id for each in paid.values()} | {each for each in others if each}
        )
        captured: dict[str, Paid] = {}
        insights: dict[str, dict[str, Any]] = {}
        seq = first_seq - 1
        async for (event, result), movement, other_id in unhurried(list(zip(applied, movements, others, strict=True))):
            transaction = result.transaction
            if transaction is None:
                continue
            seq += 1
            if transaction.event_id in insights:
                continue
            if movement is None:
                insights[transaction.event_id] = _without_amount(event, transaction, result.wallet, now)
                continue
            profile, other = profiles[movement.profile_id], counterparties.get(other_id or "")
            assessment, learned = _assessment(movement, profile, other, self._model, learn=bool(transaction.legs))
            if learned:
                self._profiles.learn(
                    profile, other, learned, amount_minor=movement.amount_minor, at_s=movement.occurred_at, seq=seq
                )
            insight = insights[transaction.event_id] = build_insight(
                movement,
                assessment,
                transaction=transaction.key,
                narrate_from_score=self._narrate_from_score,
                model_configured=self._model_configured,
                now=now,
            )
            if learned and other is not None:
                _remember(learned, insight)
                if transaction.effect == "capture":
                    captured[transaction.object_key] = Paid(other.id, movement.occurred_at, learned.suspicious)
            if event.parent_key and times(event, result):
                payment = captured.get(event.parent_key) or paid.get(event.parent_key)
                if payment:
                    insight[CHARGEBACK] = told(payment, event, result)
                    self._profiles.charge(counterparties[payment.counterparty_id], insight[CHARGEBACK], seq=seq)
        self._payments.captured(captured)
        return [
            Writes(
                "insights",
                inserts=[insight for event_id, insight in insights.items() if event_id not in seen_before],
                upserts=[insight for event_id, insight in insights.items() if event_id in seen_before],
            ),
            *self._profiles.writes(seq),
        ]

    async def _look_for_model(self) -> None:
        """The promoted model, looked for every few seconds. One that cannot be used leaves the one before in its place."""
        now = monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        promoted = await self._models.promoted()
        if promoted == self._promoted:
            return
        self._promoted = promoted
        try:
            self._model = await self._models.get(promoted)
        except BadModel as bad:
            log.error("model_not_used", version=promoted, error=str(bad))
        else:
            log.info("model_in_use", model=self._model.name if self._model else promoted)


def _remember(learned: Learned, insight: dict[str, Any]) -> None:
    """What the counterparty's state learned and a new writer could not find out again; only where it says something."""
    if learned.new:
        insight[FIRST_MET] = True
    if learned.suspicious:
        insight[SUSPICIOUS] = True


def _without_amount(event: PaymentEvent, transaction: Transaction, wallet: str | None, now: float) -> dict[str, Any]:
    return build_insight_without_amount(
        event_id=transaction.event_id,
        transaction=transaction.key,
        source=transaction.source,
        kind=f"{event.kind} {event.step}",
        wallet=wallet or "",
        occurred_at=event.occurred_at,
        now=now,
    )


def _other_id(movement: Movement | None) -> str | None:
    """The counterparty's state, where there is one."""
    if movement is None or movement.counterparty is None:
        return None
    return counterparty_id(movement.currency, movement.counterparty)


def _movement(event: PaymentEvent, result: Applied) -> Movement | None:
    """What the analysis looks at; None for what carries no amount."""
    transaction = result.transaction
    if transaction is None or transaction.amount_minor <= 0:
        return None
    return Movement(
        event_id=event.event_id,
        source=event.source,
        kind=transaction.effect if transaction.legs else f"{event.kind} {event.step}",
        wallet=result.wallet or "",
        counterparty=event.counterparty,
        currency=transaction.currency,
        amount_minor=transaction.amount_minor,
        direction=direction(transaction.effect, ((leg.account, leg.amount_minor) for leg in transaction.legs)),
        occurred_at=event.occurred_at,
    )


def _assessment(
    movement: Movement, profile: Profile, other: Counterparty | None, model: TreeModel | None, *, learn: bool
) -> tuple[Assessment | None, Learned | None]:
    """The score, from the past only; then the profile learns. A fault here leaves the event applied and unscored."""
    try:
        seen = features(movement, profile, other)
        assessment = assess(seen, judge(model, movement, seen, profile, other) if model else None)
        learned = None
        if learn:
            learned = profile.absorb(
                amount_minor=movement.amount_minor,
                direction=movement.direction,
                counterparty=movement.counterparty,
                occurred_at=movement.occurred_at,
            )
    except Exception as fault:  # money never depends on the analysis; the insight says that it is unscored
        log.error("not_scored", event_id=movement.event_id, error=type(fault).__name__)
        return None, None
    return assessment, learned
