"""How much waits to be applied, asked of the gateway itself, until the last insight is stored."""

import json
from collections.abc import Callable
from http.client import HTTPException
from time import monotonic, sleep
from typing import Final

from simulators.load.server import Server

POLL_MIN_S: Final = 0.1
POLL_MAX_S: Final = 1.0
STANDSTILL_S: Final = 60.0
DRAIN_MAX_S: Final = 3_600.0


class BacklogStuck(Exception):
    """The backlog did not shrink for `STANDSTILL_S`, or the gateway does not let us ask."""


def waiting(server: Server) -> int | None:
    """Events stored but not yet applied: `backlog` of `GET /monitoring/health`; None when it cannot say right now.

    Raises `BacklogStuck` when the key is refused.
    """
    try:
        status, body = server.get("/monitoring/health")
        if status in (401, 403):
            raise BacklogStuck(f"GET /monitoring/health answers {status}: the API key needs the scope ops:read")
        left = json.loads(body).get("backlog")
    except (OSError, HTTPException, ValueError):
        return None
    return left if isinstance(left, int) else None


def drained(ask: Callable[[], int | None]) -> float:
    """Wait until nothing waits; the monotonic moment when that was first seen. Raises `BacklogStuck`.

    A long backlog is asked about once a second and a short one ten times, so that asking does not slow the draining.
    """
    started = progressed = monotonic()
    fewest: int | None = None
    while True:
        asked, left = monotonic(), ask()
        if left == 0:
            return asked
        if left is not None and (fewest is None or left < fewest):
            fewest, progressed = left, asked
        if asked - progressed > STANDSTILL_S or asked - started > DRAIN_MAX_S:
            raise BacklogStuck(f"the backlog stands at {'an unknown number of' if left is None else left} events")
        sleep(POLL_MAX_S if left is None else min(POLL_MAX_S, max(POLL_MIN_S, left / 10_000)))
