"""What was measured, and on what, as one flat document for programs and one table for people."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from simulators.load.latency import ordered, percentile_ms
from simulators.load.measure import Comparison, Measurement, Options
from simulators.load.sender import Slice


def report(seen: Measurement, options: Options) -> dict[str, Any]:
    """Every number of the run; None where nothing was measured. Rates are per second, latencies in milliseconds."""
    latencies = ordered(seen.main.latencies)
    applied_per_s = round(seen.applied_per_s, 1) if seen.applied_per_s else None
    return {
        "accepted": seen.main.accepted,
        "accepted_per_s": round(seen.main.accepted_per_s, 1),
        "ack_p50_ms": percentile_ms(latencies, 50),
        "ack_p95_ms": percentile_ms(latencies, 95),
        "ack_p99_ms": percentile_ms(latencies, 99),
        "insights_per_s" if seen.stage == "whole" else "applied_per_s": applied_per_s,
        "drain_s": None if seen.drain_s is None else round(seen.drain_s, 2),
        "seconds": round(seen.main.seconds, 2),
        "sent": seen.main.sent,
        "never_sent": seen.main.never_sent,
        "errors": dict(seen.errors),
        **(_comparison(seen.comparison, seen.main) if seen.comparison else {}),
        **_setting(options),
        **_machine(),
    }


def print_table(numbers: dict[str, Any], console: Console) -> None:
    """The same for a person."""
    table = Table(title="Load", show_header=False)
    for label, name, unit in _ROWS:
        if numbers.get(name) is not None:
            table.add_row(label, f"{_text(numbers[name])} {unit}".strip())
    errors = ", ".join(f"{count} × {answer}" for answer, count in numbers["errors"].items())
    table.add_row("refused or lost", errors or "none")
    console.print(table)


_ROWS = (
    ("accepted (durable)", "accepted", "events"),
    ("accepted per second", "accepted_per_s", ""),
    ("acknowledged, half within", "ack_p50_ms", "ms"),
    ("acknowledged, 95 % within", "ack_p95_ms", "ms"),
    ("acknowledged, 99 % within", "ack_p99_ms", "ms"),
    ("webhook to stored insight", "insights_per_s", "events/s"),
    ("applied from a backlog", "applied_per_s", "events/s"),
    ("waited for the last insight", "drain_s", "s"),
    ("ingress alone, durable", "durable_per_s", "events/s"),
    ("ingress alone, without a database", "ceiling_per_s", "events/s"),
    ("durable / without a database", "ratio", ""),
    ("connections", "connections", ""),
    ("paced at", "rate", "events/s"),
    ("web processes", "web", ""),
    ("wallets", "wallets", ""),
    ("machine", "cpu", ""),
    ("processors", "cpu_count", ""),
    ("Python", "python", ""),
)


def _comparison(comparison: Comparison, main: Slice) -> dict[str, Any]:
    """`ratio` is ingress alone against its ceiling; `ratio_while_applying` has the worker beside it, as in `main`."""
    durable, ceiling = comparison.durable_per_s, comparison.ceiling_per_s
    return {
        "durable_per_s": round(durable, 1),
        "ceiling_per_s": round(ceiling, 1),
        "ratio": round(durable / ceiling, 3) if ceiling else None,
        "ratio_while_applying": round(main.accepted_per_s / ceiling, 3) if ceiling else None,
        "durable_slices_per_s": [round(slice_.accepted_per_s, 1) for slice_ in comparison.durable],
        "ceiling_slices_per_s": [round(slice_.accepted_per_s, 1) for slice_ in comparison.ceiling],
    }


def _setting(options: Options) -> dict[str, Any]:
    return {
        "source": options.source,
        "connections": options.connections,
        "rate": options.rate,
        "wallets": options.wallets,
        "web": options.web,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _machine() -> dict[str, Any]:
    return {"cpu": _cpu_model(), "cpu_count": os.cpu_count(), "python": platform.python_version()}


def _cpu_model() -> str:
    """As Linux names it; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _text(number: Any) -> str:
    return f"{number:,}" if isinstance(number, int | float) else str(number)
