"""What is stored against what was promised: the documents as they lie there, and a model that knows nothing of the ledger.

The model is `expected_balances` of the simulated providers over the contents that were acknowledged. A wallet's digits say which
of its payments and refunds were booked, and how often.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bson import Timestamp

from gateway.encryption import Cipher
from gateway.errors import CannotDecrypt
from simulators.crash.digits import Booked, booked_as, booked_in
from simulators.crash.processes import Database
from simulators.crash.provider import Journal, Promise
from simulators.traffic import Item, expected_balances

OUTCOMES: Final = frozenset({"applied", "rejected", "stale", "parked", "ignored"})
RELEASED: Final = Timestamp(2**32 - 1, 2**32 - 1)
"""Where an event stands that is to be tried again: not one with an outcome."""

Account = tuple[str, str]
"""Owner and currency."""


@dataclass(slots=True)
class Verdict:
    """`lost` and `doubled` name events (`evt_…`) and effects (`source:capture:payment`), each once."""

    acknowledged: int = 0
    applied: int = 0
    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.problems)


async def check(database: Database, journal: Journal, cipher: Cipher) -> Verdict:
    """Everything that was acknowledged so far; nothing may wait any more. `cipher`: with the gateway's keys."""
    verdict = Verdict(acknowledged=len(journal.promises))
    verdict.problems += [*journal.problems, *journal.contradictions()]
    verdict.doubled |= {":".join(key) for key, times in journal.made_new.items() if times > 1}
    promises = list(journal.promises.values())
    await _check_events(database, promises, cipher, verdict)
    await _check_wallets(database, [promise.item for promise in promises], verdict)
    incidents = await database["incidents"].count_documents({"kind": "conflict"})
    if incidents < journal.conflicts:
        verdict.problems.append(f"{journal.conflicts} deliveries were refused as altered, {incidents} are on record")
    return verdict


async def _check_events(database: Database, promises: Sequence[Promise], cipher: Cipher, verdict: Verdict) -> None:
    """Each promise is stored as it was sent, and has one final outcome; nothing is stored twice under one key."""
    stored = {document["_id"]: document async for document in database["events"].find({})}
    untold = {promise.item.effect.key: promise.event_id for promise in promises if promise.item.effect}
    for promise in promises:
        document = stored.get(promise.event_id)
        if document is None or document.get("outcome") not in OUTCOMES or document.get("queue") == RELEASED:
            verdict.lost.add(promise.event_id)
        elif _content(document, cipher) != promise.item.body:
            verdict.problems.append(f"{promise.event_id}: stored with another content than was acknowledged")
        elif document["outcome"] == "applied":
            verdict.applied += 1
            untold.pop(promise.item.effect.key if promise.item.effect else "", None)
    verdict.problems += [f"{key}: no event of it is marked as applied, {of} for one" for key, of in untold.items()]
    keys = Counter(document["event_key"] for document in stored.values())
    verdict.doubled |= {key for key, times in keys.items() if times > 1}


def _content(event: Mapping[str, Any], cipher: Cipher) -> bytes | None:
    """What was sent, as it lies there sealed; None when it does not open."""
    try:
        return cipher.open(bytes(event["body"]), event["body_key"], event["_id"])
    except CannotDecrypt:
        return None


async def _check_wallets(database: Database, items: Sequence[Item], verdict: Verdict) -> None:
    """The wallets the model knows, digit by digit; and no wallet it does not know."""
    stored = {
        (wallet["owner"], wallet["currency"]): wallet["balance_minor"] - wallet["receivable_minor"]
        async for wallet in database["wallets"].find({})
    }
    expected = expected_balances(items)
    named = _effects_by_digit(items)
    for account in expected.keys() | {account for account, net in stored.items() if net}:
        wanted, found = expected.get(account, 0), stored.get(account, 0)
        if wanted != found:
            _compare(account, wanted, found, named.get(account, {}), verdict)


def _compare(account: Account, wanted: int, found: int, named: Mapping[Booked, list[str]], verdict: Verdict) -> None:
    """Name the effects that are in one and not in the other. A payer's digits are those of a debt."""
    sign = -1 if wanted < 0 else 1
    want, have = booked_in(sign * wanted), booked_in(sign * found)
    for booked, names in named.items():
        times, right = have[booked], want[booked]
        verdict.lost |= set(names[: max(0, right - times)])
        verdict.doubled |= set(names[: max(0, times - right)])
    if have.keys() - named.keys():
        verdict.problems.append(f"wallet {':'.join(account)}: {found} is no sum of its events, {wanted} would be")


def _effects_by_digit(items: Iterable[Item]) -> dict[Account, dict[Booked, list[str]]]:
    """Which effects stand behind a digit of a wallet: one payment, one or two refunds."""
    effects = {item.effect.key: item.effect for item in items if item.effect}
    named: dict[Account, dict[Booked, list[str]]] = {}
    for key, effect in effects.items():
        for posting in effect.postings:
            kind = "refund" if effect.needs else "payment"
            place, _ = booked_as(abs(posting.amount_minor) if kind == "payment" else posting.amount_minor)
            named.setdefault((posting.owner, posting.currency), {}).setdefault((place, kind), []).append(key)
    return named


def audit_problems(exit_code: int, told: Mapping[str, Any]) -> list[str]:
    """What the gateway's own audit found, a sentence for each invariant that does not hold."""
    broken = [each for each in told.get("checks", []) if each["broken"]]
    found = [f"audit {each['id']}: {each['what']}; {each['broken']} broken, first {each['first']}" for each in broken]
    return found or ([] if exit_code == 0 else [f"the audit ended with {exit_code}"])
