"""Each stored event with the transactions that name it: one outcome, content unaltered, effects only where it was applied."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any, Final

import orjson
from bson import Timestamp

from gateway.audit.findings import Broken, Findings
from gateway.audit.reading import BATCH, Database, Moment, at_one_moment, grouped, joined
from gateway.audit.records import Document, name_of
from gateway.encryption import Cipher
from gateway.errors import CannotDecrypt
from gateway.ingress.providers.schemes import SCHEMES
from gateway.money import NotMoney, minor_units

OUTCOMES: Final = frozenset({"applied", "rejected", "stale", "parked", "ignored"})
WITHOUT_EFFECT: Final = frozenset({"rejected", "ignored", "stale"})
BEGINNING: Final = Timestamp(0, 1)
RELEASED: Final = Timestamp(2**32 - 1, 2**32 - 1)
"""The place of what is to be tried again."""
REMOVABLE: Final = OUTCOMES - {"parked"}
"""Outcomes after which nobody needs the body any more, so that its age may remove it."""

SEVERAL_STEPS: Final = frozenset({"charge.refunded"})
"""Types that report several objects at once: some may be booked while another waits, and the last step may be stale."""


async def check_events(moment: Moment, *, cipher: Cipher) -> Findings:
    """I1, I9, I10, and I14 from the other side: no record without the event that caused it.

    What cannot be opened is broken: whether its key is missing or its bytes were altered, it proves nothing any more.
    """
    findings = Findings()
    mark = await moment.one("marks", {"_id": "queue"})
    looked_to = mark["closed_to"] if mark else BEGINNING
    transactions = moment.stream(
        "transactions",
        {"event_id": {"$type": "string"}},
        order=[("event_id", 1)],
        fields={"event_id": 1, "seq": 1},
    )
    records = grouped(transactions, key=lambda transaction: str(transaction["event_id"]))
    events = moment.stream("events", {"_id": {"$type": "string"}}, order=[("_id", 1)])
    async for event_id, caused, event in joined(records, ((str(found["_id"]), found) async for found in events)):
        if event is None:
            first = min(caused or (), key=lambda record: record["seq"])
            why = f"the event {event_id} that caused it is not stored"
            findings.broken("I14", Broken("transactions", name_of(first), why, first["seq"]))
            continue
        _check_outcome(event, bool(caused), looked_to, findings)
        _check_content(event, cipher, findings)
    await _check_incidents(moment, cipher, findings)
    return findings


async def check_acknowledged(database: Database, event_ids: Iterable[str]) -> Findings:
    """I1 from outside: each event that a sender was told is stored, is stored. Raises `AuditIncomplete`."""
    findings = Findings()
    waiting = iter(event_ids)
    while asked := list(islice(waiting, BATCH)):
        stored = await at_one_moment(database, partial(_stored, event_ids=asked))
        findings.checked("I1", len(asked))
        for event_id in asked:
            if event_id not in stored:
                findings.broken("I1", Broken("events", event_id, "was acknowledged and is not stored"))
    return findings


async def _stored(moment: Moment, event_ids: list[str]) -> set[str]:
    found = moment.stream("events", {"_id": {"$in": event_ids}}, fields={"_id": 1})
    return {event["_id"] async for event in found}


def _check_outcome(event: Document, has_effects: bool, looked_to: Timestamp, findings: Findings) -> None:
    findings.checked("I1")
    outcome = event.get("outcome")
    fault = _outcome_fault(event, outcome, looked_to)
    if outcome == "applied" and not has_effects:
        fault = "is applied, yet no transaction names it"
    if outcome is None and has_effects and event.get("queue") != RELEASED:
        fault = "has no outcome, yet a transaction names it"
    if fault:
        findings.broken("I1", Broken("events", event["_id"], fault))
    if outcome in WITHOUT_EFFECT:
        findings.checked("I10")
        if has_effects and not (outcome == "stale" and event.get("type") in SEVERAL_STEPS):
            findings.broken("I10", Broken("events", event["_id"], f"is {outcome}, yet a transaction names it"))


def _outcome_fault(event: Document, outcome: object, looked_to: Timestamp) -> str | None:
    place = event.get("queue")
    if outcome is None:
        if not isinstance(place, Timestamp):
            return "has no outcome and does not wait in the queue"
        return None if place > looked_to else "waits where the worker does not look any more"
    if outcome not in OUTCOMES:
        return f"ended as {outcome!r}, which is no outcome"
    if place == RELEASED:
        return f"is {outcome} and waits in the queue as well"
    if "settled_at" not in event or not event.get("reason"):
        return f"is {outcome} without a time or a reason"
    if outcome == "parked" and not event.get("awaits") and not str(event["reason"]).startswith("fault: "):
        return "is parked and awaits nothing"
    expected = _standing(event, outcome) if outcome in ("parked", "rejected") else None
    if place == expected or (expected is None and isinstance(place, Timestamp)):
        return None
    return f"is {outcome}, but stands in the queue as something else"


def _standing(event: Document, outcome: object) -> str:
    """What makes a parked or rejected event be found."""
    return str(event.get("awaits") or f"!{outcome} {event['settled_at'].isoformat(timespec='milliseconds')}")


def _check_content(event: Document, cipher: Cipher, findings: Findings) -> None:
    findings.checked("I9")
    fault = _content_fault(event, cipher)
    if fault:
        findings.broken("I9", Broken("events", event["_id"], fault))


def _content_fault(event: Document, cipher: Cipher) -> str | None:
    key = event.get("event_key")
    if event["_id"] != "evt_" + hashlib.sha256(str(key).encode()).hexdigest()[:32]:
        return "its id is not the hash of its key"
    if not str(key).startswith(f"{event.get('source')}:{event.get('account')}:"):
        return "its key is of another source or account"
    if "body" not in event and "body_removed_at" in event:
        return None if event.get("outcome") in REMOVABLE else "its body was removed before it was settled"
    try:
        body = _opened(event, event["_id"], cipher)
    except CannotDecrypt as closed:
        return f"its body does not open: {closed}"
    if event.get("fingerprint") not in _fingerprints(event, body):
        return "its content is not what its fingerprint was made of"
    return None


def _opened(document: Document, bound_to: str, cipher: Cipher) -> object:
    """The body as it was sent; one without a key was stored before bodies were sealed. Raises `CannotDecrypt`."""
    body, key_id = document.get("body"), document.get("body_key")
    return cipher.open(body, str(key_id), bound_to) if isinstance(body, bytes) and key_id is not None else body


def _fingerprints(event: Document, body: object) -> set[str]:
    """What the content may be known by: its hash, or the hash of what of it may not change where a provider's retries differ."""
    scheme = SCHEMES.get(str(event.get("scheme")))
    if not isinstance(body, bytes) or scheme is None:
        return set()
    digest = hashlib.sha256(body).hexdigest()
    if not scheme.volatile:
        return {digest}
    try:
        fields = orjson.loads(body)
        if not isinstance(fields, dict):
            return {digest}
        lasting: dict[str, Any] = {name: value for name, value in fields.items() if name not in scheme.volatile}
        if scheme.name == "native":
            written = json.loads(body, parse_float=Decimal)["amount"]
            lasting["amount"] = minor_units(written, str(fields.get("currency")))
        return {hashlib.sha256(orjson.dumps(lasting, option=orjson.OPT_SORT_KEYS)).hexdigest()}
    except (orjson.JSONEncodeError, RecursionError):  # nested deeper than can be written again: known by its bytes
        return {digest}
    except (ValueError, KeyError, NotMoney):
        return set()


