"""The benchmark: a floor on our own simulated data, and each way a file can be wrong."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.analysis.learning import bench as module
from gateway.analysis.learning import train
from gateway.analysis.learning.bench import Bench, bench
from gateway.analysis.learning.rows import Row, read_rows
from gateway.analysis.learning.stream import Stream
from gateway.analysis.profile import DAY_S
from gateway.analysis.vector import NAMES
from gateway.cli import commands, models
from gateway.cli.models import table_of
from gateway.errors import BadModel
from simulators.fraud import simulate_handbook, simulate_patterns

HEADER = "time_s,customer,counterparty,amount,fraud\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def written(text: str) -> Path:
        path = tmp_path / "rows.csv"
        path.write_text(text)
        return path

    return written


def test_the_floor_on_our_own_data() -> None:
    """The model finds more than the rules and stays calibrated; the figures are for the simulator and nothing else."""
    pytest.importorskip("lightgbm", reason="LightGBM is an extra: pip install 'auto-pay-gateway[train]'")
    result = CliRunner().invoke(commands("model"), ["model", "bench", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["model"]["ap"] > 0.3 > 2 * found["rules"]["ap"]
    assert found["model"]["auc"] > 0.75
    assert found["model"]["calibration_error"] < 0.02
    assert found["published"] is None
    assert set(found["model"]) == set(found["rules"])


@pytest.mark.parametrize(("protocol", "starts"), [("A", [10]), ("B", [10, 17, 24, 31])])
def test_our_own_data_last_as_long_as_the_protocol(
    monkeypatch: pytest.MonkeyPatch, protocol: str, starts: list[int]
) -> None:
    """The last fold's test week is the last one that is simulated. Of fewer customers, for the figures are not looked at."""
    pytest.importorskip("lightgbm", reason="LightGBM is an extra: pip install 'auto-pay-gateway[train]'")
    asked = list[int]()

    def simulated(*, days: int) -> Iterator[Row]:
        asked.append(days)
        return simulate_patterns(days=days, customers=120, counterparties=60)

    monkeypatch.setattr(models, "simulate_patterns", simulated)
    words = ["model", "bench", "--json", "--protocol", protocol, "--start-day", "10"]
    result = CliRunner().invoke(commands("model"), words)
    assert result.exit_code == 0, result.exception
    assert [fold["start_day"] for fold in json.loads(result.output)["folds"]] == starts
    assert asked == [starts[-1] + 21]


def test_more_than_can_be_known_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the handbook's data no honest result is above the ceiling: the command fails and says so."""
    pytest.importorskip("lightgbm", reason="LightGBM is an extra: pip install 'auto-pay-gateway[train]'")
    monkeypatch.setattr(module, "LEAK_AP", 0.05)
    rows = simulate_handbook(days=31, customers=400, terminals=300)
    with pytest.raises(BadModel, match="leak"):
        bench(rows, "A", start_day=10, handbook=True)


def test_without_lightgbm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, before a minute of reading."""
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    with pytest.raises(BadModel, match=r"pip install 'auto-pay-gateway\[train\]'"):
        bench(iter(()), "A", start_day=0, handbook=True)


def test_a_label_is_in_no_feature_before_it_is_known() -> None:
    """Turning the labels of the last week over changes no vector of that week."""
    rows = list(simulate_handbook(days=20, customers=60, terminals=40))
    turned = [row._replace(fraud=not row.fraud) if row.time_s >= 13 * DAY_S else row for row in rows]
    honest = Stream().watch(rows, lambda day: day >= 13)
    other = Stream().watch(turned, lambda day: day >= 13)
    assert [repr(each.numbers) for each in honest] == [repr(each.numbers) for each in other]


def test_a_label_is_in_the_features_once_it_is_known() -> None:
    """Or the test above would show nothing."""
    rows = [Row(day * DAY_S + 5, "a", "shop", 10_00, day == 0) for day in range(9)]
    ever = [each.numbers[NAMES.index("chargebacks_ever")] for each in Stream().watch(rows, lambda day: True)]
    assert ever == [0, 0, 0, 0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time_s,customer,amount\n1,a,2\n", "lacks the columns counterparty, fraud"),
        (HEADER + "5,a,b,1.00,0\n4,a,b,1.00,0\n", "line 3: earlier than the row before it"),
        (HEADER + "5,a,b,much,0\n", "line 2: not a row"),
        (HEADER + "5,a\n", "line 2: not a row"),
        (HEADER + "nan,a,b,1.00,0\n", "line 2: not a row"),
        (HEADER + "5,a,b,1e300,0\n", "line 2: not a row"),
        ("", "lacks the columns"),
    ],
    ids=["columns", "order", "amount", "short", "no time", "no money", "empty"],
)
def test_a_file_that_cannot_be_used(write: Callable[[str], Path], text: str, said: str) -> None:
    """Names the line and what is wrong with it."""
    with pytest.raises(BadModel, match=said):
        list(read_rows(write(text)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Or is not what its name says."""
    (tmp_path / "rows.csv.gz").write_bytes(b"plain")
    for name in ("none.csv", "rows.csv.gz"):
        with pytest.raises(BadModel, match="cannot be read"):
            list(read_rows(tmp_path / name))


def test_a_packed_file_is_read_like_a_plain_one(tmp_path: Path) -> None:
    """Amounts become hundredths exactly, columns may stand in any order."""
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"fraud,time_s,customer,counterparty,amount\n1,7,a,b,-0.29\n"))
    assert list(read_rows(path)) == [Row(7.0, "a", "b", -29, True)]


def test_a_file_too_short_for_the_protocol(write: Callable[[str], Path]) -> None:
    """Says how many days are needed."""
    pytest.importorskip("lightgbm", reason="LightGBM is an extra: pip install 'auto-pay-gateway[train]'")
    path = write(HEADER + f"{116 * DAY_S},a,b,1.00,0\n")
    with pytest.raises(BadModel, match="ends on day 116; protocol A from day 115 needs 136 days"):
        bench(read_rows(path), "A", start_day=115, handbook=True)


@pytest.mark.parametrize("simulate", [simulate_handbook, simulate_patterns])
def test_the_simulators_are_seeded_and_sorted(simulate: Callable[..., object]) -> None:
    """The same seed gives the same rows, in order of time, with some fraud among them."""
    sizes = {"terminals": 40} if simulate is simulate_handbook else {"counterparties": 40}
    first, again = (list(simulate(seed=4, days=12, customers=50, **sizes)) for _ in range(2))  # type: ignore[call-overload]
    assert first == again
    assert first == sorted(first, key=lambda row: row.time_s)
    assert 0 < sum(row.fraud for row in first) < len(first) / 2


@pytest.mark.parametrize("published", [None, {"auc": 0.871, "ap": 0.658, "cp100": 0.291}])
def test_the_table_shows_what_there_is(published: dict[str, float] | None) -> None:
    """A row for what was published only where it is about the same data."""
    row = {
        "auc": 0.9,
        "ap": 0.7,
        "cp100": 0.3,
        "recall_at_1pct_fpr": 0.8,
        "calibration_error": 0.001,
        "latency_us": 80.0,
    }
    table = table_of(Bench("A", [], row, row, published))
    assert table.row_count == (2 if published is None else 3)
