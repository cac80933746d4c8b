"""Two web processes and one Redis: the limit is of the gateway, not of a process, and Redis is never in the way."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from deliveries import Signed, signed, transfer
from redis_server import RedisServer, needs_redis, running_redis
from running_gateway import SECRETS, RunningGateway, running, until

pytestmark = needs_redis

REFUSALS_MAX = 20
LATE_S = 1.0
"""Far more than an answer takes, and far less than a caller would wait for a store that hangs."""
FORGED = Signed("payments", b"{}", {"Content-Type": "application/json", "X-Timestamp": "1", "X-Signature": "0"})


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def pair(mongo_uri: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway of two web processes."""
    with running(
        tmp_path_factory.mktemp("pair"),
        HMAC_SECRET_KEY=SECRETS["HMAC_SECRET_KEY"],
        MONGO_URL=mongo_uri,
        MONGO_DATABASE=f"pair_{uuid4().hex[:12]}",
        WORKERS="2",
        RATE_LIMIT_REFUSED=f"{REFUSALS_MAX}/hour",
        RATE_LIMIT_STORAGE_URL=redis.url,
    ) as started:
        yield started


def send(connection: http.client.HTTPConnection, delivery: Signed) -> tuple[int, float]:
    """Status and seconds."""
    began_at = time.monotonic()
    connection.request("POST", delivery.path, delivery.body, dict(delivery.headers))
    answer = connection.getresponse()
    answer.read()
    return answer.status, time.monotonic() - began_at


def process_of(gateway: RunningGateway, connection: http.client.HTTPConnection) -> str:
    """The web process at the other end, by what the kernel says of its sockets; empty while none has taken it."""
    here, there = connection.sock.getsockname()[1], connection.sock.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        ports = [int(columns[at].partition(":")[2], 16) for at in (1, 2)]
        if ports == [there, here]:
            for name in ("web-1", "web-2"):
                if f"socket:[{columns[9]}]" in _held(gateway.child(name)):
                    return name
    return ""


def _held(pid: int) -> set[str]:
    """What the process has open, but for what it closes just now."""
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            held.add(str(descriptor.readlink()))
    return held


@pytest.fixture
def connections(pair: RunningGateway) -> Iterator[dict[str, http.client.HTTPConnection]]:
    """One open connection to each of the two."""
    parts = urlsplit(pair.url)
    found: dict[str, http.client.HTTPConnection] = {}
    with ExitStack() as stack:
        for _ in range(200):
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
            stack.callback(connection.close)
            connection.request("GET", "/health")
            connection.getresponse().read()
            found.setdefault(process_of(pair, connection), connection)
            if found.keys() == {"web-1", "web-2"}:
                break
        assert found.keys() == {"web-1", "web-2"}
        yield found


def slowly(connection: http.client.HTTPConnection, count: int) -> list[int]:
    """The answers to `count` forgeries, with time between them to hear of what the other process counted."""
    statuses = []
    for _ in range(count):
        statuses.append(send(connection, FORGED)[0])
        time.sleep(0.2)
    return statuses


def test_two_web_processes_share_one_count(connections: dict[str, http.client.HTTPConnection]) -> None:
    """What was refused by one counts at the other: together they allow what is set, and what little the one lets through
    before it has heard of the other."""
    one, other = connections["web-1"], connections["web-2"]
    assert [send(one, FORGED)[0] for _ in range(15)] == [403] * 15
    time.sleep(0.5)
    assert slowly(other, 10)[6:] == [429] * 4
    assert slowly(one, 3)[1:] == [429] * 2


def test_a_redis_that_hangs_holds_up_nobody(
    redis: RedisServer, connections: dict[str, http.client.HTTPConnection]
) -> None:
    """Signed traffic passes, and at its usual pace, while Redis takes questions and gives no answers."""
    redis.freeze()
    try:
        for _ in range(20):
            for connection in connections.values():
                status, took_s = send(connection, signed("payments", transfer()))
                assert status == 202
                assert took_s < LATE_S
    finally:
        redis.thaw()


def test_a_redis_that_dies_holds_up_nobody_and_is_told_once(
    pair: RunningGateway, redis: RedisServer, connections: dict[str, http.client.HTTPConnection]
) -> None:
    """Signed traffic passes and refused traffic is still counted, by each process; the log says why, and not each time."""
    redis.kill()
    for _ in range(30):
        for connection in connections.values():
            status, took_s = send(connection, signed("payments", transfer()))
            assert status == 202
            assert took_s < LATE_S
    until(lambda: "limits.store_down" in pair.log(), within_s=30, what="the log tells that Redis is down")
    said = [json.loads(line) for line in pair.log().splitlines() if "limits.store_down" in line]
    assert {line["effect"] for line in said} == {"each process counts for itself until it answers"}
    assert len(said) <= 4
    assert 429 in {send(connections["web-1"], FORGED)[0] for _ in range(REFUSALS_MAX + 1)}
