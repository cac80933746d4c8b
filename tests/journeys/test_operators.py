"""What operators do on a running gateway: find events, look at them, send them through again; and what is kept of that."""

import json
from subprocess import CompletedProcess
from typing import Any

import pytest
from deliveries import new_id, signed, standard_event, stripe_captured, stripe_refunded, transfer
from provider import Provider
from running_gateway import RunningGateway, run_gateway, until

from gateway.access.keys import SCOPES
from gateway.cli.options import operator


def _gateway(gateway: RunningGateway, *argv: str) -> CompletedProcess[str]:
    return run_gateway(*argv, "--data-dir", str(gateway.data_dir), cwd=gateway.folder)


def _events(gateway: RunningGateway, *argv: str) -> str:
    done = _gateway(gateway, "events", *argv)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _refused(gateway: RunningGateway, *argv: str) -> str:
    """Exit code 1 and a sentence."""
    done = _gateway(gateway, "events", *argv)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    return " ".join(done.stderr.split())


def _acts(provider: Provider, subject: str) -> list[dict[str, Any]]:
    return list(provider.rows.acts.find({"subject": subject}).sort("at", 1))


def test_an_operator_finds_a_parked_event_and_reads_it(gateway: RunningGateway, provider: Provider) -> None:
    """In the list with why and until when; whole by its id; what was sent only by an act that is kept."""
    payment = new_id("pi")
    event_id = provider.send(signed("stripe", stripe_refunded(40_00, payment=payment)), wait=True).json()["event_id"]
    listed = _events(gateway, "list", "--source", "stripe", "--outcome", "parked", "--type", "refund.*")
    (line,) = (line for line in listed.splitlines() if event_id in line)
    assert "the payment is not captured yet" in line
    assert f"when stripe:payment:{payment} arrives" in line
    page = json.loads(_events(gateway, "list", "--reason", "NOT CAPTURED", "--limit", "100", "--json"))
    (found,) = (each for each in page["events"] if each["event_id"] == event_id)
    assert (found["outcome"], found["awaits"]) == ("parked", f"stripe:payment:{payment}")

    shown = _events(gateway, "show", event_id)
    for told in ("secret id", "signed at", "fingerprint", f"when stripe:payment:{payment} arrives"):
        assert told in shown
    assert payment not in shown.replace(f"stripe:payment:{payment}", "")
    assert _acts(provider, event_id) == []

    assert '"amount": 4000,' in _events(gateway, "show", event_id, "--body")
    document = json.loads(_events(gateway, "show", event_id, "--body", "--json"))
    assert json.loads(document["body"])["data"]["object"]["payment_intent"] == payment
    acts = _acts(provider, event_id)
    assert [(act["act"], act["by"], act["via"]) for act in acts] == [("event.read_body", operator(), "command")] * 2
    assert payment not in str(acts)
    told = _gateway(gateway, "acts", "--subject", event_id, "--act", "event").stdout
    assert told.count("event.read_body") == 2


def test_a_replay_moves_no_money_twice(gateway: RunningGateway, provider: Provider) -> None:
    """An applied event goes only when that is said; it stays applied, what came of it is noted, and the audit holds."""
    wallet, payment = new_id("w"), new_id("pi")
    answer = provider.send(signed("stripe", stripe_captured(900, payment=payment, wallet=wallet)), wait=True)
    event_id = answer.json()["event_id"]
    before = provider.event(answer)
    del before["queue"]  # whoever is released gives its place up
    assert "--ignore-seen" in _refused(gateway, "replay", event_id)
    assert "--ignore-seen" in _refused(gateway, "retry", event_id)
    assert _acts(provider, event_id) == []
    assert "1 of 1" in _events(gateway, "replay", event_id, "--ignore-seen")
    until(lambda: "replays" in provider.event(answer), within_s=30, what="the replay is settled")
    after = provider.event(answer)
    (noted,) = after.pop("replays")
    assert (noted["by"], noted["outcome"], noted["reason"]) == (operator(), "stale", "duplicate: CAPTURED already")
    assert after == before
    assert provider.balance(wallet) == 900
    assert provider.rows.transactions.count_documents({"event_id": event_id}) == 1
    assert "replayed" in _events(gateway, "show", event_id)
    (act,) = _acts(provider, event_id)
    assert (act["act"], act["by"], act["details"]["outcomes"]) == ("event.replay", operator(), {"applied": 1})
    assert _gateway(gateway, "audit").returncode == 0