async def _check_incidents(moment: Moment, cipher: Cipher, findings: Findings) -> None:
    """A used id that came with other content is kept as evidence, and nothing else."""
    incidents = moment.stream("incidents", fields={"event_id": 1, "fingerprint_seen": 1, "body": 1, "body_key": 1})
    async for group in _batches(_that_open(incidents, cipher, findings)):
        seen = {incident["event_id"]: incident for incident in group}
        standing = moment.stream("events", {"_id": {"$in": list(seen)}}, fields={"fingerprint": 1})
        fingerprints = {event["_id"]: event.get("fingerprint") async for event in standing}
        findings.checked("I9", len(group))
        for incident in group:
            event_id, altered = incident["event_id"], incident["fingerprint_seen"]
            if fingerprints.get(event_id) == altered:
                why = f"the altered content of {event_id} stands in the place of the first"
                findings.broken("I9", Broken("incidents", name_of(incident), why))


async def _that_open(incidents: AsyncIterator[Document], cipher: Cipher, findings: Findings) -> AsyncIterator[Document]:
    """All of them, without their bodies; one that does not open is a finding."""
    async for incident in incidents:
        try:
            _opened(incident, f"incident:{incident['event_id']}", cipher)
        except CannotDecrypt as closed:
            findings.broken("I9", Broken("incidents", name_of(incident), f"its body does not open: {closed}"))
        incident.pop("body", None)
        yield incident


async def _batches(items: AsyncIterator[Document]) -> AsyncIterator[list[Document]]:
    batch = []
    async for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
