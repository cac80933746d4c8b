"""`gateway audit` as a person and a program see it, beside a live writer, and what it shares with the engine: nothing."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from booked_store import Booking, audit, razorpay
from typer.testing import CliRunner

from gateway.cli import commands
from gateway.queries.reading import Database

Ask = Callable[[Callable[[Database], Awaitable[Any]]], Any]
Run = Callable[..., Any]


@pytest.fixture
def gateway(mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command line, on the test's own database."""
    monkeypatch.setenv("MONGO_URL", mongo_uri)
    monkeypatch.setenv("MONGO_DATABASE", database_name)
    return lambda *arguments: CliRunner().invoke(commands(), [str(each) for each in arguments])


def test_a_whole_store_exits_with_0_and_a_line_per_invariant(books: Ask, gateway: Run) -> None:
    """For a person: what was checked, how much of it, and that it holds."""
    answer = gateway("audit")
    assert answer.exit_code == 0
    assert "Everything holds" in answer.output
    lines = [line.split() for line in answer.output.splitlines() if line.startswith("I")]
    assert [line[0] for line in lines] == [
        "I1",
        "I2",
        "I3",
        "I4",
        "I5",
        "I6",
        "I7",
        "I8",
        "I9",
        "I10",
        "I12",
        "I13",
        "I14",
    ]


def test_a_broken_store_exits_with_1_and_the_first_broken_record(books: Ask, gateway: Run) -> None:
    """Named by collection and id, with what is wrong."""
    books(lambda database: database.wallets.update_one({"_id": "INR:bob"}, {"$inc": {"balance_minor": -1}}))
    answer = gateway("audit")
    assert answer.exit_code == 1
    assert "I4 first broken: wallets INR:bob: balance is 7299, its legs make 7300" in answer.output


def test_a_program_reads_one_json_document(books: Ask, gateway: Run) -> None:
    """The same as the table, and nothing else on standard output."""
    books(lambda database: database.wallets.update_one({"_id": "INR:bob"}, {"$inc": {"balance_minor": -1}}))
    answer = gateway("audit", "--json")
    report = json.loads(answer.stdout)
    assert (answer.exit_code, report["ok"]) == (1, False)
    (broken,) = [check for check in report["checks"] if check["broken"]]
    assert (broken["id"], broken["broken"]) == ("I4", 1)
    assert broken["first"]["record"] == "INR:bob"


def test_a_list_of_acknowledged_events_is_held_against_the_store(books: Ask, gateway: Run, tmp_path: Path) -> None:
    """One id a line; the missing one is named."""
    (tmp_path / "ids").write_text("evt_00000000000000000000000000000000\n\n")
    answer = gateway("audit", "--acknowledged", tmp_path / "ids")
    assert answer.exit_code == 1
    assert "evt_00000000000000000000000000000000: was acknowledged and is not stored" in answer.output


def test_auditing_beside_a_live_writer_finds_nothing_wrong(empty: Ask) -> None:
    """Every pass sees the store as it was at one moment, between two batches and never inside one."""

    async def write(database: Database) -> None:
        events = [razorpay("payment.captured", f"pay_{n}", 1 + n, wallet=f"w{n % 7}") for n in range(300)]
        events += [razorpay("refund.processed", f"rfnd_{n}", 1, of=f"pay_{n}", wallet=None) for n in range(0, 300, 2)]
        await Booking(database).book(events, batch=7)

    async def run(database: Database) -> int:
        writer = asyncio.create_task(write(database))
        audits = 0
        while not writer.done():
            report = await audit(database)
            assert report.ok, report.first
            audits += 1
        await writer
        assert (await audit(database)).ok
        return audits

    assert empty(run) >= 3


def test_the_audit_loads_nothing_of_the_engine() -> None:
    """A mistake in the writer's code cannot be made a second time by the same code."""
    code = "import gateway.audit.__main__, sys; print(*sorted(name for name in sys.modules if name.startswith('gateway.')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    engine = (
        "gateway.ledger",
        "gateway.pipeline",
        "gateway.worker",
        "gateway.events",
        "gateway.analysis",
        "gateway.app",
    )
    assert "gateway.audit.report" in loaded
    assert [name for name in loaded if name.startswith(engine)] == []
