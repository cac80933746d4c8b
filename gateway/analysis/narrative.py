"""Prose for the risky few and for the business's days, weeks and months: asks Gemini about an insight that is already computed,
within a budget and a deadline, and lets through no sentence with a number that is not in what it was told.

It gives the insight's `narrative` and nothing else: no score, no state, no action depends on it. The SDK is loaded at
the first question, so a gateway without a key never imports it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from gateway.analysis.budget import Breaker, Budget
from gateway.analysis.figures_in_words import TEXT_MAX, checked, sentences
from gateway.analysis.prompt import (
    EVENT,
    EXPLANATION_MAX,
    HEADLINE_MAX,
    Answer,
    EventAnswer,
    NotAnswered,
    Prompt,
    clipped,
    facts_text,
    input_hash,
    shortened,
)
from gateway.analysis.retrying import within_deadline
from gateway.analysis.summary_prompt import SUMMARY
from gateway.clock import Clock, system_clock, utc
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.analysis.gemini import Gemini

ROUNDS_MAX: Final = 3
"""Deadlines spent on one insight before its narrative has failed."""
ROUND_PAUSE_S: Final = 30.0
REFUSED_PAUSE_S: Final = 300.0
"""After a refused key or model, which only an operator can mend."""
CACHE_MAX: Final = 256
PENDING_AGE_MAX_S: Final = 3_600.0
"""A narrative that no budget was found for in this time is given up: the insight is no news any more."""
SUMMARY_AGE_MAX_S: Final = 2 * 86_400.0
"""The same of a summary."""
LEASE_EXTRA_S: Final = 30.0
"""A claimed insight is free again this long after its deadline, if its narrator died."""
DROPPED_MAX: Final = 10
DROPPED_LENGTH_MAX: Final = 200
"""Of the sentences that were dropped, how many are kept beside the narrative, and how much of each."""
IDLE_S: Final = 1.0
EXPIRE_EVERY_S: Final = 60.0
FAULT_PAUSE_S: Final = 5.0

_THE_MODEL_IS_UP: Final = frozenset({"blocked", "truncated"})
_log = structlog.get_logger(__name__)


class Narrator:
    """Asks Gemini for one narrative at a time. Its API key is in no log line, error or document."""

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        key = settings.gemini_api_key
        self._key = key.get_secret_value().strip() if key else ""
        self._model = settings.gemini_model
        self._base_url = settings.gemini_base_url
        self._deadline_s = settings.gemini_deadline_s
        self._clock = clock
        self._budget = Budget(settings.gemini_requests_per_minute, clock=clock)
        self._breaker = Breaker(clock=clock)
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._gemini: Gemini | None = None
        self._last_reason: str | None = None
        self._asked = False

    @property
    def configured(self) -> bool:
        return bool(self._key)

    @property
    def deadline_s(self) -> float:
        return self._deadline_s

    def model_state(self) -> dict[str, Any]:
        """For health: `state` is "absent", "open circuit", "failing", "ok" or "not asked yet"; `reason` says why."""
        if not self.configured:
            return {"state": "absent", "reason": "no_model_key"}
        if wait_s := self._breaker.wait_s():
            return {"state": "open circuit", "reason": self._last_reason, "retry_in_s": round(wait_s)}
        if self._breaker.failures:
            return {"state": "failing", "reason": self._last_reason}
        return {"state": "ok" if self._asked else "not asked yet", "reason": self._last_reason}

    def wait_s(self) -> float:
        """Seconds until there is a point in asking: 0 also without a key, where the answer is at hand."""
        return max(self._breaker.wait_s(), self._budget.wait_s()) if self.configured else 0.0

    def held_by(self) -> str:
        """Why a pending narrative waits: the circuit is open, or else the budget."""
        return "model_unavailable" if self._breaker.wait_s() else "budget"

    async def narrate(self, insight: Mapping[str, Any]) -> dict[str, Any]:
        """The `narrative` of an `insights` document: absent, pending (ask again later), written or failed."""
        if not self.configured:
            return {"status": "absent", "reason": "no_model_key"}
        prompt = SUMMARY if "period" in insight else EVENT
        told = prompt.facts(insight)
        text = facts_text(told)
        question = input_hash(text, self._model, prompt.version)
        answer = self._answers.get(question)
        if answer is None:
            if self.wait_s() > 0:
                return {**_tries(insight), "status": "pending", "reason": self.held_by()}
            try:
                answer = await self._ask_within_deadline(text, prompt)
            except NotAnswered as failed:
                return self._unanswered(insight, failed)
            self._remember(question, answer)
        return self._written(answer, question, prompt, told)

    async def aclose(self) -> None:
        """Closes the connection, if there was one."""
        if self._gemini:
            await self._gemini.aclose()
            self._gemini = None

    async def _ask_within_deadline(self, text: str, prompt: Prompt) -> Answer:
        gemini = await self._load()

        async def ask_once() -> Answer:
            if not self._budget.take():
                raise NotAnswered("budget", again="later")
            return await gemini.ask(text, instruction=prompt.instruction, answer=prompt.answer)

        answer = await within_deadline(ask_once, deadline_s=self._deadline_s)
        self._asked, self._last_reason = True, None
        self._breaker.succeeded()
        return answer

    async def _load(self) -> "Gemini":
        """The client, made in a thread the first time: import and construction would hold the loop for a second."""
        if self._gemini is None:
            self._gemini = await asyncio.to_thread(self._make)
        return self._gemini

    def _make(self) -> "Gemini":
        made: Gemini = import_module("gateway.analysis.gemini").Gemini(
            api_key=self._key, model=self._model, base_url=self._base_url, timeout_s=self._deadline_s / 2
        )
        return made

    def _unanswered(self, insight: Mapping[str, Any], failed: NotAnswered) -> dict[str, Any]:
        """Counts the failure; another round if one may help, else the failure is the narrative."""
        if failed.reason == "budget":
            return {**_tries(insight), "status": "pending", "reason": "budget"}
        self._count(failed)
        tries = _tries(insight).get("tries", 0) + 1
        _log.warning("narrative_failed", event_id=insight["_id"], reason=failed.reason, tries=tries)
        if failed.again == "never" or tries >= ROUNDS_MAX:
            return {"status": "failed", "reason": failed.reason, "tries": tries, "model": self._model}
        not_before = utc(self._clock() + max(ROUND_PAUSE_S * 2 ** (tries - 1), failed.retry_after_s))
        return {"status": "pending", "reason": failed.reason, "tries": tries, "not_before": not_before}

    def _count(self, failed: NotAnswered) -> None:
        self._asked, self._last_reason = True, failed.reason
        if failed.reason in _THE_MODEL_IS_UP:
            self._breaker.succeeded()
        else:
            self._breaker.failed(at_least_s=REFUSED_PAUSE_S if failed.again == "later" else failed.retry_after_s)

    def _remember(self, question: str, answer: Answer) -> None:
        self._answers[question] = answer
        if len(self._answers) > CACHE_MAX:
            self._answers.popitem(last=False)

    def _written(self, answer: Answer, question: str, prompt: Prompt, told: Mapping[str, Any]) -> dict[str, Any]:
        """The answer without the sentences whose numbers are not in the facts; `dropped` has them."""
        headline = checked(clipped(answer.headline, TEXT_MAX), told)
        explanation = checked(clipped(answer.explanation, TEXT_MAX), told)
        dropped = [clipped(sentence, DROPPED_LENGTH_MAX) for sentence in (*headline.dropped, *explanation.dropped)]
        traced = {
            "model": self._model,
            "prompt_version": prompt.version,
            "input_hash": question,
            "dropped": dropped[:DROPPED_MAX],
        }
        if not explanation.text:
            return {"status": "failed", "reason": "unsupported_numbers", **traced}
        return {
            "status": "written",
            "reason": None,
            "headline": shortened(headline.text or sentences(explanation.text)[0], HEADLINE_MAX),
            "text": shortened(explanation.text, EXPLANATION_MAX),
            "advice": answer.advice if isinstance(answer, EventAnswer) else None,
            **traced,
            "written_at": utc(self._clock()),
        }


def _tries(insight: Mapping[str, Any]) -> dict[str, int]:
    tries = insight["narrative"].get("tries", 0)
    return {"tries": tries} if tries else {}


class PendingNarratives(Protocol):
    """What the loop needs of `insights.store`, which stands below this stage and so cannot be imported here."""

    async def claim_pending(self, *, now: float, lease_s: float) -> dict[str, Any] | None: ...
    async def write_narrative(self, event_id: str, narrative: Mapping[str, Any]) -> bool: ...
    async def expire_pending(self, *, before: float, reason: str) -> int: ...


async def narrate_pending(
    store: PendingNarratives,
    narrator: Narrator,
    stop: asyncio.Event,
    *,
    age_max_s: float = PENDING_AGE_MAX_S,
    clock: Clock = system_clock,
) -> None:
    """Writes pending narratives, one at a time, until `stop` is set; a call in flight is dropped and claimed anew later."""
    stopped = asyncio.create_task(stop.wait())
    tasks: set[asyncio.Task[Any]] = {stopped}
    expire_at = monotonic()
    try:
        while not stop.is_set():
            expire = monotonic() >= expire_at
            if expire:
                expire_at = monotonic() + EXPIRE_EVERY_S
            turn = asyncio.create_task(_turn(store, narrator, clock(), age_max_s=age_max_s if expire else None))
            tasks = {stopped, turn}
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if turn.done():
                await asyncio.wait({stopped}, timeout=turn.result())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _turn(store: PendingNarratives, narrator: Narrator, now: float, *, age_max_s: float | None) -> float:
    """One narrative, if one is due. Gives the seconds to pause; a fault of any kind pauses and is tried again."""
    try:
        if age_max_s is not None:
            await store.expire_pending(before=now - age_max_s, reason=narrator.held_by())
        if wait_s := narrator.wait_s():
            return min(wait_s, EXPIRE_EVERY_S)
        insight = await store.claim_pending(now=now, lease_s=narrator.deadline_s + LEASE_EXTRA_S)
        if insight is None:
            return IDLE_S
        await store.write_narrative(insight["_id"], await narrator.narrate(insight))
    except Exception as fault:  # the loop must outlive a database that is away and a document that is odd
        _log.warning("narrating_paused", fault=type(fault).__name__, reason=getattr(fault, "reason", "internal"))
        return FAULT_PAUSE_S
    return 0.0
