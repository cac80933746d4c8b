"""From what was booked to what it means: one insight per applied event, and the profiles that learned from it."""

from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from structlog import get_logger

from gateway.analysis.assessment import Assessment, assess
from gateway.analysis.features import Movement, features
from gateway.analysis.profile import Profile
from gateway.events.event import PaymentEvent
from gateway.insights.insight import build_insight, build_insight_without_amount
from gateway.ledger.books import Applied
from gateway.ledger.store import Writes
from gateway.pipeline.profiles import Profiles, direction
from gateway.pipeline.unhurried import unhurried

log = get_logger(__name__)


class Scoring:
    """The analysis of one batch after the other."""

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], *, narrate_from_score: int, model_configured: bool
    ) -> None:
        self._profiles = Profiles(database)
        self._narrate_from_score = narrate_from_score
        self._model_configured = model_configured

    async def start(self, *, last_seq: int) -> None:
        """Take up the profiles as they are after the transaction `last_seq`."""
        await self._profiles.start(last_seq=last_seq)

    async def writes(
        self, applied: Sequence[tuple[PaymentEvent, Applied]], *, first_seq: int, seen_before: set[str], now: float
    ) -> list[Writes]:
        """What the batch, whose transactions are numbered from `first_seq`, adds to insights and profiles. Of an event in
        `seen_before` there may be an insight already."""
        movements = [(result, _movement(event, result)) for event, result in applied]
        profiles = await self._profiles.load({movement.profile_id for _, movement in movements if movement})
        insights: dict[str, dict[str, Any]] = {}
        seq = first_seq - 1
        async for (event, result), (_, movement) in unhurried(list(zip(applied, movements, strict=True))):
            transaction = result.transaction
            if transaction is None:
                continue
            seq += 1
            if transaction.event_id in insights:
                continue
            if movement is None:
                insights[transaction.event_id] = build_insight_without_amount(
                    event_id=transaction.event_id,
                    transaction=transaction.key,
                    source=transaction.source,
                    kind=f"{event.kind} {event.step}",
                    wallet=result.wallet or "",
                    occurred_at=event.occurred_at,
                    now=now,
                )
                continue
            profile = profiles[movement.profile_id]
            assessment = _assessment(movement, profile, learn=bool(transaction.legs))
            if transaction.legs:
                self._profiles.learned(profile, seq)
            insights[transaction.event_id] = build_insight(
                movement,
                assessment,
                transaction=transaction.key,
                narrate_from_score=self._narrate_from_score,
                model_configured=self._model_configured,
                now=now,
            )
        return [
            Writes(
                "insights",
                inserts=[insight for event_id, insight in insights.items() if event_id not in seen_before],
                upserts=[insight for event_id, insight in insights.items() if event_id in seen_before],
            ),
            *self._profiles.writes(seq),
        ]


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


def _assessment(movement: Movement, profile: Profile, *, learn: bool) -> Assessment | None:
    """The score, from the past only; then the profile learns. A fault here leaves the event applied and unscored."""
    try:
        assessment = assess(features(movement, profile))
        if learn:
            profile.absorb(
                amount_minor=movement.amount_minor,
                direction=movement.direction,
                counterparty=movement.counterparty,
                occurred_at=movement.occurred_at,
            )
    except Exception as fault:  # money never depends on the analysis; the insight says that it is unscored
        log.error("not_scored", event_id=movement.event_id, error=type(fault).__name__)
        return None
    return assessment
