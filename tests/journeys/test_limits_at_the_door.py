"""A gateway with one source and small limits, on a MongoDB of its operator's: closed doors and full ones."""

import hashlib
from collections.abc import Iterator
from uuid import uuid4

import pytest
from deliveries import Signed, new_id, payment_of, signed, transfer
from provider import Provider, provider_for
from running_gateway import SECRETS, RunningGateway, running, until

REFUSALS_MAX = 5
WEBHOOKS_MAX = 12


@pytest.fixture(scope="module")
def strict(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Only the native source has a secret."""
    with running(
        tmp_path_factory.mktemp("strict"),
        HMAC_SECRET_KEY=SECRETS["HMAC_SECRET_KEY"],
        MONGO_URL=mongo_uri,
        MONGO_DATABASE=f"strict_{uuid4().hex[:12]}",
        RATE_LIMIT_REFUSED=f"{REFUSALS_MAX}/hour",
        RATE_LIMIT_WEBHOOKS=f"{WEBHOOKS_MAX}/hour",
    ) as started:
        yield started


@pytest.fixture
def provider(strict: RunningGateway) -> Iterator[Provider]:
    with provider_for(strict) as sending:
        yield sending


def test_closed_and_full_doors(provider: Provider) -> None:
    """In one story, because counters last: a source without a secret is closed; who is refused too often is told to wait;
    that does not touch a caller who can sign; and who signs too much is told to wait as well."""
    for source in ("stripe", "razorpay", "standard"):
        answer = provider.send(signed(source, payment_of(source, wallet=new_id("w"))))
        assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_source")

    forged = Signed("payments", b"{}", {"Content-Type": "application/json", "X-Timestamp": "1", "X-Signature": "0"})
    statuses = [provider.send(forged).status_code for _ in range(REFUSALS_MAX)]
    assert statuses == [403] * (REFUSALS_MAX - 3) + [429] * 3

    refused = provider.send(forged)
    assert (refused.status_code, refused.json()["reason"]) == (429, "limited")
    assert 0 < int(refused.headers["retry-after"]) <= 3_600

    accepted = [provider.send(signed("payments", transfer())).status_code for _ in range(WEBHOOKS_MAX)]
    assert accepted == [202] * WEBHOOKS_MAX

    late = signed("payments", transfer())
    answer = provider.send(late)
    assert (answer.status_code, answer.json()["reason"]) == (429, "limited")
    assert 0 < int(answer.headers["retry-after"]) <= 3_600
    assert provider.rows.events.count_documents({"fingerprint": hashlib.sha256(late.body).hexdigest()}) == 0
    refused_rows = {"reason": "signature"}
    until(  # they are written behind the answers
        lambda: provider.rows.rejections.count_documents(refused_rows) == REFUSALS_MAX + 1,
        within_s=30,
        what="every refusal is noted",
    )
