"""What our own systems ask for, through a whole running gateway: funds and limits decide, and the caller is told why."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from deliveries import Signed, new_id, razorpay_captured, razorpay_event, signed, transfer
from provider import Provider
from running_gateway import RunningGateway, run_gateway

NO_FUNDS = ("rejected", "insufficient funds (PAY_002)")
OVER_SINGLE = ("rejected", "over the limit of one transaction (PAY_005)")
OVER_DAY = ("rejected", "over the limit of the day (PAY_005)")


def native(kind: str, amount: str, *, sender: str, receiver: str = "", **more: Any) -> Signed:
    """A request, or news of a withdrawal, in rupees."""
    body = transfer(amount, sender=sender, receiver=receiver or f"bank:{sender}", currency="INR", kind=kind, **more)
    return signed("payments", body)


def asked_for_an_answer(delivery: Signed) -> Signed:
    return delivery.with_headers(Prefer="wait=5")


def funded(provider: Provider, rupees: int) -> str:
    """A new owner, with this much in the wallet."""
    owner = new_id("w")
    deposit = signed("razorpay", razorpay_captured(rupees * 100, payment=new_id("pay"), wallet=owner))
    assert provider.outcome(deposit) == ("applied", "capture")
    return owner


def held(provider: Provider, owner: str) -> tuple[int, int]:
    """Balance and hold, in paise."""
    found = provider.rows.wallets.find_one({"_id": f"INR:{owner}"})
    assert found is not None
    return found["balance_minor"], found["locked_minor"]


def withdrawn(provider: Provider, owner: str, amount: str) -> str:
    """The `tx_id` of a withdrawal that is on hold."""
    request = native("withdrawal", amount, sender=owner)
    assert provider.outcome(request) == ("applied", "payout_requested")
    return str(json.loads(request.body)["tx_id"])


def test_a_transfer_is_asked_for_and_answered(provider: Provider) -> None:
    """202 with what became of it, and the money is where it was sent."""
    alice, bob = funded(provider, 100), new_id("bob")
    answer = provider.send(asked_for_an_answer(native("transfer", "40.00", sender=alice, receiver=bob)))
    assert answer.status_code == 202
    assert (answer.json()["outcome"], answer.json()["reason"]) == ("applied", "transfer")
    assert (provider.balance(alice, "INR"), provider.balance(bob, "INR")) == (6_000, 4_000)


def test_a_transfer_without_funds_changes_nothing(provider: Provider) -> None:
    """Stored and rejected, with the reason; no wallet, object or transaction comes of it."""
    alice, bob = funded(provider, 100), new_id("bob")
    request = asked_for_an_answer(native("transfer", "100.01", sender=alice, receiver=bob))
    answer = provider.send(request)
    assert answer.status_code == 202
    assert (answer.json()["outcome"], answer.json()["reason"]) == NO_FUNDS
    assert (provider.balance(alice, "INR"), provider.balance(bob, "INR")) == (10_000, None)
    assert provider.rows.transactions.count_documents({"event_id": answer.json()["event_id"]}) == 0
    assert provider.rows.objects.count_documents({"object_id": json.loads(request.body)["tx_id"]}) == 0


def test_a_refused_request_is_refused_for_good(provider: Provider) -> None:
    """Sent again after a deposit it gets the same answer; who wants it now asks anew."""
    alice = funded(provider, 10)
    request = native("withdrawal", "20.00", sender=alice)
    assert provider.outcome(request) == NO_FUNDS
    provider.outcome(signed("razorpay", razorpay_captured(10_000, payment=new_id("pay"), wallet=alice)))
    again = provider.send(asked_for_an_answer(request))
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert (again.json()["outcome"], again.json()["reason"]) == NO_FUNDS
    assert held(provider, alice) == (11_000, 0)
    withdrawn(provider, alice, "20.00")
    assert held(provider, alice) == (11_000, 2_000)


@pytest.mark.parametrize(
    ("ending", "effect", "state", "left"),
    [
        ("withdrawal_processed", "payout_done", "PROCESSED", 7_000),
        ("withdrawal_failed", "payout_released", "FAILED", 10_000),
        ("withdrawal_reversed", "payout_released", "REVERSED", 10_000),
    ],
)
def test_a_withdrawal_is_held_until_it_ends_once(
    provider: Provider, ending: str, effect: str, state: str, left: int
) -> None:
    """The hold leaves with the ending; the same ending under another id finds nothing to end."""
    alice = funded(provider, 100)
    withdrawal = withdrawn(provider, alice, "30.00")
    assert held(provider, alice) == (10_000, 3_000)
    end = native(ending, "30.00", sender=alice, withdrawal=withdrawal)
    assert provider.outcome(end) == ("applied", effect)
    found = provider.rows.objects.find_one({"_id": f"payments:payout:{withdrawal}"})
    assert found is not None
    assert (found["state"], held(provider, alice)) == (state, (left, 0))
    again = native(ending, "30.00", sender=alice, withdrawal=withdrawal)
    assert provider.outcome(again) == ("stale", f"duplicate: {state} already")
    assert held(provider, alice) == (left, 0)


def test_a_processed_withdrawal_comes_back_once(provider: Provider) -> None:
    """Reversed after it was sent: credited, and a late success changes nothing."""
    alice = funded(provider, 100)
    withdrawal = withdrawn(provider, alice, "30.00")
    steps = {
        "withdrawal_processed": (("applied", "payout_done"), (7_000, 0)),
        "withdrawal_reversed": (("applied", "payout_return"), (10_000, 0)),
    }
    for kind, (outcome, wallet) in steps.items():
        assert provider.outcome(native(kind, "30.00", sender=alice, withdrawal=withdrawal)) == outcome
        assert held(provider, alice) == wallet
    late = native("withdrawal_processed", "30.00", sender=alice, withdrawal=withdrawal)
    assert provider.outcome(late)[0] == "stale"
    assert held(provider, alice) == (10_000, 0)


def test_an_ending_with_another_amount_waits_for_a_person(provider: Provider) -> None:
    """Two stories about one withdrawal: the hold stays until someone looks."""
    alice = funded(provider, 100)
    withdrawal = withdrawn(provider, alice, "30.00")
    outcome, reason = provider.outcome(native("withdrawal_processed", "30.01", sender=alice, withdrawal=withdrawal))
    assert (outcome, reason.partition(":")[0]) == ("parked", "conflict")
    assert held(provider, alice) == (10_000, 3_000)


def test_limits_stop_what_goes_out_and_a_level_raises_them(gateway: RunningGateway, provider: Provider) -> None:
    """5,000 rupees at once and 10,000 in a day, until a person gives the owner another level."""
    alice, bob = funded(provider, 100_000), new_id("bob")

    def ask(kind: str, amount: str) -> tuple[str, str]:
        return provider.outcome(native(kind, amount, sender=alice, receiver=bob))

    assert ask("transfer", "5000.01") == OVER_SINGLE
    assert ask("transfer", "5000.00") == ("applied", "transfer")
    assert ask("withdrawal", "5000") == ("applied", "payout_requested")
    assert ask("transfer", "0.01") == OVER_DAY
    assert ask("withdrawal", "0.01") == OVER_DAY
    level = _wallets(gateway, "level", alice, "INTERMEDIATE")
    assert (level.returncode, "INTERMEDIATE" in level.stdout) == (0, True)
    assert ask("transfer", "25000.01") == OVER_SINGLE
    assert ask("transfer", "25000") == ("applied", "transfer")
    assert ask("withdrawal", "15000.01") == OVER_DAY
    assert ask("withdrawal", "15000") == ("applied", "payout_requested")
    assert held(provider, alice) == (7_000_000, 2_000_000)


def test_what_has_happened_is_booked_whatever_the_limits(provider: Provider) -> None:
    """A payment between wallets and a provider's payout: over every limit, and beyond the funds."""
    alice, bob = funded(provider, 10), new_id("bob")
    payment = signed("payments", transfer("6000.00", sender=alice, receiver=bob, currency="INR"))
    assert provider.outcome(payment) == ("applied", "transfer")
    payout = {"id": new_id("pout"), "amount": 1_100_000, "currency": "INR", "notes": {"wallet_id": bob}}
    assert provider.outcome(signed("razorpay", razorpay_event("payout.processed", payout=payout))) == (
        "applied",
        "payout_done",
    )
    found = provider.rows.wallets.find_one({"_id": f"INR:{bob}"})
    assert found is not None
    assert (found["balance_minor"], found["receivable_minor"], found["day_used_minor"]) == (0, 500_000, 0)


