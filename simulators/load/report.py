"""What was measured, and on what, as one flat document for programs and one table for people."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gateway.runtime import python_version
from simulators.load.latency import ordered, percentile_ms
from simulators.load.measure import Comparison, Crowd, Measurement, Options, Turns
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
        **(_turns(seen.turns) if seen.turns else {}),
        **(_crowd(seen.crowd) if seen.crowd else {}),
        **(_restarts(seen) if seen.restarts else {}),
        **_setting(options),
        **_machine(),
        "stolen_percent": None if seen.stolen is None else round(100 * seen.stolen, 1),
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
    ("one hot pair of wallets", "hot_per_s", "events/s"),
    ("many wallets", "many_per_s", "events/s"),
    ("beside reports", "beside_reports_per_s", "events/s"),
    ("alone", "alone_per_s", "events/s"),
    ("with much stored", "full_per_s", "events/s"),
    ("with little stored", "fresh_per_s", "events/s"),
    ("ratio of the two above", "ratio", ""),
    ("peak, everything running", "peak_per_s", "events/s"),
    ("still waiting at the end", "waiting_after", "events"),
    ("reports made meanwhile", "reports_meanwhile", ""),
    ("stored", "stored", "events"),
    ("after a stop, ready again in", "ready_s_after_stop", "s"),
    ("after a stop, a new insight in", "insight_s_after_stop", "s"),
    ("after a kill, ready again in", "ready_s_after_kill", "s"),
    ("after a kill, a new insight in", "insight_s_after_kill", "s"),
    ("connections", "connections", ""),
    ("paced at", "rate", "events/s"),
    ("web processes", "web", ""),
    ("events are scored", "analysis", ""),
    ("wallets", "wallets", ""),
    ("machine", "cpu", ""),
    ("processors", "cpu_count", ""),
    ("taken by other machines", "stolen_percent", "% of them"),
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


def _turns(turns: Turns) -> dict[str, Any]:
    """Named after what takes turns: `hot_per_s` and `many_per_s`, or `full_per_s` and `fresh_per_s`, each a list."""
    first, second = turns.names
    return {
        "ratio": round(turns.ratio, 3),
        f"{first}_per_s": [round(rate, 1) for rate in turns.first],
        f"{second}_per_s": [round(rate, 1) for rate in turns.second],
    }


def _crowd(crowd: Crowd) -> dict[str, Any]:
    return {
        "peak_per_s": round(crowd.peak_per_s, 1),
        "waiting_after": crowd.waiting_after,
        "reports_meanwhile": crowd.reports,
    }


def _restarts(seen: Measurement) -> dict[str, Any]:
    numbers: dict[str, Any] = {"stored": sum(slice_.accepted for slice_ in seen.every)}
    for how, restart in seen.restarts.items():
        numbers[f"ready_s_after_{how}"] = round(restart.ready_s, 1)
        numbers[f"insight_s_after_{how}"] = round(restart.insight_s, 1)
    return numbers


def _setting(options: Options) -> dict[str, Any]:
    return {
        "source": options.source,
        "connections": options.connections,
        "rate": options.rate,
        "wallets": options.wallets,
        "web": options.web,
        "analysis": options.analyse,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _machine() -> dict[str, Any]:
    return {"cpu": _cpu_model(), "cpu_count": os.cpu_count(), "python": python_version()}


def _cpu_model() -> str:
    """As Linux names it; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _text(number: Any) -> str:
    if isinstance(number, list):
        return " · ".join(f"{each:,.0f}" for each in number)
    return f"{number:,}" if isinstance(number, int | float) else str(number)
