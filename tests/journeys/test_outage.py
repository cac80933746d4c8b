"""MongoDB stops and comes back: nobody is told a lie in between, and nothing that was sent again is lost or doubled."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import httpx2
import pytest
from deliveries import Signed, new_id, signed, transfer
from provider import Provider, provider_for
from running_gateway import SECRETS, RunningGateway, alive, running, until


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One that gives MongoDB a second to answer."""
    with running(
        tmp_path_factory.mktemp("fragile"), MONGO_TIMEOUT_MS="1000", HMAC_SECRET_KEY=SECRETS["HMAC_SECRET_KEY"]
    ) as started:
        yield started


@pytest.fixture
def provider(fragile: RunningGateway) -> Iterator[Provider]:
    with provider_for(fragile) as sending:
        yield sending


@pytest.fixture
def silent_mongod(fragile: RunningGateway) -> Iterator[int]:
    """It holds its connections and answers nothing, until the test wakes it."""
    pid = fragile.mongod()
    os.kill(pid, signal.SIGSTOP)
    yield pid
    if alive(pid):
        os.kill(pid, signal.SIGCONT)


@contextmanager
def _stopped_when_stored(gateway: RunningGateway, delivery: Signed) -> Iterator[None]:
    """Meanwhile, in a thread: as soon as the event is in the store, MongoDB falls silent; it wakes at the end."""
    pid = gateway.mongod()

    def stop() -> None:
        until(lambda: gateway.count_stored(delivery.body) == 1, within_s=30, what="the event is stored")
        os.kill(pid, signal.SIGSTOP)

    stopping = Thread(target=stop)
    stopping.start()
    try:
        yield
    finally:
        stopping.join()
        os.kill(pid, signal.SIGCONT)


def _refused_for_now(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["reason"]) == (503, "store_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def _sent_until_taken(provider: Provider, delivery: Signed) -> None:
    """As a provider does: again and again until a 2xx."""
    until(lambda: provider.send(delivery).status_code in (200, 202), within_s=30, what="the retry is taken")


def test_a_silent_store_is_answered_in_time_and_a_retry_succeeds(provider: Provider, silent_mongod: int) -> None:
    """503 with Retry-After within the store's time limit; once MongoDB answers, the retry is stored and applied once."""
    receiver = new_id("w")
    delivery = signed("payments", transfer("2.00", receiver=receiver))
    began_at = time.monotonic()
    _refused_for_now(provider.send(delivery))
    assert time.monotonic() - began_at < 20
    assert provider.client.get("/ready").status_code == 503
    assert provider.client.get("/health").status_code == 200
    os.kill(silent_mongod, signal.SIGCONT)
    _sent_until_taken(provider, delivery)
    until(lambda: provider.balance(receiver) == 200, within_s=20, what="the payment is applied")
    assert provider.gateway.count_stored(delivery.body) == 1


def test_the_wall_stands_without_the_store(provider: Provider, silent_mongod: int) -> None:
    """What can be refused without MongoDB is refused as ever: an outage opens nothing."""
    forged = Signed("payments", b"{}", {"Content-Type": "application/json", "X-Timestamp": "1", "X-Signature": "0"})
    assert provider.send(forged).status_code == 403
    assert provider.send(signed("payments", b"{}")).status_code == 422


def test_an_outage_while_a_caller_waits_for_the_outcome(provider: Provider, fragile: RunningGateway) -> None:
    """The event was durable, so the answer is 202, without an outcome: never an error about something that succeeded."""
    os.kill(fragile.child("worker"), signal.SIGSTOP)
    receiver = new_id("w")
    delivery = signed("payments", transfer("3.00", receiver=receiver))
    with httpx2.Client(base_url=fragile.url, timeout=30) as client, _stopped_when_stored(fragile, delivery):
        answer = client.post(delivery.path, content=delivery.body, headers={**delivery.headers, "Prefer": "wait=10"})
    os.kill(fragile.child("worker"), signal.SIGCONT)
    assert answer.status_code == 202
    assert answer.json().get("outcome") in (None, "waiting")
    until(lambda: provider.balance(receiver) == 300, within_s=20, what="the payment is applied")


def test_a_killed_mongod_comes_back_and_a_retry_succeeds(provider: Provider, fragile: RunningGateway) -> None:
    """The gateway starts it again by itself; what was acknowledged before the crash is there, and the retry is taken."""
    receiver = new_id("w")
    before = signed("payments", transfer("4.00", receiver=receiver))
    assert provider.send(before).status_code == 202
    os.kill(fragile.mongod(), signal.SIGKILL)
    during = signed("payments", transfer("8.00", receiver=receiver))
    _sent_until_taken(provider, during)
    until(lambda: provider.balance(receiver) == 1_200, within_s=30, what="both payments are applied")
    assert provider.send(before).status_code == 200
