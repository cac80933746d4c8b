"""`gateway report` as it is typed: what it writes, and a sentence for what cannot be right."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from stat import S_IMODE

import pytest
from booked_store import CIPHER
from report_ledger import DAY, LATER, Ledger
from served import unreachable_store

from gateway.audit.export_file import NotAnExport
from gateway.cli.reporting import read_formats
from gateway.errors import BadRequest, StoreUnavailable
from reports.files import NotWritten, file_name
from reports.formats import ALL, Format
from reports.generate import Wishes, make
from reports.sections.settlement import Settlement, read_settlement


def gateway(ledger: Ledger, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "MONGO_URL": ledger.uri,
        "MONGO_DATABASE": ledger.name,
        "DATA_DIR": str(tmp_path / "data"),
    }
    return subprocess.run(
        [sys.executable, "-m", "gateway", "report", *words],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def export(ledger: Ledger, file: Path, *further: str) -> int:
    """Razorpay's captures as a settlement file; how many."""
    captures = {
        item.effect.key: item.effect
        for item in ledger.items
        if item.effect and item.effect.key.startswith("razorpay:capture:")
    }
    rows = ["id,type,amount,currency"]
    for key, effect in captures.items():
        rows.append(
            f"{key.rpartition(':')[2]},capture,{effect.postings[0].amount_minor / 100:.2f},{effect.postings[0].currency}"
        )
    file.write_text("\n".join([*rows, *further]) + "\n")
    return len(captures)


def test_a_settlement_file_with_a_broken_row_gets_a_sentence_and_the_other_rows_their_comparison(
    day: Ledger, tmp_path: Path
) -> None:
    """As a person types it, with the files it names."""
    count = export(day, tmp_path / "november.csv", "pay_x,capture,12.345,INR")
    done = gateway(
        day, tmp_path, "--period", "2026-11-21", "--settlement", f"razorpay={tmp_path / 'november.csv'}",
        "--format", "html,json", "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"the first is line {count + 2}: INR has 2 decimals; the amount has more" in done.stdout
    files = sorted((tmp_path / "out").iterdir())
    assert [path.suffix for path in files] == [".html", ".json"]
    assert {S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    tables = {table["key"]: table for table in json.loads(files[1].read_bytes())["tables"]}
    results = {row["result"]: row["rows"] for row in tables["settlement"]["rows"]}
    assert (results["Matched"], results["Bad row"], results["Missing here"]) == (count, 1, 0)


def test_what_cannot_be_right_is_a_sentence_and_no_traceback(day: Ledger, tmp_path: Path) -> None:
    done = gateway(day, tmp_path, "--period", "fortnight")
    assert done.returncode == 1
    assert done.stderr.startswith("'fortnight' is no period. A period is day, week, month or quarter")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"currency": "USDT"}, "is no currency. Write its ISO 4217 code"),
        ({"currency": "usd"}, "in capital letters"),
        ({"source": "strip"}, "There are: payments, razorpay, stripe"),
        ({"wallet": "nobody"}, "There is no wallet of 'nobody'"),
    ],
)
def test_a_filter_that_names_nothing_says_what_there_is(day: Ledger, filters: dict[str, str], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        day.report(day.asked("2026-11-21", **filters))


def test_an_empty_period_is_a_true_empty_report(day: Ledger, tmp_path: Path) -> None:
    """All formats, every table there, nothing invented: also for a currency that was never seen."""
    for name, asked in enumerate((day.asked("2025-03"), day.asked("2026-11-21", currency="CHF"))):
        written = day.write(asked, tmp_path / str(name))
        assert written.files.keys() == set(ALL)
        assert all(path.exists() for path in written.files.values())
        report = written.report
        assert all(check.holds for check in report.checks)
        assert "Nothing was booked" in report.narrative.paragraphs[0]
        assert [table.key for table in report.tables if table.rows and table.key != "attention"] == []


def test_formats_are_read_as_they_are_said() -> None:
    assert read_formats("all") == ALL
    assert read_formats("PDF, xlsx") == (Format.PDF, Format.XLSX)
    with pytest.raises(BadRequest, match="html, pdf, xlsx, csv, json"):
        read_formats("docx")


@pytest.mark.parametrize("text", ["stripe", "=x.csv", "stripe=", "stripe=/no/such/file.csv"])
def test_a_settlement_that_is_none_says_how_to_write_it(text: str) -> None:
    with pytest.raises(BadRequest, match="SOURCE=FILE"):
        read_settlement(text)


def test_a_file_that_is_no_export_is_refused(day: Ledger, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(NotAnExport):
        day.report(day.asked("2026-11-21"), Wishes(CIPHER, settlement=Settlement("stripe", tmp_path / "x.csv")))


def test_a_place_that_cannot_be_written_is_our_error(day: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritten, match=r"could not be written to .*file"):
        day.write(day.asked("2026-11-21"), tmp_path / "file")


def test_files_are_named_by_period_and_filters(day: Ledger, tmp_path: Path) -> None:
    written = day.write(day.asked("2026-11-21", source="stripe", currency="EUR"), tmp_path)
    assert written.html.name == "report-2026-11-21--2026-11-22-stripe-EUR.html"
    assert DAY.date().isoformat() in written.html.name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"wallet": "shop/1"}, {"wallet": "shop:1"}),
        ({"wallet": "w" * 50 + "1"}, {"wallet": "w" * 50 + "2"}),
        ({"period": "2026-11-21T08:00..2026-11-21T12:00"}, {"period": "2026-11-21T11:00..2026-11-21T12:00"}),
    ],
    ids=["odd characters", "long names", "other times"],
)
def test_two_questions_have_two_names(day: Ledger, one: dict[str, str], other: dict[str, str]) -> None:
    """The second report would take the place of the first."""

    def name(wanted: dict[str, str]) -> str:
        filters = {key: value for key, value in wanted.items() if key != "period"}
        asked = day.asked(wanted.get("period", "2026-11-21"))
        return file_name(replace(day.report(asked), filters=filters))

    assert name(one) != name(other)


def test_a_store_that_does_not_answer_is_our_error(day: Ledger) -> None:
    """Not a driver's exception, and within the client's own time."""
    asked = day.asked("2026-11-21")

    async def read() -> None:
        async with unreachable_store() as database:
            await make(database, asked, Wishes(CIPHER), now=LATER)

    with pytest.raises(StoreUnavailable):
        asyncio.run(read())
