"""A provider that does not give up: each posting is sent again until it is answered, and every promise is remembered."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, time
from typing import Any, Final

import httpx2
import orjson

from simulators.signing import sign
from simulators.sources import SOURCES
from simulators.traffic import Item, Send

CONCURRENCY: Final = 24
TIMEOUT_S: Final = 4.0
RETRY_FIRST_S: Final = 0.05
RETRY_MAX_S: Final = 0.5
"""A provider waits for minutes; we ask often, to see the moment when the gateway is there again."""

_AGAIN: Final = frozenset({0, 408, 429, 503})
"""0 is no answer. 408 while clocks are wrong; a provider sends again whatever was not 2xx."""

Key = tuple[str, str]
"""Source and delivered id."""


@dataclass(frozen=True, slots=True)
class Promise:
    """An event that was answered 2xx: the content that was, and the id under which it can be asked for."""

    item: Item
    event_id: str


@dataclass(slots=True)
class Journal:
    """What the gateway answered, kept by those who sent. `file` gets a line for each answer."""

    file: Path
    promises: dict[Key, Promise] = field(default_factory=dict)
    made_new: dict[Key, int] = field(default_factory=dict)
    """How often a key was answered 202, which says: stored now, not there before."""
    refused: dict[Key, set[bytes]] = field(default_factory=dict)
    """Contents that were answered 409."""
    conflicts: int = 0
    acknowledged: Callable[[float], None] = lambda sent_at: None
    """Told of each acknowledgement: when it was asked for."""
    unanswered: Callable[[], None] = lambda: None
    """Told of each try that has to be made again."""
    problems: list[str] = field(default_factory=list)

    def note(self, send: Send, status: int, told: Mapping[str, Any], *, sent_at: float) -> None:
        """One answer. Whether the refusals were right can only be said when all is answered: `contradictions`."""
        now = time()
        item = send.item
        key = (item.source, item.event_id)
        with self.file.open("ab") as lines:
            lines.write(orjson.dumps([now, *key, send.copy, status, told.get("event_id")]) + b"\n")
        if status in (200, 202):
            self.acknowledged(sent_at)
            self.made_new[key] = self.made_new.get(key, 0) + (status == 202)
            standing = self.promises.setdefault(key, Promise(item, str(told.get("event_id"))))
            if standing.item.body != item.body:
                self.problems.append(f"{name_of(key)}: acknowledged with two contents")
        elif status == 409:
            self.conflicts += 1
            self.refused.setdefault(key, set()).add(item.body)
        elif status in _AGAIN:
            self.unanswered()
        else:
            self.problems.append(f"{name_of(key)}: answered {status} {told.get('reason', '')}")

    def contradictions(self) -> list[str]:
        """Refusals of what was promised. Whichever content of an id came first is the event; every other is refused."""
        both = [key for key, promise in self.promises.items() if promise.item.body in self.refused.get(key, ())]
        neither = self.refused.keys() - self.promises.keys()
        return [
            *(f"{name_of(key)}: acknowledged and refused with the same content" for key in both),
            *(f"{name_of(key)}: refused with every content it had" for key in neither),
        ]


def name_of(key: Key) -> str:
    return ":".join(key)


@dataclass(slots=True)
class Provider:
    """Sends to one gateway."""

    url: str
    secrets: Mapping[str, str]
    journal: Journal
    sent: int = 0
    """Postings that were begun."""

    async def deliver(
        self, sends: Sequence[Send], *, per_second: float, until: float, hold: Callable[[int], Awaitable[None]]
    ) -> int:
        """Send them all, in this order; how many were never answered by the monotonic moment `until`.

        `hold` is awaited before each posting with its number, so that something can happen between two of them.
        """
        due = iter(enumerate(sends))
        began = monotonic()
        unanswered = 0

        async def work(client: httpx2.AsyncClient) -> None:
            nonlocal unanswered
            for number, send in due:
                await asyncio.sleep(max(0.0, began + number / per_second - monotonic()))
                await hold(number)
                self.sent += 1
                if not await self._sent(client, send, until):
                    unanswered += 1

        limits = httpx2.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
        async with httpx2.AsyncClient(base_url=self.url, limits=limits, timeout=TIMEOUT_S) as client:
            await asyncio.gather(*(work(client) for _ in range(CONCURRENCY)))
        return unanswered

    async def _sent(self, client: httpx2.AsyncClient, send: Send, until: float) -> bool:
        wait_s = RETRY_FIRST_S
        while monotonic() < until:
            sent_at = time()
            status, told = await self._posted(client, send.item)
            self.journal.note(send, status, told, sent_at=sent_at)
            if status not in _AGAIN:
                return True
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RETRY_MAX_S)
        return False

    async def _posted(self, client: httpx2.AsyncClient, item: Item) -> tuple[int, dict[str, Any]]:
        """Signed anew, as a provider's retry is."""
        source = SOURCES[item.source]
        headers = sign(source.scheme, self.secrets[item.source], item.body, at=int(time()), message_id=item.event_id)
        try:
            answer = await client.post(
                source.path, content=item.body, headers={"Content-Type": "application/json", **headers}
            )
        except httpx2.TransportError:
            return 0, {}
        try:
            told = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            told = None
        return answer.status_code, told if isinstance(told, dict) else {}
