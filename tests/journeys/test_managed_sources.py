"""Sources managed by command while two web processes serve: each change holds in both within seconds, and no restart."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from deliveries import transfer
from provider import Provider, provider_for
from running_gateway import RunningGateway, run_gateway, running, until

from gateway.encryption import new_key_text
from gateway.mongo import running_uri
from simulators.signing import sign

SECRET = "a-native-secret-of-the-tests-0123456789"
SECONDS_MAX = 20.0
"""Within which a change holds everywhere, on a busy machine; the promise is two."""
AT_ONCE = 16
"""Connections at the same moment: enough for both processes to get some."""


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Two web processes, and nothing in the environment: the first source was added before the start."""
    folder = tmp_path_factory.mktemp("managed")
    added = run_gateway(
        "sources", "add", "first", "--scheme", "native", "--secret-stdin", *data_of(folder), cwd=folder, stdin=SECRET
    )
    assert added.returncode == 0, added.stderr
    with running(folder, WORKERS="2", RATE_LIMIT_REFUSED="100000/minute", LOG_LEVEL="DEBUG") as started:
        yield started


@pytest.fixture
def provider(managed: RunningGateway) -> Iterator[Provider]:
    with provider_for(managed) as sender:
        yield sender


def data_of(folder: Path) -> tuple[str, str]:
    return "--data-dir", str(folder / "data")


def command(managed: RunningGateway, *argv: str, stdin: str = "", code: int = 0) -> str:
    """What `gateway sources …` says on standard output."""
    ended = run_gateway("sources", *argv, *data_of(managed.folder), cwd=managed.folder, stdin=stdin)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout if code == 0 else ended.stdout + ended.stderr


def statuses(managed: RunningGateway, name: str, secret: str) -> set[int]:
    """The answers to deliveries on connections of their own, all at once."""
    with ThreadPoolExecutor(AT_ONCE) as senders:
        return set(senders.map(lambda _: deliver(managed, name, secret).status_code, range(AT_ONCE)))


def deliver(managed: RunningGateway, name: str, secret: str, **fields: str) -> httpx2.Response:
    body = json.dumps(transfer(**fields)).encode()
    headers = {"Content-Type": "application/json", **sign("native", secret, body, at=int(time.time()))}
    return httpx2.post(f"{managed.url}/webhooks/{name}", content=body, headers=headers, timeout=30)


def soon(managed: RunningGateway, name: str, secret: str, status: int) -> None:
    """All answers have this status, three times in a row: also the slower process has it."""
    until(
        lambda: all(statuses(managed, name, secret) == {status} for _ in range(3)),
        within_s=SECONDS_MAX,
        what=f"{name} answers {status}",
    )


def _is_open(managed: RunningGateway, name: str) -> bool:
    """GET is refused by method where the source is known, and as unknown where it is not yet."""
    with ThreadPoolExecutor(AT_ONCE) as senders:
        asked = senders.map(
            lambda _: httpx2.get(f"{managed.url}/webhooks/{name}", timeout=30).status_code, range(AT_ONCE)
        )
        return set(asked) == {405}


def test_stored_sources_alone_are_enough_to_start(managed: RunningGateway) -> None:
    """The one that was added before the start is open in both processes."""
    assert statuses(managed, "first", SECRET) == {202}


def test_a_new_source_opens_in_every_process(managed: RunningGateway) -> None:
    """Its generated secret stands alone on standard output, for a script to take; both processes say that they opened it."""
    secret = command(managed, "add", "fresh", "--scheme", "native", "--generate").strip()
    soon(managed, "fresh", secret, 202)
    lines = [json.loads(line) for line in managed.log().splitlines() if '"sources.open"' in line and "fresh" in line]
    assert len({line["process"] for line in lines}) == 2
    assert secret not in managed.log()
    assert "fresh" in command(managed, "list")
    assert secret not in command(managed, "show", "fresh")


