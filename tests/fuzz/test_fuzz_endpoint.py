"""Seconds or minutes of hostile bytes on a real gateway: no 5xx, no growth, no secret in what it writes.

FUZZ_SECONDS sets the length of the long run (default 300): FUZZ_SECONDS=3600 pytest -m long tests/fuzz
"""

import asyncio
import base64
import os
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from deliveries import signed, transfer
from hypothesis import HealthCheck, Phase, given, settings
from mutants import requests
from provider import provider_for
from running_gateway import OLD_SECRETS, SECRETS, RunningGateway, running

from gateway.access.keys import SCOPES, create_key
from gateway.mongo import connect
from gateway.settings import Settings

SHORT_S = 8.0
WARM_S = 3.0
LONG_S = float(os.environ.get("FUZZ_SECONDS", "300"))
GROWTH_KB_MAX = 20_000
"""After the warm-up, however long the run: what a process holds on to is bounded, not proportional to what it refused."""
ANSWERS = {202, 400, 403}
"""Accepted, broken and forged: with all three the requests are known to have come as far in as requests can."""
FAR_IN_S = 60.0
"""On a slow machine some hundred requests may miss one of them; then we go on, so long at most."""
SILENT_S = 0.15
"""A gateway that waits for the rest of a request says nothing; so long we listen."""
ENCRYPTION_KEY = base64.b64encode(b"a key at rest, of the fuzz tests").decode()

EACH = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=False,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Fuzzed:
    gateway: RunningGateway
    api_key: str
    mongo_password: str


@pytest.fixture(scope="module")
def fuzzed(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """Everything open, everything secret set, and the most talkative log."""
    database = f"fuzz_{uuid4().hex[:12]}"
    rotating = {setting: f"{secret},{OLD_SECRETS[setting]}" for setting, secret in SECRETS.items()}
    limits = {"RATE_LIMIT_REFUSED": "100000000/minute", "RATE_LIMIT_WEBHOOKS": "100000000/minute"}
    with running(
        tmp_path_factory.mktemp("fuzz"),
        MONGO_URL=mongo_uri,
        MONGO_DATABASE=database,
        ENCRYPTION_KEY=ENCRYPTION_KEY,
        LOG_LEVEL="DEBUG",
        **limits,
        **rotating,
    ) as gateway:
        key = asyncio.run(_new_key(mongo_uri, database))
        yield Fuzzed(gateway, key, urlsplit(mongo_uri).password or "no password")


async def _new_key(mongo_uri: str, database: str) -> str:
    async with connect(mongo_uri, Settings(_env_file=None)) as client:
        return await create_key(client[database], name="fuzz", scopes=SCOPES, now=datetime.now(UTC))


def exchange(address: tuple[str, int], pieces: list[bytes], key: str) -> list[int]:
    """The statuses of all answers to one connection's bytes. Where the request has an API key, it is a good one."""
    received = b""
    with socket.create_connection(address, timeout=10) as peer, suppress(ConnectionError, TimeoutError):
        for piece in pieces:
            peer.sendall(piece.replace(b"X-API-Key: ", b"X-API-Key: %s\r\nX-Was: " % key.encode()))
        peer.settimeout(SILENT_S)
        while piece := peer.recv(65_536):
            received += piece
    return [int(code) for code in re.findall(rb"(?:^|[\r\n}])HTTP/1\.1 (\d{3}) ", received)]


def fuzz(fuzzed: Fuzzed, seconds: float) -> Counter[int]:
    """New requests until the time is over; how often each status came."""
    parts = urlsplit(fuzzed.gateway.url)
    address = parts.hostname or "", parts.port or 0
    seen: Counter[int] = Counter()
    give_up_at = time.monotonic() + seconds

    @EACH
    @given(pieces=requests())
    def once(pieces: list[bytes]) -> None:
        if time.monotonic() > give_up_at:
            return
        statuses = exchange(address, pieces, fuzzed.api_key)
        seen.update(statuses)
        assert [status for status in statuses if status >= 500 and status != 501] == []

    while time.monotonic() < give_up_at:
        once()
    return seen


def resident_kb(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


def spellings(secret: str) -> set[str]:
    """The ways a secret could stand in a log: as it is, in base64, in hex; and the key inside a `whsec_…`."""
    forms = {secret.encode()}
    with suppress(ValueError):
        forms.add(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    texts = {secret, secret.removeprefix("whsec_")}
    for form in forms:
        encoded = base64.b64encode(form).decode()
        texts |= {encoded.rstrip("=")[:-1], form.hex(), repr(form)[2:-1]}
    return texts


def story(fuzzed: Fuzzed, seconds: float) -> None:
    web = fuzzed.gateway.child("web-1")
    fuzz(fuzzed, WARM_S)
    before_kb = resident_kb(web)
    seen = fuzz(fuzzed, seconds)
    give_up_at = time.monotonic() + FAR_IN_S
    while not seen.keys() >= ANSWERS and time.monotonic() < give_up_at:
        seen += fuzz(fuzzed, WARM_S)
    assert fuzzed.gateway.child("web-1") == web, "the web process ended"
    assert resident_kb(web) - before_kb < GROWTH_KB_MAX
    assert seen.keys() >= ANSWERS, f"the requests did not get far enough in: {seen}"

    with provider_for(fuzzed.gateway) as provider:
        assert provider.outcome(signed("payments", transfer()))[0] in {"applied", "rejected"}
    secrets = [*SECRETS.values(), *OLD_SECRETS.values(), ENCRYPTION_KEY, fuzzed.api_key, fuzzed.mongo_password]
    log = fuzzed.gateway.log()
    assert '"level": "debug"' in log
    assert [text for secret in secrets for text in spellings(secret) if text in log] == []
    assert fuzzed.api_key.rpartition("_")[2] not in log
    assert log.count("Traceback") == 0


def test_seconds_of_hostile_bytes(fuzzed: Fuzzed) -> None:
    """Not one 5xx, the web process neither ends nor grows, no secret in any form in its log, and it still works."""
    story(fuzzed, SHORT_S)


@pytest.mark.long
def test_minutes_of_hostile_bytes(fuzzed: Fuzzed) -> None:
    """The same for FUZZ_SECONDS."""
    story(fuzzed, LONG_S)
