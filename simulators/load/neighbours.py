"""How much of the processors other machines on the same host took away while something was measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

_STOLEN: Final = 7
"""The place of the stolen ticks in the first line of /proc/stat: after user, nice, system, idle, iowait, irq and softirq. Those of
guests, behind it, are counted in user and nice already (proc_stat(5))."""


def stolen_since_now(stat: Path = Path("/proc/stat")) -> Callable[[], float | None]:
    """A function that tells which share of the processors' time since then was stolen, 0 to 1; None where Linux does not tell."""
    began = _ticks(stat)

    def share() -> float | None:
        stolen, every = (now - then for now, then in zip(_ticks(stat), began, strict=True))
        return stolen / every if every else None

    return share


def _ticks(stat: Path) -> tuple[int, int]:
    """Stolen, and all."""
    try:
        first = stat.read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return 0, 0
    ticks = [int(each) for each in first.split()[1 : _STOLEN + 2]]
    return ticks[_STOLEN], sum(ticks)