@pytest.mark.long
def test_a_filter_replays_all_that_match(gateway: RunningGateway, provider: Provider) -> None:
    """Looked at first, then agreed to, then done; what is decided stays and is counted."""
    kind = new_id("user")
    for _ in range(3):
        provider.send(signed("standard", standard_event(kind)), wait=True)
    said = _events(gateway, "replay", "--type", kind, "--dry-run")
    assert "3 go: 3 ignored." in said
    _refused(gateway, "replay", "--type", kind)
    assert provider.rows.events.count_documents({"type": kind, "replays": {"$exists": True}}) == 0
    assert "2 of 2" in _events(gateway, "replay", "--type", f"{kind[:-1]}?", "--limit", "2", "--yes")
    replayed = {"type": kind, "outcome": "ignored", "replays.0.by": operator()}
    until(lambda: provider.rows.events.count_documents(replayed) == 2, within_s=30, what="both are settled")
    act = provider.rows.acts.find_one({"subject": "events"}, sort=[("at", -1)])
    assert act is not None
    assert (act["details"]["count"], act["details"]["filter"]) == (2, {"type": f"{kind[:-1]}?"})

    receiver = new_id("w")
    for _ in range(2):
        provider.send(signed("payments", transfer(receiver=receiver)), wait=True)
    said = _events(gateway, "replay", "--source", "payments", "--outcome", "applied", "--dry-run")
    assert "None goes." in said
    assert "it is decided" in said


@pytest.mark.long
def test_a_refused_withdrawal_is_replayed_by_its_id_alone(gateway: RunningGateway, provider: Provider) -> None:
    """And it is said that the asker was told no."""
    sender = new_id("w")
    asked = signed("payments", transfer("5.00", sender=sender, kind="withdrawal"))
    answer = provider.send(asked, wait=True)
    assert answer.json()["reason"] == "insufficient funds (PAY_002)"
    event_id = answer.json()["event_id"]
    provider.send(signed("stripe", stripe_captured(900, payment=new_id("pi"), wallet=sender)), wait=True)
    assert "told no" in _refused(gateway, "replay", event_id)
    assert "told no" in _events(gateway, "replay", "--outcome", "rejected", "--ignore-seen", "--dry-run")
    _refused(gateway, "replay", event_id, "--ignore-seen")  # nobody said yes
    assert provider.outcome(asked)[0] == "rejected"
    assert "told no" in _events(gateway, "replay", event_id, "--ignore-seen", "--yes")
    until(lambda: provider.outcome(asked)[0] == "applied", within_s=30, what="the withdrawal is applied")
    wallet = provider.rows.wallets.find_one({"_id": f"USD:{sender}"})
    assert wallet is not None
    assert (wallet["balance_minor"], wallet["locked_minor"]) == (900, 500)


def test_what_failed_tries_again_when_its_time_has_come(gateway: RunningGateway, provider: Provider) -> None:
    """The worker of a running gateway sees to it."""
    kind = new_id("user")
    answer = provider.send(signed("standard", standard_event(kind)), wait=True)
    due = "time:2026-01-01T00:00:00Z"
    failed = {"outcome": "parked", "reason": "fault: KeyError", "tries": 1, "awaits": due, "queue": due}
    provider.rows.events.update_one({"_id": answer.json()["event_id"]}, {"$set": failed})
    until(lambda: provider.event(answer).get("outcome") == "ignored", within_s=20, what="it tried again")
    assert "awaits" not in provider.event(answer)


def test_events_that_are_none_are_refused_in_a_sentence(gateway: RunningGateway) -> None:
    """Whatever is asked of the commands."""
    unknown = "evt_" + "0" * 32
    for argv in (
        ("show", unknown),
        ("replay",),
        ("replay", unknown, "--outcome", "parked"),
        ("list", "--limit", "0"),
        ("list", "--since", "yesterday"),
    ):
        assert _refused(gateway, *argv)


def test_changes_by_command_have_an_entry(gateway: RunningGateway, provider: Provider) -> None:
    """Keys made and disabled, a level given: what, to whom, by whom; never a key's text."""
    made = _gateway(gateway, "keys", "create", "--name", "nightly [/job]", "--scopes", ",".join(SCOPES))  # no markup
    key = made.stdout.strip()
    key_id = key.split("_")[1]
    assert f" {key_id} " in _gateway(gateway, "keys", "list").stdout
    assert _gateway(gateway, "keys", "disable", key_id).returncode == 0
    assert [act["act"] for act in _acts(provider, key_id)] == ["key.create", "key.disable"]
    owner = new_id("w")
    assert _gateway(gateway, "wallets", "level", owner, "ADVANCED").returncode == 0
    (act,) = _acts(provider, owner)
    assert (act["act"], act["by"], act["details"]) == ("wallet.level", operator(), {"kyc_level": "ADVANCED"})
    listed = _gateway(gateway, "acts", "--limit", "1000").stdout
    assert "wallet.level" in listed
    assert key not in listed
