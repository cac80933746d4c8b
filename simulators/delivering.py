"""Posts planned deliveries to a gateway and counts what came back: bounded, paced, retried as a provider retries."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter, time
from typing import Any, Final

import httpx2
import orjson

from simulators.signing import sign
from simulators.sources import SOURCES
from simulators.traffic import Send

ATTEMPTS_MAX: Final = 8
"""A provider retries for days; we give up after this many tries of one posting."""

WAIT_MAX_S: Final = 5.0
"""The longest wait before a retry, whatever Retry-After asks."""

TIMEOUT_S: Final = 30.0

_RETRIED: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Delivered:
    """How one posting ended: `status` 0 means that the gateway could not be reached."""

    send: Send
    status: int
    answer: str
    latency_s: float
    attempts: int


@dataclass(slots=True)
class Summary:
    """What a run of deliveries came to; `skipped` counts postings of sources without a secret."""

    sent: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    retries: int = 0
    unreachable: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)

    def add(self, delivered: Delivered) -> None:
        self.sent += 1
        self.retries += delivered.attempts - 1
        self.by_source[delivered.send.item.source] += 1
        self.latencies_s.append(delivered.latency_s)
        if delivered.status == 0:
            self.unreachable += 1
        elif delivered.status == 200 and delivered.answer == "duplicate":
            self.duplicates += 1
        elif delivered.status in (200, 202):
            self.accepted += 1
        else:
            self.refused[delivered.status] += 1

    @property
    def clean(self) -> bool:
        """Whether every posting was taken."""
        return not self.refused and not self.unreachable

    def latency_ms(self, share: float) -> float:
        """The latency that `share` of the last attempts stayed under, in milliseconds."""
        ordered = sorted(self.latencies_s) or [0.0]
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1_000, 1)

    def as_json(self) -> dict[str, Any]:
        return {
            "sent": self.sent,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "refused": {str(status): count for status, count in sorted(self.refused.items())},
            "retries": self.retries,
            "unreachable": self.unreachable,
            "skipped": dict(self.skipped),
            "by_source": dict(self.by_source),
            "seconds": round(self.seconds, 3),
            "latency_ms": {"p50": self.latency_ms(0.5), "p95": self.latency_ms(0.95), "p99": self.latency_ms(0.99)},
        }


async def deliver(
    plan: Sequence[Send],
    *,
    url: str,
    secrets: Mapping[str, str],
    rate: float | None = None,
    concurrency: int = 16,
    on_result: Callable[[Delivered], None] | None = None,
    clock: Callable[[], float] = time,
) -> Summary:
    """Posts every send of `plan`, `rate` a second at most, and says how it went; it never raises for an answer.

    Each attempt is signed at its own time. 429, 503 and a refused connection are retried, at most `ATTEMPTS_MAX` times.
    """
    summary = Summary(skipped=Counter(send.item.source for send in plan if send.item.source not in secrets))
    due = iter(enumerate([send for send in plan if send.item.source in secrets]))
    started = perf_counter()

    async def work(client: httpx2.AsyncClient) -> None:
        for number, send in due:
            if rate:
                await asyncio.sleep(max(0.0, started + number / rate - perf_counter()))
            delivered = await _deliver(client, send, secrets[send.item.source], clock)
            summary.add(delivered)
            if on_result:
                on_result(delivered)

    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=TIMEOUT_S) as client:
        await asyncio.gather(*(work(client) for _ in range(max(1, concurrency))))
    summary.seconds = perf_counter() - started
    return summary


async def _deliver(client: httpx2.AsyncClient, send: Send, secret: str, clock: Callable[[], float]) -> Delivered:
    for attempt, wait_s in enumerate(_waits(), start=1):
        began = perf_counter()
        try:
            response = await client.post(SOURCES[send.item.source].path, **_request(send, secret, clock))
        except httpx2.TransportError:
            status, answer, asked_s = 0, "unreachable", None
        else:
            status, answer = response.status_code, _answer(response)
            asked_s = _retry_after_s(response)
        latency_s = perf_counter() - began
        if attempt == ATTEMPTS_MAX or status not in (0, *_RETRIED):
            return Delivered(send, status, answer, latency_s, attempt)
        await asyncio.sleep(min(WAIT_MAX_S, wait_s if asked_s is None else asked_s))
    raise AssertionError("the last attempt returns")


def _waits() -> Iterator[float]:
    """How long to wait after each attempt when the gateway does not say: doubling, from a tenth of a second."""
    return (0.1 * 2**number for number in range(ATTEMPTS_MAX))


def _request(send: Send, secret: str, clock: Callable[[], float]) -> dict[str, Any]:
    scheme, item = SOURCES[send.item.source].scheme, send.item
    signed = sign(scheme, secret, item.body, at=int(clock()), message_id=item.event_id)
    return {"content": item.body, "headers": {"Content-Type": "application/json", **signed}}


def _answer(response: httpx2.Response) -> str:
    """The `status` of an acknowledgement or the `reason` of a refusal; empty when the reply is neither."""
    try:
        told = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return ""
    return str(told.get("status" if response.is_success else "reason", "")) if isinstance(told, dict) else ""


def _retry_after_s(response: httpx2.Response) -> float | None:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else None
