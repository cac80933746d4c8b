"""What is stored → the stream of the past, to train on: every booked movement in order, scored as it would have been.

Labels come from the collection `labels`. In the features a chargeback counts from its `known_at`. Trained and tested is on payments
whose time to be disputed is over, whatever label they have: a dispute tells a fraud within days, and only quiet time tells that the
others were none, so among newer payments the frauds alone have labels.
"""

from array import array
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pymongo.asynchronous.database import AsyncDatabase

from gateway.analysis.assessment import assess
from gateway.analysis.counterparty import Counterparty, counterparty_id
from gateway.analysis.features import Movement, features
from gateway.analysis.judgement import JUDGED
from gateway.analysis.learning.bench import measured, measured_scores, trained
from gateway.analysis.learning.stream import Seen
from gateway.analysis.model import HISTORY_MIN
from gateway.analysis.profile import DAY_S, Profile
from gateway.analysis.trees import TreeModel
from gateway.analysis.vector import vector
from gateway.errors import BadModel
from gateway.insights.insight import UNSCORED
from gateway.pipeline.labels import QUIET, matured_seq
from gateway.pipeline.profiles import direction

Database = AsyncDatabase[dict[str, Any]]

WINDOW_DAYS: Final = 60
"""Trained on the labels of this many days; longer than a week, since a real store has fewer frauds than a benchmark."""
TEST_DAYS: Final = 7
CALIBRATION_ERROR_MAX: Final = 0.01
READ_AT_ONCE: Final = 1_000


