"""Copies of one event at the same moment: the database decides, and exactly one is new."""

import asyncio
from collections import Counter

import httpx2
import pytest
from deliveries import Signed, new_id, payment_of, signed
from provider import Provider
from running_gateway import until

COPIES = 20


async def _at_once(url: str, deliveries: list[Signed]) -> list[httpx2.Response]:
    """Sent over as many connections, none waiting for another."""
    limits = httpx2.Limits(max_connections=len(deliveries))
    async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=30) as client:
        sending = (client.post(each.path, content=each.body, headers=dict(each.headers)) for each in deliveries)
        return await asyncio.gather(*sending)


@pytest.mark.parametrize("source", ["payments", "stripe", "razorpay", "standard"])
def test_of_twenty_copies_at_once_one_is_new(provider: Provider, source: str) -> None:
    """Exactly one 202 and nineteen 200, one stored event, one effect on the wallet."""
    wallet = new_id("w")
    delivery = signed(source, payment_of(source, wallet=wallet, amount_minor=700))
    answers = asyncio.run(_at_once(provider.gateway.url, [delivery] * COPIES))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: COPIES - 1}
    assert len({answer.json()["event_id"] for answer in answers}) == 1
    event_id = answers[0].json()["event_id"]
    until(lambda: "outcome" in provider.event(answers[0]), within_s=30, what="the event is applied")
    assert provider.rows.transactions.count_documents({"event_id": event_id}) == 1
    assert provider.balance(wallet, "INR" if source == "razorpay" else "USD") == 700


def test_of_copies_that_differ_one_is_new_and_the_others_conflict(provider: Provider) -> None:
    """Twenty contents under one id at once: one 202, nineteen 409, and the one that was accepted is the one booked."""
    wallet, tx_id = new_id("w"), new_id("tx")
    bodies = [{**payment_of("payments", wallet=wallet), "tx_id": tx_id, "amount": n + 1} for n in range(COPIES)]
    deliveries = [signed("payments", body) for body in bodies]
    answers = asyncio.run(_at_once(provider.gateway.url, deliveries))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: COPIES - 1}
    accepted = next(n for n, answer in enumerate(answers) if answer.status_code == 202)
    until(lambda: provider.balance(wallet) is not None, within_s=30, what="the event is applied")
    assert provider.balance(wallet) == (accepted + 1) * 100
    assert provider.rows.incidents.count_documents({"event_id": answers[accepted].json()["event_id"]}) == COPIES - 1
