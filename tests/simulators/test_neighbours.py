"""What other machines took of the processors is told beside a measurement."""

from pathlib import Path

from simulators.load.neighbours import stolen_since_now


def _write(stat: Path, *ticks: int) -> None:
    stat.write_text(f"cpu  {' '.join(map(str, ticks))}\ncpu0 1 1 1 1 1 1 1 1 1 1\n")


def test_it_is_the_share_of_the_ticks_since_then(tmp_path: Path) -> None:
    """Stolen among user, nice, system, idle, iowait, irq, softirq and stolen; the guests' are not counted twice."""
    stat = tmp_path / "stat"
    _write(stat, 100, 10, 20, 300, 5, 0, 1, 40, 7, 7)
    stolen = stolen_since_now(stat)
    _write(stat, 130, 20, 30, 330, 5, 0, 1, 60, 9, 9)
    assert stolen() == 0.2


def test_nothing_is_told_where_there_is_nothing_to_read(tmp_path: Path) -> None:
    """Another system than Linux, or no tick since."""
    assert stolen_since_now(tmp_path / "missing")() is None
    stat = tmp_path / "stat"
    _write(stat, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    assert stolen_since_now(stat)() is None
