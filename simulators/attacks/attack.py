"""What an attack is: a name, what it tries, the answers that mean it failed, and how it is sent."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, Final

from simulators.http import Header, Reply, exchange, host_of, request_bytes
from simulators.signing import sign
from simulators.sources import SOURCES
from simulators.traffic import native, razorpay, standard, stripe
from simulators.traffic.cast import Person
from simulators.traffic.item import Item

DRILL: Final = Person(
    owner="drill-sender",
    customer="cus_drillSender00",
    email="drill@example.com",
    currency="USD",
    usual_minor=100,
    step_minor=1,
    hours=(8, 18),
    merchants=("drill-receiver",),
)
"""The wallet that the few events which are let through belong to."""

_HARMLESS: Final[dict[str, Callable[[Random, Person, int], Iterator[Item]]]] = {
    "stripe": stripe.other_story,
    "razorpay": razorpay.other_story,
    "standard": standard.other_story,
}


@dataclass(frozen=True)
class Target:
    """The gateway under attack. `run` makes the ids of this run new; `body_bytes_max` is the gateway's setting."""

    url: str
    secrets: dict[str, str] = field(repr=False)
    run: str
    clock: Callable[[], float]
    body_bytes_max: int = 262_144
    numbers: "count[int]" = field(default_factory=count)

    def now(self) -> int:
        return int(self.clock())

    def unique(self, prefix: str) -> str:
        return f"{prefix}_{self.run}_{next(self.numbers)}"

    def event(self, source: str) -> Item:
        """A new, valid event of `source`; from a provider one that moves no money."""
        random = Random(self.unique(source))
        if source in _HARMLESS:
            return next(_HARMLESS[source](random, DRILL, self.now()))
        return native.transfer(random, DRILL, DRILL.merchants[0], 100, self.now(), description="Drill")

    def signed(
        self, source: str, body: bytes, *, at: int | str | None = None, message_id: str = "msg_drill"
    ) -> list[Header]:
        """The headers a real provider would send with `body`."""
        time = self.now() if at is None else at
        return list(sign(SOURCES[source].scheme, self.secrets[source], body, at=time, message_id=message_id).items())

    async def post(
        self, source: str, body: bytes, headers: list[Header], *, media_type: str = "application/json"
    ) -> Reply:
        """Posts to the source's webhook, whatever the headers are."""
        framing = [("Content-Type", media_type), ("Content-Length", str(len(body)))]
        return await self.request("POST", SOURCES[source].path, [*framing, *headers], body)

    async def raw(self, wire: bytes) -> Reply:
        """These bytes, whatever they are."""
        return await exchange(self.url, wire)

    async def request(self, method: str, path: str, headers: list[Header], body: bytes = b"") -> Reply:
        """Any request; the connection is closed after it."""
        framing = [("Host", host_of(self.url)), ("Connection", "close")]
        return await exchange(self.url, request_bytes(method, path, [*framing, *headers], body))


Send = Callable[[Target], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Attack:
    """`expects` are the statuses of a gateway that holds; `needs` are sources whose secrets the attack is built with."""

    group: str
    name: str
    tries: str
    expects: tuple[int, ...]
    send: Send
    needs: tuple[str, ...] = ("payments",)


@dataclass(frozen=True, slots=True)
class Result:
    """How one attack went. `held` is None when it could not be tried for want of a secret."""

    group: str
    name: str
    tries: str
    expected: str
    got: str
    held: bool | None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}
