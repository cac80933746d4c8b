"""Deliveries over loopback: signed each time, retried when asked, counted as they were answered."""

import asyncio
import json
from itertools import count

from loopback import loopback, reply

from simulators.delivering import Delivered, Summary, deliver
from simulators.signing import mac_hex
from simulators.traffic import Send, plan_deliveries, simulate_day

SECRETS = {"payments": "a native secret of many bytes"}
DAY_END = 1_795_060_800


def _plan(events: int, **options: float) -> list[Send]:
    day = simulate_day(events, seed=3, sources=["payments"], day_end=DAY_END)
    return plan_deliveries(day, seed=3, **options)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_a_delivery_is_signed_over_its_time_and_body() -> None:
    """The loopback peer recomputes the signature from what arrived."""
    wrong: list[bytes] = []

    def answer(head: bytes, body: bytes) -> bytes:
        headers = _headers(head)
        content = headers["x-timestamp"].encode() + b"." + body
        if headers["x-signature"] != mac_hex(SECRETS["payments"].encode(), content):
            wrong.append(body)
        return reply(202, b'{"status": "accepted"}', "Connection: close")

    summary = asyncio.run(_deliver(answer, _plan(20)))
    assert not wrong
    assert (summary.sent, summary.accepted, summary.clean) == (20, 20, True)


def test_a_busy_gateway_is_asked_again_with_a_new_signature() -> None:
    """429 and 503 with Retry-After are retried, and the retry carries its own time."""
    times: list[str] = []
    statuses = iter([429, 503, 202])

    def answer(head: bytes, body: bytes) -> bytes:
        times.append(_headers(head)["x-timestamp"])
        return reply(next(statuses), b'{"status": "accepted"}', "Retry-After: 0", "Connection: close")

    ticks = count(1_795_000_000)
    summary = asyncio.run(_deliver(answer, _plan(1), clock=lambda: next(ticks)))
    assert (summary.accepted, summary.retries, summary.clean) == (1, 2, True)
    assert len(set(times)) == 3


def test_each_answer_is_counted_as_what_it_was() -> None:
    """Accepted, duplicate and refused are told apart, and a refusal is not retried."""
    answers = {
        0: (202, b'{"status":"accepted"}'),
        1: (200, b'{"status":"duplicate"}'),
        2: (403, b'{"reason":"signature"}'),
    }
    numbers = count()
    heard: list[Delivered] = []

    def answer(head: bytes, body: bytes) -> bytes:
        return reply(*answers[next(numbers) % 3], "Connection: close")

    summary = asyncio.run(_deliver(answer, _plan(9), heard=heard))
    assert (summary.accepted, summary.duplicates, dict(summary.refused), summary.retries) == (3, 3, {403: 3}, 0)
    assert {delivered.answer for delivered in heard} == {"accepted", "duplicate", "signature"}
    assert json.loads(json.dumps(summary.as_json()))["refused"] == {"403": 3}


def test_a_source_without_a_secret_is_skipped_and_counted() -> None:
    """Nothing is sent for it, and the summary says so."""
    plan = _plan(5)

    async def run() -> Summary:
        return await deliver(plan, url="http://127.0.0.1:9", secrets={})

    summary = asyncio.run(run())
    assert (summary.sent, dict(summary.skipped)) == (0, {"payments": 5})


def test_the_rate_is_kept() -> None:
    """Twenty postings at a hundred a second take at least a fifth of a second, but for the first one."""
    summary = asyncio.run(_deliver(lambda head, body: reply(202, b"{}", "Connection: close"), _plan(20), rate=100))
    assert summary.seconds >= 0.19


async def _deliver(answer, plan, *, heard=None, clock=lambda: 1_795_000_000.0, rate=None):  # type: ignore[no-untyped-def]
    async with loopback(answer) as url:
        return await deliver(
            plan,
            url=url,
            secrets=SECRETS,
            rate=rate,
            concurrency=4,
            on_result=heard.append if heard is not None else None,
            clock=clock,
        )
