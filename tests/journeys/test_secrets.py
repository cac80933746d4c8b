"""Secrets: several at a time while they rotate, closed where there is none, refused when short, and never in a log."""

from pathlib import Path

import pytest
from deliveries import ALL_SOURCES, Signed, new_id, payment_of, signed, transfer
from provider import Provider
from running_gateway import OLD_SECRETS, SECRETS, run_gateway

from gateway.mongo.home import Home
from simulators.sources import SOURCES


@pytest.mark.parametrize("source", ALL_SOURCES)
def test_both_secrets_of_a_rotation_verify(provider: Provider, source: str) -> None:
    """The new and the old one open the door, and the event records which: an operator sees when the old one is done."""
    used = []
    for secrets in (SECRETS, OLD_SECRETS):
        body = payment_of(source, wallet=new_id("w"))
        answer = provider.send(signed(source, body, key=secrets[SOURCES[source].setting]))
        assert answer.status_code == 202
        used.append(provider.event(answer)["secret_id"])
    assert used == ["1", "2"]


def test_an_event_signed_by_the_old_and_again_by_the_new_secret_is_one(provider: Provider) -> None:
    """A retry over the border of a rotation is still a duplicate."""
    body = transfer()
    assert provider.send(signed("payments", body, key=OLD_SECRETS["HMAC_SECRET_KEY"])).status_code == 202
    assert provider.send(signed("payments", body)).status_code == 200


def test_a_stripe_header_with_both_signatures_verifies(provider: Provider) -> None:
    """While Stripe rotates it signs with both keys; one good signature is enough, `v0` never counts."""
    delivery = signed("stripe", payment_of("stripe", wallet=new_id("w")))
    stamp, _, good = delivery.headers["Stripe-Signature"].partition(",")
    for value, status in (
        (f"{stamp},v1={'0' * 64},{good}", 202),
        (f"{stamp},{good},v0={'0' * 64}", 200),
        (f"{stamp},v0={good.removeprefix('v1=')}", 403),
    ):
        changed = Signed(delivery.source, delivery.body, {**delivery.headers, "Stripe-Signature": value})
        assert provider.send(changed).status_code == status


def test_nothing_secret_is_ever_logged(provider: Provider) -> None:
    """After good, forged and broken traffic at the most talkative level: no secret, no password, no payload, no signature."""
    marker = new_id("marker")
    sent = [signed("payments", transfer(description=marker))]
    for source in ALL_SOURCES:
        body = payment_of(source, wallet=marker)
        forged = signed(source, body, key="whsec_" + "A" * 40)
        sent += [
            forged,
            Signed(source, b"{broken " + marker.encode(), forged.headers),
            signed(source, b"{broken " + marker.encode()),
            signed(source, body, at=1_000_000_000).with_headers(X_API_Key=marker, Authorization=f"Bearer {marker}"),
        ]
    for each in sent:
        provider.send(each)
    signatures = [each.headers[name][-20:] for each in sent for name in each.headers if "signature" in name.lower()]
    state = Home(provider.gateway.data_dir).load()
    assert state is not None
    log = provider.gateway.log()
    assert '"level": "debug"' in log
    hidden = [*SECRETS.values(), *OLD_SECRETS.values(), state.password, *signatures, marker]
    assert [text for text in hidden if text in log] == []


@pytest.mark.parametrize(
    ("setting", "secret", "says"),
    [
        ("HMAC_SECRET_KEY", "short", "HMAC_SECRET_KEY: secret 1 is 5 bytes of key, at least 24 are needed"),
        ("RAZORPAY_WEBHOOK_SECRET", "y" * 24 + ",short", "RAZORPAY_WEBHOOK_SECRET: secret 2 is 5 bytes of key"),
        ("STANDARD_WEBHOOKS_SECRET", "whsec_not!base64", "is not base64 (after whsec_)"),
    ],
)
def test_an_unsafe_secret_stops_the_start(tmp_path: Path, setting: str, secret: str, says: str) -> None:
    """Exit code 1 and one sentence that says what to do, without the secret; nothing was started or created."""
    ended = run_gateway("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), cwd=tmp_path, **{setting: secret})
    assert ended.returncode == 1
    assert says in ended.stderr
    assert ended.stderr.strip().count("\n") == 0
    assert not any(part in ended.stderr for part in secret.split(",") if part != "short")
    assert not (tmp_path / "data" / "mongo" / "db").exists()


def test_no_secret_at_all_stops_the_start(tmp_path: Path) -> None:
    """A gateway that refuses everything is a mistake, and says which settings are missing."""
    ended = run_gateway("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), cwd=tmp_path)
    assert ended.returncode == 1
    assert "HMAC_SECRET_KEY" in ended.stderr
    assert ended.stderr.strip().count("\n") == 0
