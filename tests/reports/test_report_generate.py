"""Two private files, all or nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest

from reports.generate import NotWritten, file_date


def test_both_files_are_private_and_named_by_their_period(stored: Any, tmp_path: Path) -> None:
    """Money records: readable by their owner only, whatever the umask; nothing else is left beside them."""
    stored.booked("capture", 500)
    written = stored.generate(tmp_path / "new" / "folder")
    assert written.html.name == "report-2026-11-01--2026-12-01.html"
    assert written.json.name == "report-2026-11-01--2026-12-01.json"
    assert {S_IMODE(path.stat().st_mode) for path in (written.html, written.json)} == {0o600}
    assert set(written.html.parent.iterdir()) == {written.html, written.json}
    document = json.loads(written.json.read_bytes())
    assert document["format"] == "auto-pay-gateway/report/1"
    assert document["since"] == "2026-11-01T00:00:00Z"
    assert document["currencies"][0]["total"]["captured"]["amount"] == "5.00"


def test_a_report_replaces_the_earlier_one_of_its_period(stored: Any, tmp_path: Path) -> None:
    stored.generate(tmp_path)
    stored.booked("capture", 500)
    written = stored.generate(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert json.loads(written.json.read_bytes())["transactions"] == 1


def test_a_place_that_cannot_be_written_is_our_error(stored: Any, tmp_path: Path) -> None:
    """It says where and why, instead of a traceback."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritten, match=r"could not be written to .*file"):
        stored.generate(tmp_path / "file")


def test_a_moment_within_a_day_is_part_of_the_name() -> None:
    """No colon: some file systems refuse it."""
    assert file_date(datetime(2026, 11, 21, 9, 30, tzinfo=UTC)) == "2026-11-21T093000Z"
