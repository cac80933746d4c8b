"""`gateway sources verify`, as an operator runs it: what it prints where, and how it exits."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from signature_vectors import VECTORS, Vector
from table_deliveries import NOW, URL, good, notification, secret_of
from typer.testing import CliRunner, Result

from gateway.cli import commands
from gateway.ingress.delivery import Delivery


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` of somebody's."""
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, body: bytes | None = None) -> Result:
    """With the body on standard input, unless a file is among the arguments."""
    return CliRunner().invoke(
        commands(), ["sources", "verify", *arguments, *([] if body is None else ["-"])], input=body
    )


def arguments_of(delivery: Delivery, scheme: str, *secrets: str, at: float = NOW, url: str = URL) -> list[str]:
    headers = [f"--header={name.decode()}: {value.decode()}" for name, value in delivery.headers]
    return [f"--scheme={scheme}", f"--at={at}", f"--url={url}", *(f"--secret={text}" for text in secrets), *headers]


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_every_published_vector_is_verified(vector: Vector, tmp_path: Path) -> None:
    """From a file, with its secret as it is published; a short one is warned about on standard error and works."""
    (tmp_path / "body").write_bytes(vector.body)
    headers = [f"--header={name}:{value}" for name, value in vector.headers.items()]
    options = [
        f"--scheme={vector.scheme}",
        f"--secret={vector.secret}",
        f"--at={vector.at or NOW}",
        f"--url={vector.url}",
    ]
    ran = run(*options, *headers, str(tmp_path / "body"))
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[:2] == ["verified", "Secret 1 has signed it."]
    assert ("bytes of key; a source needs at least 24." in ran.stderr) == (len(vector.key) < 24)
    assert vector.secret not in ran.stdout + ran.stderr


def test_a_refusal_is_its_check_and_what_to_do_and_exits_with_1() -> None:
    """The secret is nowhere in it, and standard error is for warnings only."""
    ran = run(*arguments_of(good("stripe"), "stripe", "another-secret-of-the-tests-01"), body=b'{"id":"evt_1"}')
    assert ran.exit_code == 1
    assert ran.stdout.startswith("refused: signature_wrong\nThe signature is well written")
    assert "another-secret" not in ran.stdout + ran.stderr
    assert ran.stderr == ""


def test_hints_stand_below_the_refusal() -> None:
    """Here: an editor's line break at the end of the captured body."""
    ran = run(*arguments_of(good("stripe"), "stripe", secret_of("stripe")), body=b'{"id":"evt_1"}\n')
    assert (
        ran.stdout.splitlines()[-1] == "The signature is right when the line break at the end of the body is left out."
    )
    assert ran.exit_code == 1


def test_without_a_time_it_arrives_now() -> None:
    """So what was caught long ago is stale."""
    options = [
        each for each in arguments_of(good("stripe"), "stripe", secret_of("stripe")) if not each.startswith("--at")
    ]
    ran = run(*options, body=b'{"id":"evt_1"}')
    assert ran.stdout.startswith("refused: timestamp_too_old")
    assert "pass the time of its arrival" in ran.stdout


def test_the_window_is_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the gateway of this environment would have it."""
    arguments = arguments_of(good("stripe"), "stripe", secret_of("stripe"), at=NOW + 500)
    assert run(*arguments, body=b'{"id":"evt_1"}').exit_code == 1
    monkeypatch.setenv("MAX_WEBHOOK_AGE_SECONDS", "600")
    assert run(*arguments, body=b'{"id":"evt_1"}').exit_code == 0


def test_a_body_that_signs_itself_needs_no_header() -> None:
    """Adyen's."""
    delivery = good("adyen", notification({"pspReference": "8", "eventCode": "REPORT_AVAILABLE", "success": "true"}))
    ran = run("--scheme=adyen", f"--secret={secret_of('adyen')}", body=delivery.body)
    assert (ran.exit_code, ran.stdout.splitlines()[0]) == (0, "verified")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--scheme=paypal", "--secret=x", "-"], "must be one of native, stripe"),
        (["--scheme=stripe", "--secret=x", "--header=nothing", "-"], "must be 'Name: value'"),
        (["--scheme=stripe", "--secret=x", "--header=: x", "-"], "must be 'Name: value'"),
        (["--scheme=stripe", "--secret=x", "no-such-file"], "No such file"),
        (["--scheme=stripe", "--secret=x", "."], "cannot be read"),
        (["--scheme=stripe", "--secret=x", "--at=yesterday", "-"], "--at"),
        (["--scheme=stripe", "--secret=x", "--at=nan", "-"], "--at"),
        (["--scheme=stripe", "--secret=x", "--at=1e300", "-"], "--at"),
        (["--secret=x", "-"], "--scheme"),
    ],
)
def test_what_cannot_be_read_exits_with_2(arguments: list[str], says: str) -> None:
    """A usage error is no verdict on the delivery."""
    ran = run(*arguments)
    assert ran.exit_code == 2
    assert says in " ".join(ran.stderr.replace("│", " ").split())


def test_a_body_has_a_bound(tmp_path: Path) -> None:
    """Nobody's gateway accepts more."""
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(16_000_001)
    assert run("--scheme=stripe", "--secret=x", "huge").exit_code == 2


def test_without_a_terminal_to_ask_on_a_secret_is_needed(tmp_path: Path) -> None:
    """In a script it is an option; at a terminal it is asked for and not shown."""
    (tmp_path / "body").write_bytes(b"{}")
    command: list[Any] = [sys.executable, "-m", "gateway", "sources", "verify", "--scheme=stripe", tmp_path / "body"]
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )
    assert ran.returncode == 2
    assert "is needed where there is no terminal" in " ".join(ran.stderr.replace("│", " ").split())


def test_a_header_that_is_no_text_is_refused_like_any_other() -> None:
    """As a terminal hands over bytes that are none of its encoding."""
    arguments = ["--scheme=github", f"--secret={secret_of('github')}", "--header=X-Hub-Signature-256: sha256=\udce9"]
    ran = run(*arguments, body=b"{}")
    assert ran.exit_code == 1
    assert ran.stdout.startswith("refused: ")
