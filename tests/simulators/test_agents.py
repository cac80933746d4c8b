"""The measurement of what agents are answered: a real gateway and a bare route take turns, and each is told."""

import json
import subprocess
import sys

import pytest


@pytest.mark.long
def test_calls_and_cpu_are_measured_beside_a_bare_route() -> None:
    """One JSON list; every kind was called, costs something, and the bare route the least."""
    command = [sys.executable, "-m", "simulators.agents", "--seconds", "0.3", "--rounds", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    measured = {each["what"]: each for each in json.loads(done.stdout)}
    assert {"bare Starlette route", "ping", "get_wallet_balance", "tools/list"} <= measured.keys()
    assert all(each["calls_per_s"] > 0 for each in measured.values())
    assert measured["bare Starlette route"]["cpu_ms_per_call"] <= measured["get_payment_status"]["cpu_ms_per_call"]
