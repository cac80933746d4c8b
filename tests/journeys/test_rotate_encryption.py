"""`gateway keys rotate-encryption` beside a gateway that goes on accepting: nothing is lost, nothing unreadable, nothing twice."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from deliveries import Signed, new_id, signed, transfer
from provider import Provider, provider_for
from running_gateway import SECRETS, RunningGateway, environment, run_gateway, running, until

from gateway.encryption import KEY_FILE, EncryptionKey, new_key_text
from gateway.events.at_rest import of_incident, plain_body

BEFORE = 120
PAUSE_S = 0.005
"""Of a sender between two payments: the rotation is to be tried, not the machine."""
SETTINGS = {"HMAC_SECRET_KEY": SECRETS["HMAC_SECRET_KEY"], "WORKERS": "2", "AUDIT_EVERY_S": "0"}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway of the test's own, with two web processes and a key file."""
    with running(tmp_path, **SETTINGS) as gateway:
        yield gateway


def _rotate(gateway: RunningGateway, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    where = ("--data-dir", str(gateway.data_dir))
    return run_gateway("keys", "rotate-encryption", *options, *where, cwd=gateway.folder, **settings)


class _Sender(threading.Thread):
    """Payments of one unit each to `receiver`, until told to stop; what was answered, by status."""

    def __init__(self, gateway: RunningGateway, receiver: str) -> None:
        super().__init__()
        self.accepted: list[Signed] = []
        self.other: list[int] = []
        self._gateway, self._receiver = gateway, receiver
        self._told = threading.Event()

    def run(self) -> None:
        with provider_for(self._gateway) as provider:
            while not self._told.is_set():
                self._send(provider, signed("payments", transfer("0.01", receiver=self._receiver)))
                self._told.wait(PAUSE_S)

    def _send(self, provider: Provider, payment: Signed) -> None:
        status = provider.send(payment).status_code
        self.accepted.append(payment) if status == 202 else self.other.append(status)

    def end(self) -> None:
        self._told.set()
        self.join()


@contextmanager
def _traffic(gateway: RunningGateway, receiver: str) -> Iterator[list[_Sender]]:
    senders = [_Sender(gateway, receiver) for _ in range(3)]
    for sender in senders:
        sender.start()
    try:
        yield senders
    finally:
        for sender in senders:
            sender.end()


def test_a_rotation_beside_traffic_costs_nothing(own: RunningGateway) -> None:
    """Every payment is accepted and booked once; copies are recognised; afterwards the old key opens nothing and may go."""
    receiver = new_id("w")
    with provider_for(own) as provider:
        before = [signed("payments", transfer("0.01", receiver=receiver)) for _ in range(BEFORE)]
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda each: provider.send(each).status_code, before)) == {202}
        altered = json.loads(before[0].body) | {"amount": "9.00"}
        assert provider.send(signed("payments", altered)).status_code == 409
        (old,) = own.rows().events.distinct("body_key")

        with _traffic(own, receiver) as senders:
            done = _rotate(own)
        assert done.returncode == 0, done.stderr
        accepted = before + [payment for sender in senders for payment in sender.accepted]
        assert [status for sender in senders for status in sender.other] == []
        assert len(accepted) > BEFORE + 50

        new = EncryptionKey.read((own.data_dir / KEY_FILE).read_text().splitlines()[0]).id
        assert new != old
        assert own.rows().events.distinct("body_key") == [new]
        assert own.rows().incidents.distinct("body_key") == [new]
        assert f"Key {old}" in done.stdout
        assert "may be removed" in done.stdout
        assert [key["_id"] for key in own.rows().encryption_keys.find()] == [new]
        acts = {act["act"]: act for act in own.rows().acts.find()}
        assert (acts["encryption.rotate"]["subject"], acts["encryption.rotate"]["details"]["unused_keys"]) == (
            new,
            [old],
        )
        assert acts["encryption.add_key"]["subject"] == new

        until(lambda: provider.balance(receiver) == len(accepted), within_s=20, what="each is booked once")
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda each: provider.send(each).status_code, accepted)) == {200}
        cipher = own.cipher()
        stored = {plain_body(row, row["_id"], cipher) for row in own.rows().events.find()}
        assert stored == {each.body for each in accepted}
        incident = own.rows().incidents.find_one({})
        assert incident is not None
        assert b"9.00" in plain_body(incident, of_incident(incident["event_id"]), cipher)

    (own.data_dir / KEY_FILE).write_text((own.data_dir / KEY_FILE).read_text().splitlines()[0] + "\n")
    audited = run_gateway("audit", "--data-dir", str(own.data_dir), cwd=own.folder)
    assert audited.returncode == 0, audited.stdout + audited.stderr


@pytest.mark.long
def test_a_rotation_that_was_killed_is_gone_on_with(own: RunningGateway) -> None:
    """With --no-new: what was done stays done, and no third key comes."""
    with provider_for(own) as provider:
        sent = [signed("payments", transfer("0.01")) for _ in range(BEFORE)]
        assert {provider.send(each).status_code for each in sent} == {202}
        killed = subprocess.Popen(
            [sys.executable, "-m", "gateway", "keys", "rotate-encryption", "--data-dir", str(own.data_dir)],
            cwd=own.folder,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(
            lambda: own.rows().acts.count_documents({"act": "encryption.add_key"}) == 1,
            within_s=30,
            what="a key is added",
        )
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        done = _rotate(own, "--no-new")
        assert done.returncode == 0, done.stderr
        keys = (own.data_dir / KEY_FILE).read_text().splitlines()
        assert len(keys) == 2
        assert own.rows().events.distinct("body_key") == [EncryptionKey.read(keys[0]).id]
        assert {own.body(row) for row in own.rows().events.find()} == {each.body for each in sent}


@pytest.mark.long
def test_with_keys_of_the_environment_the_operator_adds_them(own: RunningGateway) -> None:
    """The file is not touched; `--new` is refused with what to do, and strange keys do not touch a record."""
    with provider_for(own) as provider:
        assert provider.send(signed("payments", transfer("0.01"))).status_code == 202
        first = (own.data_dir / KEY_FILE).read_text().strip()
        refused = _rotate(own, "--new", ENCRYPTION_KEY=first)
        assert (refused.returncode, "put a new key before the old one there" in refused.stderr) == (1, True)
        strange = _rotate(own, ENCRYPTION_KEY=new_key_text())
        assert (strange.returncode, "what is stored was sealed with the key" in strange.stderr) == (1, True)
        new = new_key_text()
        done = _rotate(own, ENCRYPTION_KEY=f"{new},{first}")
        assert done.returncode == 0, done.stderr
        assert own.rows().events.distinct("body_key") == [EncryptionKey.read(new).id]
        assert (own.data_dir / KEY_FILE).read_text().strip() == first
