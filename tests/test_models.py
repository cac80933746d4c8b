"""From stored history to a model that scores: trained on what was known, promoted when it holds, taken up without a restart."""

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from booked_store import NOW, Booking, Document, on_database, razorpay
from click.testing import Result
from typer.testing import CliRunner

from gateway.analysis.default_model import default_model
from gateway.analysis.learning.train import FRAUDS_MIN
from gateway.analysis.model_store import RULES, ModelStore
from gateway.analysis.trees import TreeModel, new_document
from gateway.analysis.vector import NAMES
from gateway.cli import commands
from gateway.clock import utc
from gateway.errors import BadModel
from gateway.pipeline import history, scoring
from gateway.pipeline.history import compared, read_history
from gateway.queries.reading import Database

DAY_S = 86_400
DELAY_DAYS = 7
Run = Callable[..., Result]


def constant(raw: float, trained_on: str = "test") -> TreeModel:
    """Says the same of everything."""
    tree = [NAMES.index("history"), 0.0, False, 0.0, raw, raw - 1]
    return TreeModel(
        new_document(NAMES, [tree], {"trained_on": trained_on, "frauds": 1, "rows": 2, "trained_at": "now"})
    )


def past(days: int = 45) -> tuple[list[Document], set[str]]:
    """Payments of five wallets, oldest first, and the ids of those that are fraud: the large ones."""
    random, events, frauds = Random(9), list[Document](), set[str]()
    for day in range(days):
        for number in range(16):
            name = f"pay_{day}_{number}"
            large = random.random() < 0.07
            amount = int(random.lognormvariate(7, 0.2) * (random.uniform(4, 8) if large else 1))
            if large:
                frauds.add(f"razorpay:payment:{name}")
            at = (day - days - 8) * DAY_S + number * 3_000
            events.append(
                razorpay("payment.captured", name, amount, wallet=f"w{number % 5}", card=f"card{number}", n=at)
            )
    return events, frauds


async def with_history(database: Database) -> None:
    """Book the past, and label it: each label known a week after its payment, and all of it matured."""
    events, frauds = past()
    await Booking(database, now=NOW - 60 * DAY_S).book(events, batch=200)
    labels = []
    async for each in database.transactions.find({"kind": "capture"}):
        known_at = each["occurred_at"] + timedelta(days=DELAY_DAYS)
        fields = {name: each[name] for name in ("event_id", "occurred_at", "currency", "amount_minor")}
        label = {"label": int(each["object"] in frauds), "known_at": known_at, "why": "matured"}
        labels.append({"_id": each["object"], **fields, **label})
    await database.labels.insert_many(labels)
    await database.marks.insert_one({"_id": "labels_matured", "seq": len(events)})


@pytest.fixture(scope="module")
def history_name(mongo_uri: str) -> Iterator[str]:
    """A database with a past, for every test that needs one: booking it takes a second."""
    name = f"test_{secrets.token_hex(8)}"
    on_database(mongo_uri, name, with_history)
    yield name
    on_database(mongo_uri, name, lambda database: database.client.drop_database(name), prepared=False)


