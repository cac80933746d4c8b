"""The attacks as a table, and the run that judges the answers; a real gateway is attacked in the journeys."""

import asyncio
from collections import Counter

import pytest
from loopback import loopback, reply

from simulators.attacks import ATTACKS, Attack, Result, attack, results_table
from simulators.attacks.attack import Target
from simulators.http import NoReply, exchange, is_listening, request_bytes
from simulators.sources import SOURCES

SECRETS = dict.fromkeys(SOURCES, "whsec_" + "c2VjcmV0IGZvciB0aGUgc2ltdWxhdGVkIGRyaWxs")


def _clock() -> float:
    return 1_795_000_000.0


def test_every_attack_has_a_name_of_its_own() -> None:
    """The names are what a person reads and a report counts."""
    names = Counter(tried.name for tried in ATTACKS)
    assert max(names.values()) == 1
    assert len(names) >= 60


def test_no_attack_expects_the_gateway_to_fail() -> None:
    """No 5xx is ever right (501 for a method that HTTP does not have is), and none is answered with anything at all."""
    assert all(status < 500 or status == 501 for tried in ATTACKS for status in tried.expects)
    assert all(1 <= len(tried.expects) <= 4 for tried in ATTACKS)


def test_a_gateway_that_limits_the_attacker_is_waited_for() -> None:
    """As long as it says, up to a minute, and then the attack is tried again: 429 is no verdict on it."""
    waiting = iter([reply(429, b"{}", "Retry-After: 1"), reply(403)])
    result = asyncio.run(_attack(lambda: next(waiting), attacks=ATTACKS[:1]))[0]
    assert (result.got, result.held) == ("403", True)
    hours = asyncio.run(_attack(reply(429, b"{}", "Retry-After: 3600"), attacks=ATTACKS[:1]))[0]
    assert (hours.got, hours.held) == ("429", False)


def test_every_attack_is_sent_and_answered() -> None:
    """Each one gets through its own building and signing, and hears the peer's answer."""
    results = asyncio.run(_attack(reply(418, b'{"reason": "teapot"}')))
    assert [result.name for result in results] == [tried.name for tried in ATTACKS]
    assert {result.got for result in results} == {"418"}
    assert {result.held for result in results} == {False}


def test_the_right_answer_holds_and_another_does_not() -> None:
    """A peer that answers 403 to everything passes the signature attacks and fails those that expect otherwise."""
    results = asyncio.run(_attack(reply(403, b'{"reason": "signature"}')))
    held = {result.name for result in results if result.held}
    assert {tried.name for tried in ATTACKS if tried.expects == (403,)} < held
    assert "payments: exact replay" not in held


def test_refusals_that_differ_are_found() -> None:
    """A signature refusal that says which part was wrong fails the last check."""
    wordings = iter(f'{{"detail": "part {number}"}}'.encode() for number in range(1_000))
    one = asyncio.run(_attack(reply(403, b'{"detail": "no"}')))[-1]
    many = asyncio.run(_attack(lambda: reply(403, next(wordings))))[-1]
    assert (one.name, one.held) == ("which part was wrong?", True)
    assert (many.name, many.held) == ("which part was wrong?", False)


def test_an_attack_without_its_secret_is_not_tried() -> None:
    """It is reported as such, and nothing was sent for it."""
    results = asyncio.run(_attack(reply(404), secrets={}))
    untried = [result for result in results if result.held is None]
    assert len(untried) == sum(bool(tried.needs) for tried in ATTACKS)
    assert untried[0].reason.startswith("no secret for")


def test_silence_is_a_wrong_answer() -> None:
    """A gateway that drops the connection did not hold, it hid."""
    results = asyncio.run(_attack(b""))
    assert {(result.got, result.held) for result in results} == {("no reply", False)}


def test_events_of_a_run_never_share_an_id() -> None:
    """Otherwise one attack would be another's duplicate."""
    target = Target("http://127.0.0.1:9", SECRETS, "run", _clock)
    bodies = [target.event(source).body for source in SOURCES for _ in range(50)]
    assert len(set(bodies)) == len(bodies)


def test_the_exchange_says_when_nobody_listens() -> None:
    """A refused connection is `NoReply`, not an OSError."""
    with pytest.raises(NoReply):
        asyncio.run(exchange("http://127.0.0.1:9", request_bytes("GET", "/", [])))


def test_a_listener_is_told_from_an_empty_port() -> None:
    """What the commands ask before they begin."""

    async def ask() -> tuple[bool, bool]:
        async with loopback(lambda head, body: reply(200)) as url:
            return await is_listening(url), await is_listening("http://127.0.0.1:9")

    assert asyncio.run(ask()) == (True, False)


def test_a_table_has_a_row_for_each_result() -> None:
    """Nothing is left out of what a person sees."""
    rows = [Result("keys", f"attack {number}", "tries", "401", "401", held=True) for number in range(3)]
    assert results_table(rows).row_count == 3


async def _attack(answer, *, attacks: tuple[Attack, ...] = ATTACKS, secrets=SECRETS):  # type: ignore[no-untyped-def]
    def respond(head: bytes, body: bytes) -> bytes:
        return answer() if callable(answer) else answer

    async with loopback(respond) as url:
        return await attack(url, secrets, attacks=attacks, clock=_clock, body_bytes_max=300_000)
