"""From what was booked to what it means: one insight per applied event, and the profiles that learned from it."""

from collections.abc import Sequence
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from structlog import get_logger

from gateway.analysis.assessment import Assessment, assess
from gateway.analysis.features import Movement, features
from gateway.analysis.profile import Direction, Profile
from gateway.events.event import PaymentEvent
from gateway.insights.insight import build_insight, build_insight_without_amount
from gateway.ledger.books import Applied
from gateway.ledger.store import Writes
from gateway.ledger.transaction import Transaction
from gateway.pipeline.unhurried import unhurried
from gateway.recent import Recent

log = get_logger(__name__)

PROFILES_MAX: Final = 20_000
"""Wallets whose profile is kept in memory."""
_OUTWARD: Final = frozenset({"transfer", "payout_requested", "dispute_opened"})


class Scoring:
    """The analysis of one batch after the other. Profiles are the writer's own, so it remembers them."""

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], *, narrate_from_score: int, model_configured: bool
    ) -> None:
        self._stored_profiles = database["profiles"]
        self._narrate_from_score = narrate_from_score
        self._model_configured = model_configured
        self._profiles: Recent[Profile] = Recent(PROFILES_MAX)

    async def writes(
        self, applied: Sequence[tuple[PaymentEvent, Applied]], *, seen_before: set[str], now: float
    ) -> list[Writes]:
        """What the batch adds to insights and profiles. Of an event in `seen_before` there may be an insight already."""
        movements = [(result, _movement(event, result)) for event, result in applied]
        profiles = await self._load({movement.profile_id for _, movement in movements if movement})
        known = frozenset(profiles)
        insights: dict[str, dict[str, Any]] = {}
        learned: dict[str, Profile] = {}
        async for (event, result), (_, movement) in unhurried(list(zip(applied, movements, strict=True))):
            transaction = result.transaction
            if transaction is None or transaction.event_id in insights:
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
            profile = profiles.setdefault(movement.profile_id, Profile(movement.profile_id))
            assessment = _assessment(movement, profile, learn=bool(transaction.legs))
            if transaction.legs:
                learned[movement.profile_id] = profile
            insights[transaction.event_id] = build_insight(
                movement,
                assessment,
                transaction=transaction.key,
                narrate_from_score=self._narrate_from_score,
                model_configured=self._model_configured,
                now=now,
            )
        self._profiles.remember({key: each for key, each in profiles.items() if key in known or key in learned})
        return [
            Writes(
                "insights",
                inserts=[insight for event_id, insight in insights.items() if event_id not in seen_before],
                upserts=[insight for event_id, insight in insights.items() if event_id in seen_before],
            ),
            Writes(
                "profiles",
                inserts=[profile.to_document() for key, profile in learned.items() if key not in known],
                replacements=[profile.to_document() for key, profile in learned.items() if key in known],
            ),
        ]

    def forget(self) -> None:
        self._profiles.forget()

    async def _load(self, profile_ids: set[str]) -> dict[str, Profile]:
        profiles, unknown = self._profiles.known(profile_ids)
        if unknown:
            async for stored in self._stored_profiles.find({"_id": {"$in": unknown}}):
                profiles[stored["_id"]] = Profile.from_document(stored)
        return profiles


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
        direction=_direction(transaction),
        occurred_at=event.occurred_at,
    )


def _direction(transaction: Transaction) -> Direction:
    """Out when the scored wallet's own side shrank, or is about to."""
    own_side = sum(leg.amount_minor for leg in transaction.legs if not leg.account.startswith("clearing:"))
    return "out" if transaction.effect in _OUTWARD or own_side < 0 else "in"


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
