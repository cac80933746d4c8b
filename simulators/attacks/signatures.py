"""Attacks on the signature: each takes a valid event with valid headers and spoils one thing."""

from collections.abc import Callable
from typing import Final

from simulators.attacks.attack import Attack, Target
from simulators.http import Header, Reply
from simulators.sources import SOURCES

Headers = dict[str, str]
Forge = Callable[[Headers], Headers | list[Header]]

_SIGNATURE: Final = {
    "payments": "X-Signature",
    "stripe": "Stripe-Signature",
    "razorpay": "X-Razorpay-Signature",
    "standard": "webhook-signature",
}


def forged(name: str, tries: str, source: str, forge: Forge, *expects: int) -> Attack:
    """A valid event of `source` whose headers went through `forge`."""

    async def send(target: Target) -> Reply:
        event = target.event(source)
        spoiled = forge(dict(target.signed(source, event.body, message_id=event.event_id)))
        headers = list(spoiled.items()) if isinstance(spoiled, dict) else spoiled
        return await target.post(source, event.body, headers)

    return Attack("signature", name, tries, expects or (403,), send, (source,))


def _value(source: str, change: Callable[[str], str]) -> Forge:
    """Changes the value of the signature header only."""
    header = _SIGNATURE[source]
    return lambda headers: {**headers, header: change(headers[header])}


def _unsigned(source: str) -> Forge:
    return lambda headers: {name: value for name, value in headers.items() if name != _SIGNATURE[source]}


def _doubled(headers: Headers) -> list[Header]:
    return [*headers.items(), ("X-Signature", "0" * 64)]


def _other_end(text: str) -> str:
    """The last hex digit changed."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def _many_v1(text: str) -> str:
    stamp = text.split(",")[0]
    return ",".join([stamp, *(f"v1={number:064x}" for number in range(100))])


def _body_changed(source: str) -> Attack:
    async def send(target: Target) -> Reply:
        event = target.event(source)
        headers = target.signed(source, event.body, message_id=event.event_id)
        return await target.post(source, event.body[:-1] + b" }", headers)

    tries = "one space added to a signed body"
    return Attack("signature", f"{source}: body changed after signing", tries, (403,), send, (source,))


def _strange_secret(source: str, lender: str) -> Attack:
    async def send(target: Target) -> Reply:
        event = target.event(source)
        lent = Target(target.url, {source: target.secrets[lender]}, target.run, target.clock)
        return await target.post(source, event.body, lent.signed(source, event.body, message_id=event.event_id))

    tries = f"an event for {source} signed with the secret of {lender}"
    return Attack("signature", f"{source}: another source's secret", tries, (403,), send, (source, lender))


async def _renamed(target: Target) -> Reply:
    event = target.event("standard")
    headers = dict(target.signed("standard", event.body, message_id=event.event_id))
    return await target.post("standard", event.body, list((headers | {"webhook-id": "msg_other"}).items()))


async def _redated(target: Target) -> Reply:
    event = target.event("payments")
    headers = dict(target.signed("payments", event.body, at=target.now() - 3_600))
    return await target.post("payments", event.body, list((headers | {"X-Timestamp": str(target.now())}).items()))


SIGNATURE_ATTACKS: Final = (
    *(
        forged(f"{name}: forged signature", "a well-formed signature that nobody made", name, _value(name, change))
        for name, change in {
            "payments": lambda text: "0" * 64,
            "stripe": lambda text: text.split(",")[0] + ",v1=" + "0" * 64,
            "razorpay": lambda text: "0" * 64,
            "standard": lambda text: "v1," + "A" * 43 + "=",
        }.items()
    ),
    *(forged(f"{name}: no signature", "the signature header left out", name, _unsigned(name)) for name in SOURCES),
    *(_body_changed(name) for name in SOURCES),
    _strange_secret("payments", "razorpay"),
    _strange_secret("razorpay", "payments"),
    forged("last digit wrong", "all but one hex digit right", "payments", _value("payments", _other_end)),
    forged("truncated signature", "the first half of a right one", "payments", _value("payments", lambda s: s[:32])),
    forged("empty signature", "a header without a value", "payments", _value("payments", lambda s: "")),
    forged("lengthened signature", "a right one with more behind it", "payments", _value("payments", lambda s: s + "00")),
    forged("not hex", "64 letters that are no digits", "payments", _value("payments", lambda s: "z" * 64)),
    forged("non-ASCII signature", "bytes above 127 in the header", "payments", _value("payments", lambda s: "\xe9" * 64)),
    forged("huge signature", "8 KB of hex", "payments", _value("payments", lambda s: s * 128)),
    forged("doubled signature header", "a right one, then another", "payments", _doubled),
    forged("other algorithm", "md5= before the digits", "payments", _value("payments", lambda s: f"md5={s[:32]}")),
    Attack("signature", "new date on an old signature", "the timestamp replaced after signing", (403,), _redated),
    forged("stripe: v0 only", "the scheme Stripe's tests use", "stripe", _value("stripe", lambda s: s.replace("v1=", "v0="))),
    forged("stripe: a hundred v1", "many guesses in one header", "stripe", _value("stripe", _many_v1)),
    forged("stripe: garbage header", "commas and equals signs", "stripe", _value("stripe", lambda s: ",=,t,=v1,="), 403, 408),
    forged("stripe: no t", "the signature without its time", "stripe", _value("stripe", lambda s: s.split(",")[1]), 403, 408),
    forged("stripe: two t", "two times, one signed", "stripe", _value("stripe", lambda s: f"t=1,{s}"), 403, 408),
    Attack("signature", "standard: id changed", "a used signature under a new webhook-id", (403,), _renamed, ("standard",)),
    forged("standard: other version", "v2 only", "standard", _value("standard", lambda s: "v2" + s[2:])),
    forged("standard: upper case", "base64 is case-sensitive", "standard", _value("standard", lambda s: s[:3] + s[3:].upper())),
    forged("standard: not base64", "characters outside the alphabet", "standard", _value("standard", lambda s: "v1,!!!!")),
    forged("standard: a hundred signatures", "many guesses", "standard", _value("standard", lambda s: "v1,AAAA " * 100)),
    forged("razorpay: base64", "the right MAC in the wrong encoding", "razorpay", _value("razorpay", lambda s: "q83v" * 11)),
)  # fmt: skip
