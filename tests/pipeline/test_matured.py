"""Frauds are known within days, the rest after the delay: what is trained, tested and told on is only what has matured."""

import secrets
from collections import Counter
from collections.abc import Iterator

import pytest
from booked_store import NOW, Booking, Document, on_database, razorpay
from typer.testing import CliRunner

from gateway.analysis.learning.stream import Seen
from gateway.cli import commands
from gateway.clock import utc
from gateway.errors import BadModel
from gateway.pipeline.drift import read_drift
from gateway.pipeline.history import TEST_DAYS, read_history
from gateway.pipeline.labels import label_piece
from gateway.queries.reading import Database

DAY_S = 86_400
DAYS, A_DAY, DELAY_DAYS = 80, 10, 30
DISPUTED_AFTER_DAYS = 3
FETCHED_LATE = 20


def captured(name: str, number: int, *, at_s: int) -> Document:
    return razorpay("payment.captured", name, 10_00 + number, wallet=f"w{number % 2}", n=at_s)


def disputed(payment: str, *, at_s: int) -> Document:
    return razorpay("payment.dispute.created", f"disp_{payment}", 10_00, of=payment, wallet=None, n=at_s)


async def lived(database: Database, *, days: int = DAYS) -> None:
    """Day by day as a gateway lives: ten payments, a dispute of one of those three days before, the labels' passes. On the last
    day payments that were missed within the last matured week are fetched, and all of them disputed."""
    for day in range(days):
        start_s = (day - DAYS) * DAY_S
        events = [captured(f"pay_{day}_{number}", number, at_s=start_s + number * 3_600) for number in range(A_DAY)]
        if day >= DISPUTED_AFTER_DAYS:
            events.append(disputed(f"pay_{day - DISPUTED_AFTER_DAYS}_4", at_s=start_s + 50_000))
        if day == DAYS - 1:
            paid_s = -(DELAY_DAYS + 3) * DAY_S
            events += [captured(f"late_{number}", number, at_s=paid_s + number) for number in range(FETCHED_LATE)]
            events += [disputed(f"late_{number}", at_s=start_s + 60_000) for number in range(FETCHED_LATE)]
        await Booking(database, now=NOW + start_s + 70_000).book(events, batch=100)
        while await label_piece(database, delay_days=DELAY_DAYS, now=utc(NOW + start_s + 80_000)):
            pass


@pytest.fixture(scope="module")
def lived_name(mongo_uri: str) -> Iterator[str]:
    """A database with this past."""
    name = f"test_{secrets.token_hex(8)}"
    on_database(mongo_uri, name, lived)
    yield name
    on_database(mongo_uri, name, lambda database: database.client.drop_database(name), prepared=False)


def a_tenth_is_fraud(seen: list[Seen]) -> bool:
    """Of each day alike."""
    payments, frauds = Counter(each.day for each in seen), Counter(each.day for each in seen if each.fraud)
    return all(frauds[day] <= 1 for day in payments) and abs(frauds.total() / len(seen) - 0.1) < 0.03


def test_a_payment_trains_and_tests_once_its_time_to_be_disputed_is_over(mongo_uri: str, lived_name: str) -> None:
    """The newest label is a fraud of three days ago; the newest test is of a payment of thirty. So it is for the training, as if
    it were done when the test week began."""
    found = on_database(
        mongo_uri, lived_name, lambda database: read_history(database, delay_days=DELAY_DAYS, now=utc(NOW))
    )
    today = int(NOW // DAY_S)
    train_days, test_days = ({each.day for each in part} for part in (found.train, found.test))
    assert today - DELAY_DAYS - 2 <= max(test_days) <= today - DELAY_DAYS
    assert len(found.test) == TEST_DAYS * A_DAY + 1, "both ends of the week are in it"
    assert a_tenth_is_fraud(found.test)
    assert min(test_days) - DELAY_DAYS - 1 <= max(train_days) <= min(test_days) - DELAY_DAYS
    assert len(found.train) > 7 * A_DAY
    assert a_tenth_is_fraud(found.train)


def test_the_weeks_of_drift_have_matured(mongo_uri: str, lived_name: str) -> None:
    """Each has as many payments as there were, and a tenth of them are frauds."""
    found = on_database(mongo_uri, lived_name, lambda database: read_drift(database, None, now=utc(NOW)))
    assert len(found.weeks) == 4
    for week in found.weeks:
        assert TEST_DAYS * A_DAY - A_DAY <= week["payments"] <= TEST_DAYS * A_DAY
        assert TEST_DAYS - 1 <= week["frauds"] <= TEST_DAYS


def test_where_disputes_alone_gave_labels_nothing_has_matured(
    mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training says so, and drift has no week."""
    on_database(mongo_uri, database_name, lambda database: lived(database, days=6))
    monkeypatch.setenv("MONGO_URL", mongo_uri)
    monkeypatch.setenv("MONGO_DATABASE", database_name)
    monkeypatch.setenv("LABEL_DELAY_DAYS", "44")
    monkeypatch.setattr("gateway.cli.models.system_clock", lambda: NOW)
    taught = CliRunner().invoke(commands("model"), ["model", "train"])
    assert isinstance(taught.exception, BadModel)
    assert "No payment has matured yet" in str(taught.exception)
    assert "44 days" in str(taught.exception)
    assert "No week has matured yet" in CliRunner().invoke(commands("model"), ["model", "drift"]).output