class Booked(NamedTuple):
    """A movement with its place in the books and its insight."""

    seq: int
    insight: Mapping[str, Any]
    movement: Movement

    @property
    def day(self) -> int:
        """Since 1970, UTC."""
        return int(self.movement.occurred_at // DAY_S)


class Matured(NamedTuple):
    """The payments whose time to be disputed is over: until when they were paid, and booked up to which number.

    Both, because a payment may be booked long after it was paid, as one that was missed and is fetched later: its time runs from
    the booking."""

    until: datetime
    seq: int

    def holds(self, booked: Booked) -> bool:
        return booked.seq <= self.seq and booked.insight["occurred_at"] <= self.until


class History(NamedTuple):
    """The labelled movements of the last matured week, and those of the window that trains for it."""

    train: list[Seen]
    test: list[Seen]
    currency: str | None
    """The only one there is; None when there are several, whose amounts cannot be compared."""


async def read_history(database: Database, *, delay_days: int, now: datetime) -> History:
    """Replay everything that is stored. Raises `BadModel` when nothing is labelled, or nothing has matured.

    The training window ends `delay_days` before the test week begins: the time to dispute its payments was over by then, so their
    labels were known. Their `known_at` is not asked for: of the payments just before the test week it would let through the frauds
    alone, for those are known within days and the others after the delay."""
    labels = await labels_known(database, now=now)
    if not labels:
        raise BadModel(
            "No payment has a label yet: labels come from disputes, and from payments that nobody disputed in time."
        )
    matured = await matured_of(database, labels)
    if matured is None:
        raise BadModel(
            "No payment has matured yet: one counts only once its time to be disputed is over, whatever label it has; that is "
            f"{delay_days} days (LABEL_DELAY_DAYS)."
        )
    test_from = matured.until - timedelta(days=TEST_DAYS)
    train_until = test_from - timedelta(days=delay_days)
    train_from = train_until - timedelta(days=WINDOW_DAYS)
    replay = _Replay(labels)
    train, test, currencies = list[Seen](), list[Seen](), set[str]()
    async for booked in _movements(database):
        occurred_at = booked.insight["occurred_at"]
        seen = replay.take(booked, look=booked.movement.event_id in labels and matured.holds(booked))
        currencies.add(booked.insight["currency"])
        if seen is None:
            continue
        if occurred_at >= test_from:
            test.append(seen)
        elif train_from <= occurred_at < train_until:
            train.append(seen)
    return History(train, test, currencies.pop() if len(currencies) == 1 else None)


async def labels_known(database: Database, *, now: datetime) -> dict[str, Mapping[str, Any]]:
    """By the event that was paid."""
    return {each["event_id"]: each async for each in database["labels"].find({"known_at": {"$lte": now}})}


async def matured_of(database: Database, labels: Mapping[str, Mapping[str, Any]]) -> Matured | None:
    """Up to the newest payment that quiet time gave its label; None when it has given none yet.

    Not the present moment less the delay: where no worker has given labels for a while, the newest payments before that moment
    that have one would be frauds alone again."""
    until = max((each["occurred_at"] for each in labels.values() if each["why"] == QUIET), default=None)
    return None if until is None else Matured(until, await matured_seq(database))


async def seen_of(
    database: Database, labels: Mapping[str, Mapping[str, Any]], wanted: Callable[[Booked], bool]
) -> AsyncIterator[tuple[Booked, Seen]]:
    """The wanted movements that a model would judge, as they were seen. Replays everything that is stored."""
    replay = _Replay(labels)
    async for booked in _movements(database):
        seen = replay.take(booked, look=wanted(booked))
        if seen is not None:
            yield booked, seen


async def train_on_history(database: Database, *, delay_days: int, now: datetime) -> TreeModel:
    """A model of 60 matured days, measured on the last matured week, which it was not trained on."""
    history = await read_history(database, delay_days=delay_days, now=now)
    amounts = history.currency is not None
    model = trained(history.train, trained_on="history", with_amounts=amounts, currency=history.currency)
    if any(each.fraud for each in history.test):
        card = {**model.card, "measured": measured(model, history.test), "measured_on": "the last matured week"}
        model = TreeModel({**model.document, "card": card})
    return model


async def compared(
    database: Database, candidate: TreeModel, incumbent: TreeModel | None, *, delay_days: int, now: datetime
) -> dict[str, dict[str, float]]:
    """Both on the last matured week. Raises `BadModel` when the candidate does not hold."""
    test = (await read_history(database, delay_days=delay_days, now=now)).test
    if not any(each.fraud for each in test):
        raise BadModel("The last matured week has no fraud in it: nothing can be compared, so nothing is promoted.")
    found = {"candidate": measured(candidate, test), "incumbent": _incumbent(incumbent, test)}
    new, old = found["candidate"], found["incumbent"]
    if new["ap"] < old["ap"]:
        raise BadModel(
            f"Its average precision on the last matured week is {new['ap']:.3f}, the present one's {old['ap']:.3f}."
        )
    if new["calibration_error"] >= CALIBRATION_ERROR_MAX:
        raise BadModel(
            f"Its calibration error is {new['calibration_error']:.4f}; below {CALIBRATION_ERROR_MAX} is asked for."
        )
    return found


def _incumbent(model: TreeModel | None, test: list[Seen]) -> dict[str, float]:
    """The present model's figures, or the rules' where they score alone."""
    if model is not None:
        return measured(model, test)
    return measured_scores(test, [each.rules / 100 for each in test])


class _Replay:
    """The states, as the writer had them before each movement."""

    def __init__(self, labels: Mapping[str, Mapping[str, Any]]) -> None:
        self._profiles: dict[str, Profile] = {}
        self._others: dict[str, Counterparty] = {}
        self._paid: dict[str, tuple[Counterparty, float, bool]] = {}
        frauds = [each for each in labels.values() if each["label"]]
        self._known = sorted(((each["known_at"].timestamp(), each["event_id"]) for each in frauds), reverse=True)
        self._labels = labels

    def take(self, booked: Booked, *, look: bool) -> Seen | None:
        """The movement as it was seen, if it is to be looked at, then learned from. None where no model would say anything."""
        movement = booked.movement
        self._charge_back(booked.insight["at"].timestamp())
        profile = self._profiles.setdefault(movement.profile_id, Profile(movement.profile_id))
        other = None
        if movement.counterparty is not None:
            key = counterparty_id(movement.currency, movement.counterparty)
            other = self._others.setdefault(key, Counterparty(key))
        seen = self._seen(movement, profile, other) if look else None
        learned = profile.absorb(
            amount_minor=movement.amount_minor,
            direction=movement.direction,
            counterparty=movement.counterparty,
            occurred_at=movement.occurred_at,
        )
        if other is not None:
            other.absorb(
                amount_minor=movement.amount_minor,
                occurred_at=movement.occurred_at,
                new=learned.new,
                suspicious=learned.suspicious,
            )
            self._paid[movement.event_id] = (other, movement.occurred_at, learned.suspicious)
        return seen

    def _seen(self, movement: Movement, profile: Profile, other: Counterparty | None) -> Seen | None:
        seen = features(movement, profile, other)
        if movement.kind not in JUDGED or seen.history < HISTORY_MIN:
            return None
        numbers = array("d", vector(movement, seen, profile, other))
        fraud = bool(self._labels.get(movement.event_id, {}).get("label"))
        return Seen(int(movement.occurred_at // DAY_S), movement.wallet, fraud, numbers, assess(seen).score, 0.0)

    def _charge_back(self, now_s: float) -> None:
        while self._known and self._known[-1][0] <= now_s:
            known_at, event_id = self._known.pop()
            if paid := self._paid.get(event_id):
                other, paid_at, suspicious = paid
                other.charge_back(paid_at=paid_at, known_at=known_at, suspicious=suspicious)


async def _movements(database: Database) -> AsyncIterator[Booked]:
    """What the writer learned from, in the order of the books."""
    fields = {"seq": 1, "event_id": 1, "kind": 1, "legs": 1}
    booked = database["transactions"].find({"legs.0": {"$exists": True}}, fields).sort("seq", 1)
    batch: list[Mapping[str, Any]] = []
    async for transaction in booked:
        batch.append(transaction)
        if len(batch) == READ_AT_ONCE:
            for each in await _joined(database, batch):
                yield each
            batch = []
    for each in await _joined(database, batch):
        yield each


async def _joined(database: Database, batch: list[Mapping[str, Any]]) -> list[Booked]:
    """One transaction of an event was scored, and only one; one that was not has no place in the past either."""
    asked = {"_id": {"$in": [each["event_id"] for each in batch]}, "level": {"$ne": UNSCORED}}
    scored = {each["transaction"]: each async for each in database["insights"].find(asked)}
    return [
        Booked(each["seq"], scored[each["_id"]], _movement(scored[each["_id"]], each))
        for each in batch
        if each["_id"] in scored
    ]


def _movement(insight: Mapping[str, Any], transaction: Mapping[str, Any]) -> Movement:
    legs = ((leg["account"], leg["amount_minor"]) for leg in transaction["legs"])
    return Movement(
        event_id=insight["_id"],
        source=insight["source"],
        kind=insight["kind"],
        wallet=insight["wallet"],
        counterparty=insight["counterparty"],
        currency=insight["currency"],
        amount_minor=insight["amount_minor"],
        direction=direction(transaction["kind"], legs),
        occurred_at=insight["occurred_at"].timestamp(),
    )
