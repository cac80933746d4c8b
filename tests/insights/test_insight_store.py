"""The stored insights in a real MongoDB: what is written is found, and each narrative is claimed once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pymongo
import pytest
from beanie import init_beanie

from gateway.analysis.assessment import Assessment, Level
from gateway.analysis.features import Movement
from gateway.clock import utc
from gateway.errors import StoreUnavailable
from gateway.insights.insight import build_insight
from gateway.insights.store import InsightDocument, InsightStore
from gateway.mongo import connect
from gateway.settings import Settings

NOW = 1_800_000_000.0


class Stored(InsightStore):
    """The store, with what the worker writes and a reader sees."""

    async def insert(self, insights: list[dict[str, Any]]) -> None:
        await self._insights.insert_many(insights)

    async def by_event(self, event_id: str) -> dict[str, Any] | None:
        return await self._insights.find_one({"_id": event_id})

    async def pending_count(self) -> int:
        return await self._insights.count_documents({"narrate": {"$exists": True}})


Run = Callable[[Callable[[Stored], Awaitable[Any]]], Any]


@pytest.fixture
def run(mongo_uri: str, database_name: str) -> Run:
    """Runs a story on the store of an empty database that has the indexes."""

    def within(story: Callable[[Stored], Awaitable[Any]]) -> Any:
        async def go() -> Any:
            async with connect(mongo_uri, Settings(_env_file=None)) as client:
                database = client[database_name]
                await init_beanie(database=database, document_models=[InsightDocument])
                return await story(Stored(database))

        return asyncio.run(go())

    return within


def insight(number: int, score: int | None, *, wallet: str = "alice", at: float = NOW) -> dict[str, Any]:
    level: Level = "critical" if (score or 0) >= 80 else "high" if (score or 0) >= 60 else "low"
    movement = Movement(f"evt_{number}", "stripe", "capture", wallet, None, "USD", 1_000, "in", at)
    assessment = None if score is None else Assessment(score, level, (), 0.5)
    return build_insight(
        movement, assessment, transaction=f"t{number}", narrate_from_score=60, model_configured=True, now=at
    )


def ids(insights: list[dict[str, Any]]) -> list[str]:
    return [each["_id"] for each in insights]


def test_an_insight_is_found_by_its_event(run: Run) -> None:
    """Exactly as it was written; an unknown event has none."""

    async def story(store: Stored) -> Any:
        await store.insert([insight(1, 70)])
        return await store.by_event("evt_1"), await store.by_event("evt_2")

    assert run(story) == (insight(1, 70), None)


@pytest.mark.parametrize("score", [70, 10, None])
def test_the_stored_shape_is_the_declared_one(run: Run, score: int | None) -> None:
    """What `build_insight` writes is what the document declares, field by field."""

    async def story(store: Stored) -> Any:
        await store.insert([insight(1, score)])
        return await InsightDocument.get("evt_1")

    document = run(story)
    assert document.score == score
    assert set(insight(1, score)) <= {"_id", *InsightDocument.model_fields}


def test_pending_narratives_are_claimed_once_highest_score_first(run: Run) -> None:
    """Ten claimants at once get ten different insights, or none."""

    async def story(store: Stored) -> Any:
        await store.insert([insight(1, 70, at=NOW + 1), insight(2, 70), insight(3, 95), insight(4, 10)])
        in_order = [await store.claim_pending(now=NOW, lease_s=30) for _ in range(2)]
        at_once = await asyncio.gather(*(store.claim_pending(now=NOW, lease_s=30) for _ in range(10)))
        return ids([claimed for claimed in [*in_order, *at_once] if claimed])

    assert run(story) == ["evt_3", "evt_2", "evt_1"]


def test_a_claim_ends_with_its_lease(run: Run) -> None:
    """What a narrator left behind is taken up by the next."""

    async def story(store: Stored) -> Any:
        await store.insert([insight(1, 70)])
        claims = [await store.claim_pending(now=NOW + after, lease_s=30) for after in (0, 29, 31)]
        return [claim is not None for claim in claims]

    assert run(story) == [True, False, True]


def test_a_written_narrative_leaves_the_queue(run: Run) -> None:
    """It is stored, and written only once."""

    async def story(store: Stored) -> Any:
        await store.insert([insight(1, 70)])
        await store.claim_pending(now=NOW, lease_s=30)
        first = await store.write_narrative("evt_1", {"status": "written", "reason": None, "headline": "First."})
        second = await store.write_narrative("evt_1", {"status": "written", "reason": None, "headline": "Second."})
        return first, second, await store.pending_count(), await store.by_event("evt_1")

    first, second, waiting, stored = run(story)
    assert (first, second, waiting) == (True, False, 0)
    assert stored["narrative"]["headline"] == "First."
    assert "narrate" not in stored


def test_the_models_words_are_masked_before_they_are_stored(run: Run) -> None:
    """It is given no names; one that it makes up, or learns some day, is not kept."""
    words = {"headline": "alice@example.com is unusual", "text": "Call +44 20 7946 0958 about 4111 1111 1111 1111."}

    async def story(store: Stored) -> Any:
        await store.insert([insight(1, 70)])
        await store.write_narrative("evt_1", {"status": "written", "reason": None, "advice": "watch", **words})
        return await store.by_event("evt_1")

    narrative = run(story)["narrative"]
    assert (narrative["headline"], narrative["text"]) == ("[e-mail] is unusual", "Call [phone] about [card].")
    assert narrative["advice"] == "watch"


def test_a_narrative_put_off_comes_back_when_it_is_due(run: Run) -> None:
    """The number of tries comes with it."""

    async def story(store: Stored) -> Any:
        await store.insert([insight(1, 70)])
        later = {"status": "pending", "reason": "http_500", "tries": 1, "not_before": utc(NOW + 60)}
        await store.write_narrative("evt_1", later)
        return [await store.claim_pending(now=NOW + after, lease_s=30) for after in (59, 61)]

    early, due = run(story)
    assert early is None
    assert due["narrative"]["tries"] == 1


def test_old_news_is_given_up_with_its_reason(run: Run) -> None:
    """Only what is older than the bound, and only what was still pending."""

    async def story(store: Stored) -> Any:
        await store.insert([insight(1, 70, at=NOW - 10), insight(2, 70), insight(3, 5, at=NOW - 10)])
        expired = await store.expire_pending(before=NOW - 1, reason="budget")
        narratives = [(await store.by_event(f"evt_{number}") or {})["narrative"] for number in (1, 2, 3)]
        return expired, narratives, await store.pending_count()

    expired, narratives, waiting = run(story)
    assert (expired, waiting) == (1, 1)
    assert narratives == [
        {"status": "absent", "reason": "budget"},
        {"status": "pending"},
        {"status": "absent", "reason": "below_threshold"},
    ]


def test_a_store_that_does_not_answer_in_time_is_unavailable(run: Run) -> None:
    """Our error, not the driver's."""

    async def story(store: Stored) -> Any:
        await store.expire_pending(before=0, reason="x")  # the connection is there; only the time is not
        with pymongo.timeout(0.000_001):
            await store.expire_pending(before=0, reason="x")

    with pytest.raises(StoreUnavailable):
        run(story)
