"""`gateway serve` from its start to its end, and `gateway doctor` beside it: nothing stays behind, nothing is forgotten."""

import os
import re
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from deliveries import Signed, new_id, signed, transfer
from provider import Provider, provider_for
from running_gateway import SECRETS, RunningGateway, alive, run_gateway, running, until

from gateway.mongo import find_mongod
from gateway.settings import Settings

NATIVE = {"HMAC_SECRET_KEY": SECRETS["HMAC_SECRET_KEY"]}


def test_sigterm_drains_and_a_second_start_finds_the_data(tmp_path: Path) -> None:
    """No request is answered with an error, every process is gone, mongod included, and the exit code is 0; the next start
    on the directory serves what the first one stored, and goes on with it."""
    receiver = new_id("w")
    payments = [signed("payments", transfer("1.00", receiver=receiver)) for _ in range(60)]
    first = RunningGateway(tmp_path, **NATIVE)
    first.start()
    started = [first.pid, first.child("web-1"), first.child("worker"), first.mongod()]
    with provider_for(first) as provider, ThreadPoolExecutor(8) as senders:
        sending = [senders.submit(_status, provider, payment) for payment in payments]
        sending[10].result()
        assert first.stop() == 0
        statuses = [each.result() for each in sending]
    accepted = [payment for payment, status in zip(payments, statuses, strict=True) if status == 202]
    assert len(accepted) > 10
    assert set(statuses) <= {202, None}
    assert [pid for pid in started if alive(pid)] == []

    with running(tmp_path, **NATIVE) as second, provider_for(second) as provider:
        stored = {second.body(row) for row in provider.rows.events.find()}
        assert {payment.body for payment in accepted} <= stored
        until(lambda: provider.balance(receiver) == 100 * len(stored), within_s=20, what="the rest is applied")
        again = {provider.send(payment).status_code for payment in accepted}
        assert again == {200}


def _status(provider: Provider, payment: Signed) -> int | None:
    """None where the gateway had stopped listening."""
    try:
        return provider.send(payment).status_code
    except httpx2.TransportError:
        return None


def test_a_second_gateway_on_the_same_data_is_refused(gateway: RunningGateway, tmp_path: Path) -> None:
    """One sentence that names the directory and the process that has it; the first goes on undisturbed."""
    ended = run_gateway("serve", "--port", "0", "--data-dir", str(gateway.data_dir), cwd=tmp_path, **NATIVE)
    assert ended.returncode == 1
    assert f"{gateway.data_dir} is in use by another gateway (process {gateway.pid})" in ended.stderr
    assert "Traceback" not in ended.stderr
    with provider_for(gateway) as provider:
        assert provider.send(signed("payments", transfer())).status_code == 202


def test_the_writer_gives_way_to_the_doors(gateway: RunningGateway) -> None:
    """A backlog can wait, a sender gives up: the operating system is told so."""
    worker, web = (os.getpriority(os.PRIO_PROCESS, gateway.child(name)) for name in ("worker", "web-1"))
    assert worker > web


def test_a_stopped_writer_is_replaced(gateway: RunningGateway) -> None:
    """The worker that comes after it writes under a new epoch, and applies the events that waited."""
    with provider_for(gateway) as provider:
        before = provider.rows.leases.find_one({"_id": "writer"})
        os.kill(gateway.child("worker"), signal.SIGTERM)
        receiver = new_id("w")
        provider.send(signed("payments", transfer("1.00", receiver=receiver)))
        until(lambda: provider.balance(receiver) == 100, within_s=20, what="the next writer applies it")
        after = provider.rows.leases.find_one({"_id": "writer"})
    assert before is not None
    assert after is not None
    assert after["epoch"] > before["epoch"]


def test_doctor_finds_a_good_setup(tmp_path: Path) -> None:
    """Exit code 0, and each source by name: open with its number of secrets, or closed and how to open it."""
    two = f"{SECRETS['STRIPE_WEBHOOK_SECRET']},{'n' * 32}"
    told = run_gateway(
        "doctor", "--data-dir", str(tmp_path / "data"), cwd=tmp_path, STRIPE_WEBHOOK_SECRET=two, **NATIVE
    )
    words = " ".join(told.stdout.split())
    assert told.returncode == 0, told.stdout + told.stderr
    assert "open at POST /webhooks/payments, 1 secret" in words
    assert "open at POST /webhooks/stripe, 2 secrets" in words
    assert "set RAZORPAY_WEBHOOK_SECRET to open it" in words
    assert "set GEMINI_API_KEY for narratives" in words
    assert not any(secret in told.stdout for secret in two.split(","))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"HMAC_SECRET_KEY": "short", "RATE_LIMIT_API": "often", "MONGOD_PATH": "/nowhere/mongod"},
            ("at least 24 are needed", "RATE_LIMIT_API", "MONGOD_PATH: there is no file"),
        ),
        (
            {"MONGO_URL": "mongodb://127.0.0.1:9/", "MONGO_TIMEOUT_MS": "300"},
            ("did not answer",),
        ),
        ({**NATIVE, "HOST": "no.such.host.invalid"}, ("HOST: no.such.host.invalid is no address",)),
        ({**NATIVE, "PORT": "99999"}, ("PORT: Input should be less than or equal to 65535",)),
    ],
)
def test_doctor_finds_what_is_wrong(tmp_path: Path, settings: dict[str, str], says: tuple[str, ...]) -> None:
    """Exit code 1, and for everything that is wrong a sentence that tells what to do."""
    told = run_gateway("doctor", "--data-dir", str(tmp_path / "data"), cwd=tmp_path, **settings)
    assert told.returncode == 1
    words = " ".join((told.stdout + told.stderr).split())
    assert [sentence for sentence in says if sentence not in words] == []
    assert "Traceback" not in told.stderr


def test_doctor_knows_both_families_of_addresses(tmp_path: Path) -> None:
    """As the gateway listens on them."""
    told = run_gateway("doctor", "--data-dir", str(tmp_path / "data"), cwd=tmp_path, HOST="::", **NATIVE)
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(r":::\d+ (is free|answers already)", " ".join(told.stdout.split()))


def test_doctor_beside_a_running_gateway(gateway: RunningGateway, tmp_path: Path) -> None:
    """It reaches the private MongoDB of the gateway that runs on the directory."""
    told = run_gateway("doctor", "--data-dir", str(gateway.data_dir), cwd=tmp_path, **NATIVE)
    assert told.returncode == 0
    assert "reachable, a replica set" in " ".join(told.stdout.split())


def test_a_standalone_server_is_refused_at_the_start(tmp_path: Path) -> None:
    """It has no transactions: every event would be promised and none booked."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "db").mkdir()
    program = find_mongod(Settings(_env_file=None))
    arguments = ["--dbpath", str(tmp_path / "db"), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    with (tmp_path / "mongod.log").open("wb") as log:
        mongod = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    try:
        until(
            lambda: b"Waiting for connections" in (tmp_path / "mongod.log").read_bytes(),
            within_s=20,
            what="mongod is up",
        )
        refused = run_gateway("serve", cwd=tmp_path, MONGO_URL=f"mongodb://127.0.0.1:{port}/", **NATIVE)
    finally:
        mongod.terminate()
        mongod.wait(20)
    assert refused.returncode == 1
    assert "MONGO_URL: a standalone server has no transactions; make it a replica set." in refused.stderr
