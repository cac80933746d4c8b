"""How far the last days have moved from those before, and what became of the probabilities: from a past that is stored."""

import math
from array import array
from random import Random
from typing import Any

import pytest
from booked_store import NOW, Booking, Document, on_database, razorpay
from typer.testing import CliRunner

from gateway.analysis.default_model import default_model
from gateway.analysis.learning.stream import Seen
from gateway.cli import commands
from gateway.clock import utc
from gateway.pipeline import drift
from gateway.pipeline.drift import SCORE, Drift, read_drift
from gateway.queries.reading import Database

DAY_S = 86_400
DAYS, A_DAY = 16, 110
TODAY_S = int(NOW // DAY_S) * DAY_S


def payments() -> list[Document]:
    """Of ten wallets, as many each day; on the last two days the amounts are twentyfold."""
    random, made = Random(3), list[Document]()
    for day in range(DAYS):
        for number in range(A_DAY):
            at = TODAY_S - NOW + (day - DAYS) * DAY_S + number * 700
            amount = int(random.lognormvariate(7, 0.3)) * (20 if day >= DAYS - 2 else 1)
            made.append(
                razorpay("payment.captured", f"pay_{day}_{number}", amount, wallet=f"w{number % 10}", n=int(at))
            )
    return made


async def booked_past(database: Database) -> None:
    await Booking(database, now=NOW - 40 * DAY_S).book(payments(), batch=500)
    labels = []
    async for each in database.transactions.find({"kind": "capture"}):
        label = {"label": int(each["seq"] % 50 == 0), "known_at": each["occurred_at"], "why": "matured"}
        labels.append(
            {"_id": each["object"], "event_id": each["event_id"], "occurred_at": each["occurred_at"], **label}
        )
    await database.labels.insert_many(labels)
    await database.marks.insert_one({"_id": "labels_matured", "seq": DAYS * A_DAY})


def test_what_moved_is_told_and_what_did_not_is_not(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The amounts of two days; the hour of the day as ever. The weeks tell of each labelled payment that a model judged."""

    async def told(database: Database) -> Drift:
        await booked_past(database)
        return await read_drift(database, default_model(), now=utc(TODAY_S + 3_600))

    found = on_database(mongo_uri, database_name, told)
    amounts, hours = found.features["amount_log"], found.features["hour"]
    assert len(found.days) == len(amounts) == len(found.features[SCORE]) == 7
    assert all(psi is not None and psi < 0.25 for psi in [*hours, *amounts[:5]])
    assert all(psi is not None and psi > 1 for psi in amounts[5:])
    assert sum(week["payments"] for week in found.weeks) == DAYS * A_DAY - 8 * 10
    assert sum(week["frauds"] for week in found.weeks) > 0
    assert all(0 <= week["calibration_error"] <= 1 and week["expected"] > 0 for week in found.weeks)

    monkeypatch.setenv("MONGO_URL", mongo_uri)
    monkeypatch.setenv("MONGO_DATABASE", database_name)
    monkeypatch.setattr("gateway.cli.models.system_clock", lambda: TODAY_S + 3_600.0)
    printed = CliRunner().invoke(commands("model"), ["model", "drift"])
    assert printed.exit_code == 0, printed.output
    assert "amount log" in printed.output
    assert "matured week until" in printed.output


def test_a_day_of_many_is_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each movement of the day with the same chance, however many there are."""
    monkeypatch.setattr(drift, "A_DAY_MAX", 50)
    by_day: dict[int, list[Any]] = {7: []}
    drawn = drift._Drawn(by_day)
    for number in range(5_000):
        drawn.add(_seen(number))
    numbers = [each.rules for each in by_day[7]]
    assert len(set(numbers)) == 50
    assert math.isclose(sum(numbers) / 50, 2_500, rel_tol=0.3)


def test_nothing_stored_says_so(mongo_uri: str, database_name: str) -> None:
    found = on_database(mongo_uri, database_name, lambda database: read_drift(database, None, now=utc(NOW)))
    assert found.weeks == []
    assert all(psi is None for each in found.features.values() for psi in each)


def _seen(number: int) -> Any:
    return Seen(7, "w", False, array("d"), number, 0.0)
