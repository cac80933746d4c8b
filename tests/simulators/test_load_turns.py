"""The measurements that compare: each against real gateways of its own, for so short that only their shape is looked at."""

import json

import pytest
import typer
from typer.testing import CliRunner

from simulators.load.__main__ import main

app = typer.Typer()
app.command()(main)


def measured(*options: str) -> dict[str, object]:
    result = CliRunner().invoke(app, [*options, "--seconds", "0.5", "--wallets", "50", "--json"])
    assert result.exit_code == 0, result.output
    told: dict[str, object] = json.loads(result.stdout)
    return told


@pytest.mark.long
def test_half_the_peak_beside_a_draining_worker_and_a_report() -> None:
    """What is reported is the slice at half the rate, and what went on beside it."""
    told = measured("--half-peak")
    assert told["accepted"] == told["sent"]
    assert 0 < told["accepted_per_s"] < 0.8 * told["peak_per_s"]
    assert told["reports_meanwhile"] >= 1
    assert told["ack_p99_ms"] > 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "names"), [(("--hot",), ("hot", "many")), (("--flat", "3000"), ("full", "fresh"))], ids=["hot", "flat"]
)
def test_two_situations_take_turns(options: tuple[str, ...], names: tuple[str, str]) -> None:
    """As often each, and the ratio is that of their medians."""
    told = measured(*options)
    first, second = (sorted(told[f"{name}_per_s"]) for name in names)
    assert len(first) == len(second) == 3
    assert told["ratio"] == pytest.approx(first[1] / second[1], abs=0.01)


@pytest.mark.long
def test_a_gateway_starts_again_after_a_stop_and_after_a_kill() -> None:
    """With what it stored, and nothing that was accepted is lost on the way."""
    told = measured("--restart", "50")
    assert told["stored"] >= 50
    for how in ("stop", "kill"):
        assert 0 < told[f"ready_s_after_{how}"] <= told[f"insight_s_after_{how}"]


@pytest.mark.parametrize(
    "options",
    [
        ("--hot", "--flat", "9"),
        ("--half-peak", "--apply-only"),
        ("--restart", "9", "--flat", "9"),
        ("--hot", "--url", "http://x"),
    ],
)
def test_one_measurement_at_a_time(options: tuple[str, ...]) -> None:
    """They would disturb each other."""
    assert CliRunner().invoke(app, options).exit_code == 2