def test_in_a_rotation_both_secrets_verify_and_then_only_the_new_one(
    managed: RunningGateway, provider: Provider
) -> None:
    """Each event says which it was; after its end the old one is refused like any wrong one."""
    command(managed, "add", "rotating", "--scheme", "native", "--secret-stdin", stdin=SECRET)
    soon(managed, "rotating", SECRET, 202)
    new = command(managed, "rotate", "rotating", "--overlap", "1h", "--generate").strip()
    soon(managed, "rotating", new, 202)
    used = [provider.event(deliver(managed, "rotating", secret))["secret_id"] for secret in (SECRET, new)]
    assert used == ["1", "2"]
    end = datetime.now(UTC) + timedelta(seconds=4)  # the hour is over, as far as the store knows
    provider.rows.sources.update_one(
        {"_id": "rotating"}, {"$set": {"secrets.0.valid_until": end}, "$inc": {"version": 1}}
    )
    soon(managed, "rotating", SECRET, 403)
    assert statuses(managed, "rotating", new) == {202}
    assert "(over)" in command(managed, "show", "rotating")


def test_a_disabled_source_is_closed_in_every_process(managed: RunningGateway) -> None:
    """404 as for one that never was; enabled, it is open again."""
    command(managed, "add", "closing", "--scheme", "native", "--secret-stdin", stdin=SECRET)
    soon(managed, "closing", SECRET, 202)
    command(managed, "disable", "closing")
    soon(managed, "closing", SECRET, 404)
    command(managed, "enable", "closing")
    soon(managed, "closing", SECRET, 202)


@pytest.mark.long
def test_terms_hold_in_every_process(managed: RunningGateway, provider: Provider) -> None:
    """Networks, a rate of its own, and a bound on the body; a refusal by network tells the caller nothing."""
    command(managed, "add", "strict", "--scheme", "native", "--secret-stdin", "--network", "192.0.2.0/24", stdin=SECRET)
    soon(managed, "strict", SECRET, 403)
    refused = deliver(managed, "strict", SECRET).json()
    assert refused == deliver(managed, "strict", "another-secret-than-the-right-one").json()
    wanted = {"source": "strict", "check": "network_not_allowed"}
    until(lambda: provider.rows.rejections.count_documents(wanted) > 0, within_s=30, what="the operator finds why")
    command(managed, "change", "strict", "--reset", "networks", "--body-bytes-max", "1024")
    soon(managed, "strict", SECRET, 202)
    assert deliver(managed, "strict", SECRET, description="x" * 1_000).status_code == 413
    command(managed, "change", "strict", "--rate", "1/hour")
    until(lambda: 429 in statuses(managed, "strict", SECRET), within_s=SECONDS_MAX, what="its own rate counts")
    assert statuses(managed, "first", SECRET) == {202}


def test_an_event_of_no_concern_is_stored_and_settled_at_once(managed: RunningGateway, provider: Provider) -> None:
    """It never waits for the worker, moves nothing, and says why; sent again it is a duplicate."""
    command(managed, "add", "picky", "--scheme", "native", "--secret-stdin", "--type", "refund.*", stdin=SECRET)
    soon(managed, "picky", SECRET, 202)
    event = provider.event(deliver(managed, "picky", SECRET))
    assert (event["outcome"], event["reason"]) == ("ignored", "filtered: the source takes no payment")
    assert "queue" not in event
    assert provider.rows.transactions.count_documents({"event_id": event["_id"]}) == 0