@pytest.fixture
def run(mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command on this database."""
    monkeypatch.setenv("MONGO_URL", mongo_uri)
    monkeypatch.setenv("MONGO_DATABASE", database_name)
    monkeypatch.setenv("LABEL_DELAY_DAYS", str(DELAY_DAYS))
    return lambda *words: CliRunner().invoke(commands("model"), ["model", *words])


def test_trained_promoted_used_and_rolled_back(
    mongo_uri: str, history_name: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way through the commands; who promoted what is among the acts."""
    pytest.importorskip("lightgbm", reason="LightGBM is an extra: pip install 'auto-pay-gateway[train]'")
    monkeypatch.setenv("MONGO_DATABASE", history_name)
    monkeypatch.setattr(history, "CALIBRATION_ERROR_MAX", 0.05)  # so few payments calibrate nothing better
    taught = run("train")
    assert taught.exit_code == 0, taught.output
    assert "trained on: history" in taught.output
    versions = on_database(mongo_uri, history_name, lambda database: database.models.distinct("_id"))
    (version,) = versions
    done = run("promote", version)
    assert done.exit_code == 0, done.output
    listed = run("list").output
    assert version in listed
    assert "simulated" in listed

    async def insight(database: Database) -> Any:
        await Booking(database).book([razorpay("payment.captured", "new", 8_000, wallet="w1", card="card1")])
        return await database.insights.find_one({"transaction": "razorpay:capture:new"})

    scored = on_database(mongo_uri, history_name, insight)
    assert scored["model"].endswith(f"+history-{version}")
    assert scored["probability"] > 0.5
    assert scored["recommendation"] in ("review", "block")
    assert any(each["code"].startswith("model_") for each in scored["reasons"])

    assert default_model().version in run("rollback").output
    assert "simulated" in run("card").output
    acts = on_database(mongo_uri, history_name, lambda database: database.acts.distinct("act"))
    assert acts == ["model.promote", "model.rollback"]


def test_training_sees_only_labels_that_were_known(mongo_uri: str, history_name: str) -> None:
    """The last matured week is for the test; what was not known when it began trains nothing."""

    async def story(database: Database) -> None:
        found = await read_history(database, delay_days=DELAY_DAYS, now=utc(NOW))
        assert found.currency == "INR"
        train_days, test_days = ({each.day for each in part} for part in (found.train, found.test))
        assert max(test_days) - min(test_days) <= 7
        assert max(train_days) <= min(test_days) - DELAY_DAYS
        assert all(before.day <= after.day for before, after in pairwise(found.test))

    on_database(mongo_uri, history_name, story)


def test_a_worse_model_is_not_promoted(mongo_uri: str, history_name: str) -> None:
    """Not one that ranks worse than the rules, nor one whose probabilities are off; without labels nothing is compared."""

    async def story(database: Database) -> None:
        with pytest.raises(BadModel, match="No payment has a label yet"):
            await compared(database, constant(0.0), None, delay_days=DELAY_DAYS, now=utc(NOW - 60 * DAY_S))
        with pytest.raises(BadModel, match="average precision"):
            await compared(database, constant(-3.0), None, delay_days=DELAY_DAYS, now=utc(NOW))
        with pytest.raises(BadModel, match="calibration error"):
            await compared(database, constant(2.0), constant(2.0), delay_days=DELAY_DAYS, now=utc(NOW))

    on_database(mongo_uri, history_name, story)


def test_a_running_worker_takes_up_what_is_promoted(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the next look; a model that cannot be used leaves the one before in its place, and "rules" leaves none."""
    monkeypatch.setattr(scoring, "LOOK_EVERY_S", 0.0)

    async def story(database: Database) -> None:
        models, booking, number = ModelStore(database), Booking(database), 0

        async def model_of_next() -> str:
            nonlocal number
            number += 1
            name = f"pay_{number}"
            event = razorpay("payment.captured", name, 10_00 + number, wallet="w", card="c", n=number)
            await database.events.insert_one(event)
            await booking.drain(batch=5)
            insight = await database.insights.find_one({"transaction": f"razorpay:capture:{name}"})
            assert insight
            return str(insight["model"]).partition("+")[2]

        for _ in range(8):
            assert await model_of_next() == "", "a cold start is the rules'"
        assert await model_of_next() == default_model().name
        chosen = constant(-4.0)
        await models.add(chosen, by="test", now=utc(NOW))
        await models.promote(chosen.version, by="test", now=utc(NOW))
        assert await model_of_next() == chosen.name
        await models.promote("gone", by="test", now=utc(NOW))
        assert await model_of_next() == chosen.name
        await models.promote(RULES, by="test", now=utc(NOW))
        assert await model_of_next() == ""
        for before in ("gone", chosen.version, default_model().version):
            assert await models.roll_back(by="test", now=utc(NOW)) == before
        with pytest.raises(BadModel, match="nothing to go back to"):
            await models.roll_back(by="test", now=utc(NOW))

    on_database(mongo_uri, database_name, story)


def test_commands_say_what_is_wrong(run: Run) -> None:
    """One sentence, not a traceback."""
    for words, said in (
        (("card", "beef"), "No model has the version beef"),
        (("train",), "No payment has a label yet"),
    ):
        failed = run(*words)
        assert isinstance(failed.exception, BadModel)
        assert said in str(failed.exception)
    assert "simulated" in run("card", "default").output
    assert FRAUDS_MIN > 1
