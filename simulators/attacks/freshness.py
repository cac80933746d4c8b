"""Attacks on time and repetition: old captures, dates ahead, unreadable times, used ids."""

import json
from collections.abc import Callable
from typing import Final

from simulators.attacks.attack import Attack, Target
from simulators.http import Header, Reply
from simulators.signing import native_body_form
from simulators.traffic.item import Item


def timed(name: str, tries: str, source: str, at: Callable[[int], str], *expects: int) -> Attack:
    """A valid event, validly signed over the time that `at` makes of now."""

    async def send(target: Target) -> Reply:
        event = target.event(source)
        headers = target.signed(source, event.body, at=at(target.now()), message_id=event.event_id)
        return await target.post(source, event.body, headers)

    return Attack("freshness", name, tries, expects or (408,), send, (source,))


async def _no_timestamp(target: Target) -> Reply:
    event = target.event("payments")
    headers = dict(target.signed("payments", event.body))
    return await target.post("payments", event.body, [("X-Signature", headers["X-Signature"])])


async def _two_timestamps(target: Target) -> Reply:
    event = target.event("payments")
    headers: list[Header] = [*target.signed("payments", event.body), ("X-Timestamp", str(target.now()))]
    return await target.post("payments", event.body, headers)


async def _standard_without_time(target: Target) -> Reply:
    event = target.event("standard")
    headers = target.signed("standard", event.body, message_id=event.event_id)
    return await target.post("standard", event.body, [pair for pair in headers if pair[0] != "webhook-timestamp"])


async def _old_body_form(target: Target) -> Reply:
    fields = json.loads(target.event("payments").body)
    fields["amount"] = "1.00"
    body = json.dumps(native_body_form(target.secrets["payments"], fields, at=target.now() - 600)).encode()
    return await target.post("payments", body, [])


def _repeated(source: str) -> Attack:
    async def send(target: Target) -> Reply:
        event = target.event(source)
        headers = target.signed(source, event.body, message_id=event.event_id)
        await target.post(source, event.body, headers)
        return await target.post(source, event.body, headers)

    tries = "a captured request sent again, bit by bit"
    return Attack("freshness", f"{source}: exact replay", tries, (200,), send, (source,))


def _conflicting(source: str, change: Callable[[bytes], bytes]) -> Attack:
    async def send(target: Target) -> Reply:
        event = target.event(source)
        await _deliver(target, event, event.body)
        return await _deliver(target, event, change(event.body))

    tries = "a used id with other content, validly signed"
    return Attack("freshness", f"{source}: same id, other content", tries, (409,), send, (source,))


async def _deliver(target: Target, event: Item, body: bytes) -> Reply:
    headers = target.signed(event.source, body, message_id=event.event_id)
    return await target.post(event.source, body, headers)


async def _fresh_razorpay_id(target: Target) -> Reply:
    """The id header is not signed: whoever captured a delivery can give it a new one, and it must not count twice."""
    event = target.event("razorpay")
    for message_id in ("EvtDrill000001", "EvtDrill000002"):
        headers = target.signed("razorpay", event.body, message_id=message_id + target.run)
        reply = await target.post("razorpay", event.body, headers)
    return reply


def _dearer(body: bytes) -> bytes:
    return json.dumps(json.loads(body) | {"amount": "999.00"}).encode()


def _other_kind(body: bytes) -> bytes:
    return json.dumps(json.loads(body) | {"type": "customer.created"}).encode()


def _full_width(now: int) -> str:
    """Digits of another script, as their UTF-8 bytes arrive."""
    return "".join(chr(0xFF10 + int(digit)) for digit in str(now)).encode().decode("latin-1")


FRESHNESS_ATTACKS: Final = (
    *(
        timed(f"{name}: old capture", "validly signed ten minutes ago", name, lambda now: str(now - 600))
        for name in ("payments", "stripe", "standard")
    ),
    *(
        timed(f"{name}: future date", "validly signed for an hour ahead", name, lambda now: str(now + 3_600))
        for name in ("payments", "stripe", "standard")
    ),
    timed("milliseconds", "now, in the wrong unit", "payments", lambda now: str(now * 1_000)),
    timed("timestamp in words", "no digits at all", "payments", lambda now: "yesterday"),
    timed("negative timestamp", "a sign before the digits", "payments", lambda now: f"-{now}"),
    timed("timestamp as a float", "float() would read it", "payments", lambda now: f"{now}.0"),
    timed("infinite timestamp", "a float that never gets old", "payments", lambda now: "inf"),
    timed("superscript timestamp", "str.isdigit() says yes", "payments", lambda now: "\xb2\xb3" * 5, 403, 408),
    timed("full-width timestamp", "int() reads them", "payments", _full_width, 403, 408),
    timed("timestamp in hex", "int(…, 0) reads it", "payments", lambda now: hex(now)),
    timed(
        "timestamp with blanks inside", "int() trims outside only", "payments", lambda now: f"{now // 10} {now % 10}"
    ),
    timed("timestamp with underscores", "int() reads them", "payments", lambda now: f"{now:_}"),
    timed("exponent as a timestamp", "float() reads it", "payments", lambda now: "2e9"),
    timed("twenty-digit timestamp", "overflows a clock", "payments", lambda now: "9" * 20),
    timed("stripe: t in words", "validly signed over a word", "stripe", lambda now: "now", 403, 408),
    timed("standard: time in words", "validly signed over a word", "standard", lambda now: "now"),
    Attack("freshness", "no timestamp", "the header left out", (408,), _no_timestamp),
    Attack("freshness", "doubled timestamp", "which one counts?", (403, 408), _two_timestamps),
    Attack("freshness", "standard: no time", "the header left out", (408,), _standard_without_time, ("standard",)),
    Attack("freshness", "body form: old capture", "an old time inside the body", (408,), _old_body_form),
    *(_repeated(name) for name in ("payments", "stripe", "razorpay", "standard")),
    _conflicting("payments", _dearer),
    _conflicting("stripe", _other_kind),
    _conflicting("standard", _other_kind),
    Attack(
        "freshness",
        "razorpay: replay under a new id",
        "the id header changed, which no signature covers",
        (200,),
        _fresh_razorpay_id,
        ("razorpay",),
    ),
)
