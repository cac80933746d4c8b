"""Two ledgers that reports are made of: a day of providers' raw events, booked by the engine, and weeks of history."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from booked_store import NOW, Booking, razorpay, stored
from report_ledger import SCHEMES, WEEKS_DAYS, WEEKS_FIRST, Ledger, drop, new_ledger

from reports.report import Report
from simulators.booked_days import book_days
from simulators.gemini import ModelEndpoint, create_app
from simulators.traffic import simulate_day


@pytest.fixture(scope="session")
def day(mongo_uri: str) -> Iterator[Ledger]:
    """A simulated day, each event as its provider sends it, some told twice; and a few that go wrong."""
    ledger = new_ledger(mongo_uri)
    ledger.items = simulate_day(300, seed=11, sources=tuple(SCHEMES), day_end=int(NOW))
    events = [stored(json.loads(item.body), source=item.source, scheme=SCHEMES[item.source]) for item in ledger.items]
    wrong = [
        razorpay("refund.processed", "rfnd_9", 1_00, of="pay_9"),
        razorpay("payment.downtime.started", "down_1", 1),
    ]
    ledger.run(lambda database: Booking(database, now=NOW).book([*events, *events[:20], *wrong], batch=50))
    yield ledger
    drop(ledger)


@pytest.fixture(scope="session")
def weeks(mongo_uri: str) -> Iterator[Ledger]:
    """Six weeks of payments, refunds and disputes."""
    ledger = new_ledger(mongo_uri)
    ledger.run(
        lambda database: book_days(database, first=WEEKS_FIRST, days=WEEKS_DAYS, events_per_day=24, seed=5, wallets=20)
    )
    yield ledger
    drop(ledger)


@pytest.fixture
def fresh(mongo_uri: str) -> Iterator[Ledger]:
    """An empty ledger of the test's own."""
    ledger = new_ledger(mongo_uri)
    yield ledger
    drop(ledger)


@pytest.fixture(scope="session")
def october(weeks: Ledger) -> Report:
    """A closed month, compared with the one before."""
    report: Report = weeks.report(weeks.asked("2026-10", compare=True))
    return report


@pytest.fixture
def endpoint() -> ModelEndpoint:
    return ModelEndpoint(hang_s=5)


@pytest.fixture
def endpoint_url(endpoint: ModelEndpoint) -> Iterator[str]:
    """The model's stand-in behind a real server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(endpoint), log_level="warning", timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