def test_requests_at_the_same_moment_cannot_spend_the_same_money(provider: Provider) -> None:
    """Twelve ask for ten rupees of fifty: five get them."""
    alice = funded(provider, 50)
    requests = [native("withdrawal", "10.00", sender=alice) for _ in range(12)]
    with ThreadPoolExecutor(12) as senders:
        outcomes = list(senders.map(provider.outcome, requests))
    assert outcomes.count(("applied", "payout_requested")) == 5
    assert outcomes.count(NO_FUNDS) == 7
    assert held(provider, alice) == (5_000, 5_000)


@pytest.mark.parametrize(
    ("kind", "more", "field"),
    [
        ("withdraw", {}, "kind"),
        ("withdrawal_processed", {}, "withdrawal"),
        ("withdrawal", {"withdrawal": "w-1"}, "withdrawal"),
    ],
)
def test_a_request_that_is_none_names_the_field(
    provider: Provider, kind: str, more: dict[str, str], field: str
) -> None:
    """422 before anything is stored."""
    answer = provider.send(native(kind, "1.00", sender=new_id("alice"), **more))
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])


def test_the_wallet_api_follows_the_money(gateway: RunningGateway, provider: Provider) -> None:
    """What is on hold, what today has used, and a withdrawal's line from pending to completed."""
    created = run_gateway(
        "keys",
        "create",
        "--name",
        "app",
        "--scopes",
        "wallets:read",
        "--data-dir",
        str(gateway.data_dir),
        cwd=gateway.folder,
    )
    headers = {"X-API-Key": created.stdout.strip().splitlines()[-1]}

    def get(path: str) -> dict[str, Any]:
        url = f"/api/v1/payments/wallet/{path}?wallet_id={alice}"
        return dict(provider.client.get(url, headers=headers).json())

    alice = funded(provider, 1_500)
    withdrawal = withdrawn(provider, alice, "200.00")
    found = get("balance")
    assert (found["balance"], found["locked_balance"], found["available_balance"]) == ("1500.00", "200.00", "1300.00")
    assert (found["daily_used"], found["daily_remaining"]) == ("200.00", "9800.00")
    line, deposit = get("transactions")["transactions"]
    assert (line["type"], line["status"], line["completed_at"]) == ("WITHDRAWAL", "PENDING", None)
    assert (deposit["type"], deposit["amount"]) == ("DEPOSIT", "1500.00")
    provider.outcome(native("withdrawal_processed", "200.00", sender=alice, withdrawal=withdrawal))
    line = get("transactions")["transactions"][0]
    assert (line["status"], line["completed_at"] is None) == ("COMPLETED", False)
    assert get("balance")["balance"] == "1300.00"


def test_an_operator_sees_and_sets_levels(gateway: RunningGateway, provider: Provider) -> None:
    """Who did it is kept with when; a level that the settings do not name is refused in a sentence."""
    alice = funded(provider, 20)
    assert "BASIC, the default" in _wallets(gateway, "show", alice).stdout
    for wrong in (("level", alice, "GOLD"), ("level", "no such owner", "BASIC"), ("show", new_id("nobody"))):
        refused = _wallets(gateway, *wrong)
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
        assert refused.stderr.strip()
    for level in ("ADVANCED", "INTERMEDIATE"):
        assert _wallets(gateway, "level", alice, level).returncode == 0
    kept = provider.rows.owners.find_one({"_id": alice})
    assert kept is not None
    assert (kept["kyc_level"], bool(kept["by"])) == ("INTERMEDIATE", True)
    assert [decided["kyc_level"] for decided in kept["history"]] == ["ADVANCED", "INTERMEDIATE"]
    shown = _wallets(gateway, "show", alice).stdout
    assert f"by {kept['by']}" in shown
    assert "50000.00" in shown


def _wallets(gateway: RunningGateway, *argv: str) -> Any:
    return run_gateway("wallets", *argv, "--data-dir", str(gateway.data_dir), cwd=gateway.folder)
