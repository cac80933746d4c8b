"""The forecast's own bench: on a file of daily series and on made-up ones."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import commands
from gateway.cli.forecasting import bench, own_series, read_series
from gateway.errors import BadRequest


def test_on_made_up_series_it_beats_as_a_week_ago_and_its_bands_hold() -> None:
    """With the floor that it may not fall below: a quarter better, bands of 90 % between 80 and 97."""
    found = bench(list(own_series())[:20], days_ahead=28)
    assert found.series == 20
    assert found.mase < 0.85 * found.naive_mase
    assert 0.80 <= found.coverage <= 0.97


def test_a_file_is_read_by_columns_and_measured(tmp_path: Path) -> None:
    """A week that repeats is foretold without error; a gap is filled with the week before."""
    rows = [f"2026-{day},{day % 7 + 1},{'' if day == 80 else (day * 7) % 13}" for day in range(120)]
    file = tmp_path / "series.csv"
    file.write_text("day,a,b\n" + "\n".join(rows))
    first, second = read_series(file)
    assert first[:7] == [1, 2, 3, 4, 5, 6, 7]
    assert second[80] == second[73]
    told = CliRunner().invoke(
        commands("insights"), ["insights", "bench", "--data", str(file), "--days", "14", "--json"]
    )
    assert json.loads(told.output)["series"] == 1, "a series without error of its own has nothing to be measured by"


@pytest.mark.parametrize("text", ["", "day,a\n1,x\n", "day,a\n1,2\n3\n", "day,a\n" + "1,2\n" * 10])
def test_what_is_no_table_of_series_is_refused(tmp_path: Path, text: str) -> None:
    """Or is too short."""
    file = tmp_path / "series.csv"
    file.write_text(text)
    with pytest.raises(BadRequest):
        bench(read_series(file), days_ahead=56)
