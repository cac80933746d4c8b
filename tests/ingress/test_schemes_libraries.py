"""Our table against the libraries that the providers publish: theirs signs and ours verifies, ours signs and theirs verifies."""

import time
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import razorpay
import standardwebhooks
import stripe
from table_deliveries import WINDOW, key_of, secret_of, source_of

from gateway.errors import Refusal
from gateway.ingress.delivery import Delivery
from gateway.ingress.providers import SCHEMES
from gateway.ingress.sign import sign
from gateway.ingress.verify import verify

BODIES: Final = (
    b'{"id":"evt_1","object":"event"}',
    b'{"id": "evt_1",\n  "name": "\xc3\x9cber \xf0\x9f\x92\xb8"}\n',
    b"{}",
    b"",
    b'{"a":"' + b"x" * 200_000 + b'"}',
)
each_body = pytest.mark.parametrize("body", BODIES, ids=["short", "unicode", "empty object", "nothing", "200 kB"])


def ours_sign(scheme: str, body: bytes, *, at: float | None = None) -> dict[str, str]:
    moment = time.time() if at is None else at
    return sign(SCHEMES[scheme], key_of(scheme), body, at=moment, message_id="msg_1")[0]


def ours_verifies(scheme: str, headers: dict[str, str], body: bytes) -> bool:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return verify(Delivery("tested", raw, body, time.time(), ""), source_of(scheme), WINDOW).payload == body


def ours_refuses(scheme: str, headers: dict[str, str], body: bytes) -> bool:
    with pytest.raises(Refusal):
        ours_verifies(scheme, headers, body)
    return True


@each_body
def test_stripe(body: bytes) -> None:
    """stripe-python makes the signature with `WebhookSignature` and checks it with `Webhook.construct_event`'s verifier."""
    theirs: Any = stripe.WebhookSignature
    stamp = int(time.time())
    signature = theirs._compute_signature(f"{stamp}.{body.decode()}", secret_of("stripe"))
    headers = {"Stripe-Signature": f"t={stamp},v1={signature}"}
    assert ours_verifies("stripe", headers, body)
    assert ours_refuses("stripe", headers, body + b" ")
    header = ours_sign("stripe", body)["stripe-signature"]
    assert theirs.verify_header(body.decode(), header, secret_of("stripe"), tolerance=300)
    with pytest.raises(stripe.SignatureVerificationError):
        theirs.verify_header(body.decode() + " ", header, secret_of("stripe"), tolerance=300)


def test_the_future_is_refused_where_stripe_accepts_it() -> None:
    """Their tolerance has one side; ours two."""
    later = ours_sign("stripe", b"{}", at=time.time() + 3_600)
    theirs: Any = stripe.WebhookSignature
    assert theirs.verify_header("{}", later["stripe-signature"], secret_of("stripe"), tolerance=300)
    assert ours_refuses("stripe", later, b"{}")


@each_body
@pytest.mark.parametrize("scheme", ["standard-webhooks", "svix"])
def test_standard_webhooks(scheme: str, body: bytes) -> None:
    """standardwebhooks signs and verifies; under svix's names the same signatures."""
    theirs = standardwebhooks.Webhook(secret_of(scheme))
    now = datetime.now(UTC)
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    values = ("msg_1", str(int(now.timestamp())), theirs.sign("msg_1", now, body.decode()))
    headers = dict(
        zip((name.replace("webhook", "svix") for name in names) if scheme == "svix" else names, values, strict=True)
    )
    assert ours_verifies(scheme, headers, body)
    assert ours_refuses(scheme, headers, body + b" ")
    signed = {name.replace("svix-", "webhook-"): value for name, value in ours_sign(scheme, body).items()}
    checked = body or b"{}"  # they parse what they have verified, and nothing is no JSON
    signed = signed if body else {k.replace("svix-", "webhook-"): v for k, v in ours_sign(scheme, checked).items()}
    theirs.verify(checked.decode(), signed)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        theirs.verify(checked.decode() + " ", signed)


@each_body
def test_razorpay(body: bytes) -> None:
    """razorpay only verifies, so ours signs; and what it refuses we refuse."""
    utility: Any = razorpay.Client(auth=("key", "secret")).utility
    signature = ours_sign("razorpay", body)["x-razorpay-signature"]
    assert utility.verify_webhook_signature(body.decode(), signature, secret_of("razorpay"))
    assert ours_verifies("razorpay", {"X-Razorpay-Signature": signature}, body)
    with pytest.raises(razorpay.errors.SignatureVerificationError):
        utility.verify_webhook_signature(body.decode() + " ", signature, secret_of("razorpay"))
    assert ours_refuses("razorpay", {"X-Razorpay-Signature": signature}, body + b" ")
