"""kill -9 under load: every acknowledged event is there afterwards, and applied exactly once.

The amounts a wallet gets are distinct powers of two, so its balance in binary is the list of the events that were applied:
a lost one is a missing bit, one applied twice carries into another's place.
"""

import asyncio
import os
import random
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx2
import pytest
from deliveries import Signed, new_id, signed, stripe_captured, transfer
from running_gateway import SECRETS, RunningGateway, alive, running, until

WALLETS = 6
EVENTS_PER_WALLET = 24
CONCURRENCY = 12
COPIES = (1, 1, 2, 3)
"""How often an event is sent at once: providers repeat themselves, the more so when nobody answers."""


@dataclass
class Load:
    """Events for wallets of its own, and which of them were acknowledged."""

    deliveries: list[Signed] = field(default_factory=list)
    place: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    """Wallet and amount in minor units, by body."""
    acknowledged: set[bytes] = field(default_factory=set)

    @classmethod
    def made(cls, rng: random.Random) -> "Load":
        load = cls()
        for number in range(WALLETS):
            wallet, sender = new_id("w"), new_id("s")
            for bit in range(EVENTS_PER_WALLET):
                amount = 1 << bit
                if number % 2:
                    body = stripe_captured(amount, payment=new_id("pi"), wallet=wallet)
                else:
                    text = f"{amount // 100}.{amount % 100:02}"
                    body = transfer(text, sender=sender, receiver=wallet)
                delivery = signed("stripe" if number % 2 else "payments", body)
                load.deliveries.append(delivery)
                load.place[delivery.body] = (wallet, amount)
        rng.shuffle(load.deliveries)
        return load

    async def send(self, url: str, rng: random.Random, progress: Callable[[int], None]) -> None:
        """All that is not acknowledged yet, with copies; a failure is no more than a missing acknowledgement."""
        left = [each for each in self.deliveries if each.body not in self.acknowledged]
        plan = [each for each in left for _ in range(rng.choice(COPIES))]
        queue = iter(plan)

        async def sender(client: httpx2.AsyncClient) -> None:
            for each in queue:
                try:
                    answer = await client.post(each.path, content=each.body, headers=dict(each.headers))
                except httpx2.TransportError:
                    await asyncio.sleep(0.02)
                    continue
                assert answer.status_code in (200, 202, 503), answer.text
                if answer.status_code != 503:
                    self.acknowledged.add(each.body)
                    progress(len(self.acknowledged))

        async with httpx2.AsyncClient(base_url=url, timeout=15) as client:
            await asyncio.gather(*(sender(client) for _ in range(CONCURRENCY)))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Small batches, so that a kill finds one half done."""
    with running(tmp_path_factory.mktemp("crash"), APPLY_BATCH_MAX="15", MONGO_TIMEOUT_MS="2000", **SECRETS) as started:
        yield started


KILLS: dict[str, Callable[[RunningGateway], None]] = {
    "supervisor": lambda gateway: gateway.kill(),
    "worker": lambda gateway: os.kill(gateway.child("worker"), signal.SIGKILL),
    "web": lambda gateway: os.kill(gateway.child("web-1"), signal.SIGKILL),
    "mongod": lambda gateway: os.kill(gateway.mongod(), signal.SIGKILL),
}


@pytest.mark.parametrize("killed", ["worker"])
def test_what_was_acknowledged_is_applied_exactly_once(gateway: RunningGateway, killed: str) -> None:
    """Whichever process dies at whatever moment, and after the provider has sent the rest again, all of it is."""
    _crash_under_load(gateway, KILLS[killed], seed=random.SystemRandom().randrange(1 << 32))


@pytest.mark.long
@pytest.mark.parametrize("killed", KILLS)
@pytest.mark.parametrize("seed", range(10))
def test_many_moments(gateway: RunningGateway, killed: str, seed: int) -> None:
    """The same at other moments."""
    _crash_under_load(gateway, KILLS[killed], seed=seed)


def _crash_under_load(gateway: RunningGateway, kill: Callable[[RunningGateway], None], *, seed: int) -> None:
    rng = random.Random(seed)
    load = Load.made(rng)
    moment = rng.randrange(len(load.deliveries) // 10, len(load.deliveries) * 9 // 10)
    kills = iter([kill])

    def progress(acknowledged: int) -> None:
        if acknowledged >= moment:
            for each in kills:
                each(gateway)

    asyncio.run(load.send(gateway.url, rng, progress))
    assert next(kills, None) is None, f"nothing was killed (seed {seed})"
    if not alive(gateway.pid):
        gateway.start()
    _settled(gateway)
    assert _missing(gateway, load) == set(), f"acknowledged and lost (seed {seed})"
    _each_applied_once(gateway, load)

    asyncio.run(load.send(gateway.url, rng, lambda _: None))
    _settled(gateway)
    assert len(load.acknowledged) == len(load.deliveries)
    assert _missing(gateway, load) == set()
    _each_applied_once(gateway, load)


def _settled(gateway: RunningGateway) -> None:
    """The gateway is ready, and nothing waits for the worker."""

    def is_settled() -> bool:
        try:
            ready = httpx2.get(f"{gateway.url}/ready", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False
        return ready and gateway.rows().events.count_documents({"outcome": None}) == 0

    until(is_settled, within_s=40, what="the backlog is empty")


def _missing(gateway: RunningGateway, load: Load) -> set[bytes]:
    """What was acknowledged and is not in the store, applied."""
    applied = {gateway.body(row) for row in gateway.rows().events.find({"outcome": "applied"})}
    return load.acknowledged - applied


def _each_applied_once(gateway: RunningGateway, load: Load) -> None:
    """The balance of each wallet is exactly the sum of its stored events; each has one transaction and one insight."""
    rows = gateway.rows()
    found = {gateway.body(row): row["_id"] for row in rows.events.find()}
    stored = {body: event_id for body, event_id in found.items() if body in load.place}
    wanted: dict[str, int] = defaultdict(int)
    for body in stored:
        wallet, amount = load.place[body]
        wanted[wallet] |= amount
    found = {row["owner"]: row["balance_minor"] for row in rows.wallets.find({"owner": {"$in": list(wanted)}})}
    assert {wallet: bin(balance) for wallet, balance in found.items()} == {
        wallet: bin(balance) for wallet, balance in wanted.items()
    }
    event_ids = list(stored.values())
    booked = [row["event_id"] for row in rows.transactions.find({"event_id": {"$in": event_ids}}, {"event_id": 1})]
    assert sorted(booked) == sorted(event_ids)
    assert rows.insights.count_documents({"_id": {"$in": event_ids}}) == len(event_ids)
    sequence = [row["seq"] for row in rows.transactions.find({}, {"seq": 1}).sort("seq", 1)]
    assert sequence == list(range(1, len(sequence) + 1))