@pytest.mark.long
def test_a_source_is_tried_with_a_harmless_event(managed: RunningGateway, provider: Provider) -> None:
    """Exit code 0 only when it was let in; the event is stored, ignored, and waits for nobody."""
    address = "https://gateway.example.com/webhooks/square"
    command(managed, "add", "square", "--scheme", "square", "--secret-stdin", "--url", address, stdin=SECRET)
    until(lambda: _is_open(managed, "square"), within_s=SECONDS_MAX, what="both processes have it")
    for name in ("first", "square"):
        said = command(managed, "test", name, "--url", managed.url)
        assert said.startswith("Let in: 202, stored as evt_")
        assert ", ignored (" in said
    stored = provider.rows.events.find({"type": "gateway.test"}).to_list()
    assert {event["source"] for event in stored} == {"first", "square"}
    assert {(event["outcome"], "queue" in event) for event in stored} == {("ignored", False)}
    ids = [event["_id"] for event in stored]
    assert provider.rows.transactions.count_documents({"event_id": {"$in": ids}}) == 0
    wrong = command(managed, "test", "square", "--url", f"{managed.url}/elsewhere", code=1)
    assert "Refused: 404" in wrong
    assert "No gateway answered" in command(managed, "test", "first", "--url", "http://127.0.0.1:9", code=1)


def test_what_cannot_be_is_said_in_a_sentence(managed: RunningGateway) -> None:
    """Exit code 1, no traceback, no secret."""
    for argv, says in (
        (("add", "x", "--scheme", "nativ", "--generate"), "the schemes are native, stripe"),
        (("add", "x", "--scheme", "native"), "use --secret-stdin or --generate"),
        (("add", "x", "--scheme", "native", "--generate", "--secret", SECRET), "choose one of"),
        (("rotate", "first", "--overlap", "1 day", "--generate"), "such as 24h"),
    ):
        said = command(managed, *argv, stdin="too-short", code=1)
        assert says in " ".join(said.split())
        assert SECRET not in said


@pytest.mark.long
def test_doctor_lists_what_is_stored(managed: RunningGateway, provider: Provider) -> None:
    """Open, disabled, and closed with the reason; a closed one is to be fixed, and the others stay open."""
    command(managed, "add", "broken", "--scheme", "native", "--secret-stdin", stdin=SECRET)
    command(managed, "add", "resting", "--scheme", "native", "--secret-stdin", stdin=SECRET)
    command(managed, "disable", "resting")
    provider.rows.sources.update_one(
        {"_id": "broken"}, {"$set": {"secrets.0.sealed_with": "0" * 12}, "$inc": {"version": 1}}
    )
    told = run_gateway("doctor", *data_of(managed.folder), cwd=managed.folder)
    words = " ".join(told.stdout.split())
    assert told.returncode == 1
    assert "open at POST /webhooks/first, 1 secret, native" in words
    assert "The encryption key 000000000000 is missing" in words
    assert "gateway sources enable resting" in words
    soon(managed, "broken", SECRET, 404)
    assert statuses(managed, "first", SECRET) == {202}


@pytest.mark.long
def test_a_gateway_without_any_source_says_how_to_add_one(tmp_path: Path) -> None:
    """On a new directory at once, on one that holds other things after a look; and nothing stays running."""
    for stored in (False, True):
        if stored:
            key = run_gateway("keys", "create", "--name", "x", "--scopes", "ops:read", *data_of(tmp_path), cwd=tmp_path)
            assert key.returncode == 0
        refused = run_gateway("serve", "--port", "0", *data_of(tmp_path), cwd=tmp_path)
        assert (refused.returncode, "gateway sources add" in refused.stderr) == (1, True), refused.stderr
        assert "Traceback" not in refused.stderr


def test_another_encryption_key_than_the_stores_is_refused(managed: RunningGateway, tmp_path: Path) -> None:
    """In one sentence, for the gateway and for a command that would seal with it."""
    uri = {"MONGO_URL": str(running_uri(managed.data_dir)), "ENCRYPTION_KEY": new_key_text()}
    for argv in (
        ("serve", "--port", "0", *data_of(tmp_path)),
        ("sources", "add", "x", "--scheme", "native", "--generate", *data_of(tmp_path)),
    ):
        refused = run_gateway(*argv, cwd=tmp_path, **uri)
        assert refused.returncode == 1
        assert "ENCRYPTION_KEY: what is stored was sealed with the key" in refused.stderr
        assert "Traceback" not in refused.stderr
